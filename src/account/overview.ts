import type { FactorService } from '../domain/factors/factor-service.ts';
import type { GrantService } from '../domain/grants/grant-service.ts';
import type { SessionService } from '../domain/sessions/session-service.ts';
import type { Page } from '../http/pages.ts';
import type { AccountPage } from './account-page.ts';
import { attentionOf } from './attention.ts';
import { frameOf } from './visit.ts';

export type OverviewDeps = {
  page: Page;
  factors: Pick<FactorService, 'list' | 'backupCodesLeft'>;
  sessions: Pick<SessionService, 'list'>;
  grants: Pick<GrantService, 'list'>;
};

/** What a person sees first: who they are here, and what needs them. */
export function createOverviewPage({ page, factors, sessions, grants }: OverviewDeps): AccountPage {
  return {
    path: '/account',
    async show(visit) {
      const { ctx, call, userId, user, issuer } = visit;
      const { mfa } = issuer.tenant.settings;
      const [has, codes] = [await factors.list(call, userId), await factors.backupCodesLeft(call, userId)];
      const places = await sessions.list(call, userId);
      const applications = await grants.list(call, userId);
      page(ctx, 'account-overview', {
        ...frameOf(visit, 'overview'),
        attention: attentionOf({
          user,
          factors: has,
          codes,
          sessions: places,
          mfa,
          currentUid: visit.session.sessionUid,
          now: call.now,
        }),
        email: user.email,
        factors: has.length,
        sessions: places.length,
        applications: applications.length,
        usesFactors: mfa.mode !== 'off',
      });
    },
  };
}
