import type { FactorService } from '../domain/factors/factor-service.ts';
import type { PasswordService } from '../domain/passwords/password-service.ts';
import { CONSENT_TYPES, type ConsentType } from '../domain/privacy/consent.ts';
import type { ConsentService } from '../domain/privacy/consent-service.ts';
import type { ErasureService } from '../domain/privacy/erasure-service.ts';
import type { PersonalData, PersonalDataService } from '../domain/privacy/personal-data.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import type { TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { AccountPage } from './account-page.ts';
import { changerOf } from './security.ts';
import { baseOf, done, formOf, type Visit } from './visit.ts';

export type PrivacyDeps = {
  page: Page;
  consents: ConsentService;
  erasure: ErasureService;
  personalData: PersonalDataService;
  passwords: Pick<PasswordService, 'has'>;
  factors: Pick<FactorService, 'assertMayChange'>;
  /** A person's data in the form in which they take it with them: the one that the API documents. */
  writePersonalData(call: TenantCall, data: PersonalData): object;
};

/** What a person allows, a copy of their data, and the end of their account. */
export function createPrivacyPages(deps: PrivacyDeps): AccountPage[] {
  return [choicesPage(deps), erasePage(deps)];
}

/** What somebody can choose; what is essential is no choice. */
const CHOICES = CONSENT_TYPES.filter((type) => type !== 'essential');

function choicesPage(deps: PrivacyDeps): AccountPage {
  const { page, consents, erasure } = deps;
  return {
    path: '/account/privacy',
    async show(visit) {
      const { ctx, call, userId, issuer } = visit;
      const state = await consents.list(call, userId);
      const history = await consents.history(call, userId);
      const open = await erasure.find(call, userId);
      page(ctx, 'account-privacy', {
        ...formOf(visit, 'privacy'),
        choices: state.filter(({ type }) => type !== 'essential'),
        history: history.slice(0, LIMITS.lettersShown),
        erasedAt: open?.effectiveAt,
        eraseUrl: `${baseOf(issuer)}/privacy/erase`,
      });
    },
    async post(visit, form) {
      if (form['action'] === 'copy') return handOut(visit, deps);
      if (form['action'] === 'keep') {
        await keep(visit, erasure);
        return done(visit, '/privacy', 'account_kept');
      }
      for (const type of CHOICES) await choose(visit, type, form[type] !== undefined, consents);
      done(visit, '/privacy', 'choices_saved');
    },
  };
}

/** What was kept already is kept. */
async function keep({ call, userId }: Visit, erasure: PrivacyDeps['erasure']): Promise<void> {
  await erasure.cancel(call, userId).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'erasure_not_found') throw error;
  });
}

/** A box that was never touched is no choice, so it leaves nothing. */
async function choose(
  { call, userId }: Visit,
  type: ConsentType,
  granted: boolean,
  consents: PrivacyDeps['consents'],
): Promise<void> {
  const before = (await consents.list(call, userId)).find((each) => each.type === type);
  if (before?.granted !== granted) await consents.set(call, userId, { type, granted, source: 'page' });
}

/** The copy is a file. It is taken by a button: that it was taken is written down. */
async function handOut({ ctx, call, userId }: Visit, { personalData, writePersonalData }: PrivacyDeps): Promise<void> {
  const data = await personalData.collect(call, userId);
  ctx.status = 200;
  ctx.type = 'application/json';
  ctx.set('cache-control', 'no-store');
  ctx.set('content-disposition', 'attachment; filename="my-data.json"');
  ctx.body = JSON.stringify(writePersonalData(call, data), undefined, 2);
}

function erasePage({ page, erasure, passwords, factors }: PrivacyDeps): AccountPage {
  async function draw(visit: Visit, problem?: ProblemCode, status?: number): Promise<void> {
    const { call, userId, issuer, user } = visit;
    page(
      visit.ctx,
      'account-erase',
      {
        ...formOf(visit, 'privacy', problem),
        identifier: user.email,
        days: issuer.tenant.settings.privacy.graceDays,
        hasPassword: await passwords.has(call, userId),
        backTo: `${baseOf(issuer)}/privacy`,
      },
      status,
    );
  }

  return {
    path: '/account/privacy/erase',
    async show(visit) {
      // Without a password, it is the login that must be fresh.
      if (!(await passwords.has(visit.call, visit.userId))) await factors.assertMayChange(visit.call, changerOf(visit));
      await draw(visit);
    },
    async post(visit, form) {
      const { ctx, call, userId, session } = visit;
      const password = form['current_password'];
      const hasPassword = await passwords.has(call, userId);
      const given = { sessionUid: session.sessionUid, deviceCookie: readDeviceCookie(ctx) };
      try {
        await erasure.ask(call, userId, { ...given, password: hasPassword ? (password ?? '') : undefined });
      } catch (error) {
        const [problem, status] = (error instanceof Failure && PROBLEMS[error.code]) || [];
        if (problem === undefined) throw error;
        return draw(visit, problem, status);
      }
      done(visit, '/privacy', 'erasure_asked');
    },
  };
}

const PROBLEMS: Partial<Record<Failure['code'], [problem: ProblemCode, status: number]>> = {
  invalid_credentials: ['current_password_wrong', 401],
  invalid_input: ['current_password_wrong', 401],
  rate_limited: ['rate_limited', 429],
  last_admin: ['last_admin', 422],
};
