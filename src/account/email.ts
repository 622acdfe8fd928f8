import type Koa from 'koa';
import type { FactorService } from '../domain/factors/factor-service.ts';
import type { EmailChangeService } from '../domain/recovery/email-change-service.ts';
import type { VerificationService } from '../domain/recovery/verification-service.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { AccountPage } from './account-page.ts';
import { changerOf } from './security.ts';
import { done, formOf, type Visit } from './visit.ts';

export type EmailDeps = {
  page: Page;
  emailChange: Pick<EmailChangeService, 'ask' | 'confirmByCode'>;
  verification: Pick<VerificationService, 'resend' | 'confirmByCode'>;
  factors: Pick<FactorService, 'assertMayChange'>;
  /** What letters need to know of the person before the page: what they read, and at which issuer they are. */
  readerOf(ctx: Koa.Context): { languages: readonly string[]; base: string };
};

type Problem = { code: ProblemCode; status: number };

const inSession = ({ userId, session: { sessionUid } }: Visit) => ({ userId, sessionUid });
/** What only this sign-in has: codes of letters work here. */
const holderOf = ({ session: { sessionUid } }: Visit) => `session:${sessionUid}`;

/** Another e-mail address, and the proof of the present one: by the code of a letter, or the link in it. */
export function createEmailPages(deps: EmailDeps): AccountPage[] {
  return [changePage(deps), changeCodePage(deps), proofPage(deps)];
}

/** The new address is typed; nothing changes yet. Its login must be fresh before it is typed, so that nothing is lost. */
function changePage({ page, emailChange, factors, readerOf }: EmailDeps): AccountPage {
  function draw(visit: Visit, typed: string, problem?: Problem): void {
    const data = { ...formOf(visit, 'profile', problem?.code), email: visit.user.email, typed };
    page(visit.ctx, 'account-email', data, problem?.status);
  }

  return {
    path: '/account/email',
    async show(visit) {
      await factors.assertMayChange(visit.call, changerOf(visit));
      draw(visit, '');
    },
    async post(visit, form) {
      const email = (form['email'] ?? '').slice(0, LIMITS.identifierChars);
      try {
        await emailChange.ask(visit.call, inSession(visit), { email, ...readerOf(visit.ctx) });
      } catch (error) {
        return draw(visit, email, shown(error));
      }
      done(visit, '/email/code');
    },
  };
}

/** The code of the letter to the new address makes it the person's. */
function changeCodePage({ page, emailChange }: EmailDeps): AccountPage {
  function draw(visit: Visit, problem?: Problem): void {
    const data = { ...formOf(visit, 'profile', problem?.code), matter: 'change' as const };
    page(visit.ctx, 'account-email-code', data, problem?.status);
  }

  return {
    path: '/account/email/code',
    async show(visit) {
      draw(visit);
    },
    async post(visit, form) {
      try {
        await emailChange.confirmByCode(visit.call, inSession(visit), form['code'] ?? '');
      } catch (error) {
        return draw(visit, shown(error));
      }
      done(visit, '/profile', 'email_changed');
    },
  };
}

/** The present address is proven. The letter is sent by a button, not by looking. */
function proofPage({ page, verification, readerOf }: EmailDeps): AccountPage {
  function draw(visit: Visit, problem?: Problem): void {
    const { email } = visit.user;
    const data = { ...formOf(visit, 'profile', problem?.code), matter: 'proof' as const, email };
    page(visit.ctx, 'account-email-code', data, problem?.status);
  }

  return {
    path: '/account/email/proof',
    async show(visit) {
      if (visit.user.emailVerified) done(visit, '/profile');
      else draw(visit);
    },
    async post(visit, form) {
      const { call, ctx, userId } = visit;
      const holder = holderOf(visit);
      try {
        if (form['action'] === 'send') {
          await verification.resend(call, userId, { ...readerOf(ctx), holder });
          return done(visit, '/email/proof', 'letter_sent');
        }
        await verification.confirmByCode(call, { holder, code: form['code'] ?? '' });
      } catch (error) {
        return draw(visit, shown(error));
      }
      done(visit, '/profile', 'email_verified');
    },
  };
}

/** A refusal that the page shows; anything else goes on. */
function shown(error: unknown): Problem {
  const problem = error instanceof Failure ? PROBLEMS[error.code] : undefined;
  if (!problem) throw error;
  return problem;
}

const PROBLEMS: Partial<Record<Failure['code'], Problem>> = {
  invalid_input: { code: 'email_invalid', status: 422 },
  token_invalid: { code: 'code_wrong', status: 401 },
  // Somebody was faster; who, nobody is told.
  email_taken: { code: 'code_wrong', status: 401 },
  rate_limited: { code: 'rate_limited', status: 429 },
};
