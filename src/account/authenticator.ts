import type { FactorService, TotpEnrolment } from '../domain/factors/factor-service.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage } from './account-page.ts';
import { changerOf } from './security.ts';
import { done, formOf, frameOf, type Visit } from './visit.ts';

export type AuthenticatorDeps = {
  page: Page;
  factors: Pick<FactorService, 'list' | 'assertMayChange' | 'pendingTotp' | 'enrolTotp' | 'confirmTotp'>;
};

/** An authenticator application is set up: the secret is made by a button, not by looking, and shown until it is confirmed. */
export function createAuthenticatorPage({ page, factors }: AuthenticatorDeps): AccountPage {
  async function draw(visit: Visit, pending: TotpEnrolment | undefined, problem?: ProblemCode): Promise<void> {
    const has = await factors.list(visit.call, visit.userId);
    const data = {
      ...formOf(visit, 'security', problem),
      replaces: has.some(({ kind }) => kind === 'totp'),
      secret: pending?.secret,
      qrCode: pending?.qrCode,
    };
    page(visit.ctx, 'account-authenticator', data, problem === undefined ? 200 : 401);
  }

  return {
    path: '/account/security/authenticator',
    async show(visit) {
      const by = changerOf(visit);
      await factors.assertMayChange(visit.call, by);
      await draw(visit, await factors.pendingTotp(visit.call, by));
    },
    async post(visit, form) {
      const { ctx, call } = visit;
      const by = changerOf(visit);
      if (form['action'] !== 'enrol') {
        await factors.enrolTotp(call, by);
        return done(visit, '/security/authenticator');
      }
      const pending = await factors.pendingTotp(call, by);
      if (!pending) return done(visit, '/security/authenticator', 'enrolment_expired');
      const { factorId } = pending;
      try {
        const { backupCodes } = await factors.confirmTotp(call, by, { factorId, code: form['code'] ?? '' });
        if (!backupCodes) return done(visit, '/security', 'authenticator_added');
        page(ctx, 'account-codes', { ...frameOf(visit, 'security'), codes: backupCodes, first: 'app' });
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'factor_wrong') throw error;
        await draw(visit, pending, 'factor_wrong');
      }
    },
  };
}
