import type { FactorService } from '../domain/factors/factor-service.ts';
import { CHANNELS, type Channel } from '../domain/factors/sent-code.ts';
import type { SentFactorService } from '../domain/factors/sent-factor-service.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { AccountPage, Fields } from './account-page.ts';
import type { EmailDeps } from './email.ts';
import { changerOf } from './security.ts';
import { done, formOf, frameOf, type Visit } from './visit.ts';

export type SentCodesDeps = Pick<EmailDeps, 'readerOf'> & {
  page: Page;
  factors: Pick<FactorService, 'list' | 'assertMayChange'>;
  sentFactors: Pick<SentFactorService, 'pending' | 'enrol' | 'confirm'>;
};

/** What a try came to: a number that was typed, and why it was refused. */
type Tried = { number?: string; problem: ProblemCode; status: number };

/** Codes by e-mail and by text message are set up. A code goes out by a button, not by looking. */
export const createSentCodePages = (deps: SentCodesDeps): AccountPage[] =>
  CHANNELS.map((channel) => channelPage(channel, deps));

function channelPage(channel: Channel, { page, factors, sentFactors, readerOf }: SentCodesDeps): AccountPage {
  const path = `/security/${channel}`;

  async function draw(visit: Visit, tried?: Tried): Promise<void> {
    const { call, user, userId } = visit;
    const has = await factors.list(call, userId);
    const sentTo = (await sentFactors.pending(call, changerOf(visit), channel))?.address;
    const own = channel === 'email' ? user.email : (user.phone ?? '');
    const data = {
      ...formOf(visit, 'security', tried?.problem),
      channel,
      replaces: has.some(({ kind }) => kind === channel),
      address: tried?.number ?? sentTo ?? own,
      sentTo,
    };
    page(visit.ctx, 'account-sent-code', data, tried?.status);
  }

  async function send(visit: Visit, form: Fields): Promise<void> {
    const number = form['phone']?.slice(0, LIMITS.identifierChars);
    const { languages } = readerOf(visit.ctx);
    try {
      await sentFactors.enrol(visit.call, changerOf(visit), { channel, phoneNumber: number, languages });
    } catch (error) {
      return draw(visit, { ...(number !== undefined && { number }), ...shown(error) });
    }
    done(visit, path, 'code_sent');
  }

  async function confirm(visit: Visit, form: Fields): Promise<void> {
    const { call, ctx } = visit;
    const by = changerOf(visit);
    const pending = await sentFactors.pending(call, by, channel);
    if (!pending) return done(visit, path, 'enrolment_expired');
    const given = { channel, factorId: pending.factorId, code: form['code'] ?? '' };
    try {
      const { backupCodes } = await sentFactors.confirm(call, by, given);
      if (!backupCodes) return done(visit, '/security', 'codes_added');
      page(ctx, 'account-codes', { ...frameOf(visit, 'security'), codes: backupCodes, first: 'codes' });
    } catch (error) {
      return draw(visit, shown(error));
    }
  }

  return {
    path: `/account${path}`,
    async show(visit) {
      await factors.assertMayChange(visit.call, changerOf(visit));
      await draw(visit);
    },
    post: (visit, form) => (form['action'] === 'send' ? send(visit, form) : confirm(visit, form)),
  };
}

/** A refusal that the page shows; anything else goes on. */
function shown(error: unknown): Tried {
  const problem = error instanceof Failure ? PROBLEMS[error.code] : undefined;
  if (!problem) throw error;
  return problem;
}

const PROBLEMS: Partial<Record<Failure['code'], Tried>> = {
  factor_wrong: { problem: 'sent_code_wrong', status: 401 },
  invalid_input: { problem: 'phone_invalid', status: 422 },
  phone_not_allowed: { problem: 'phone_not_allowed', status: 422 },
  rate_limited: { problem: 'rate_limited', status: 429 },
};
