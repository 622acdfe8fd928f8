import type { GrantedClient } from '../domain/grants/grant.ts';
import type { GrantService } from '../domain/grants/grant-service.ts';
import type { ShownApplication } from '../http/account-pages.ts';
import type { Page } from '../http/pages.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage } from './account-page.ts';
import { baseOf, done, formOf, frameOf, type Visit } from './visit.ts';

export type ApplicationsDeps = { page: Page; grants: GrantService };

/** The applications that a person has let in, what they may do, and the end of it. */
export function createApplicationPages({ page, grants }: ApplicationsDeps): AccountPage[] {
  return [
    {
      path: '/account/applications',
      async show(visit) {
        const found = await grants.list(visit.call, visit.userId);
        page(visit.ctx, 'account-applications', {
          ...frameOf(visit, 'applications'),
          applications: found.map((granted) => shownApplication(visit, granted)),
        });
      },
    },
    {
      path: '/account/applications/:id',
      async show(visit) {
        const { ctx, call, userId, params, issuer } = visit;
        const found = (await grants.list(call, userId)).find(({ clientId }) => clientId === params['id']);
        if (!found) throw new Failure('grant_not_found');
        page(ctx, 'account-confirm', {
          ...formOf(visit, 'applications'),
          act: 'application',
          name: found.name,
          backTo: `${baseOf(issuer)}/applications`,
        });
      },
      async post(visit) {
        await grants.revoke(visit.call, visit.userId, visit.params['id']!);
        done(visit, '/applications', 'application_removed');
      },
    },
  ];
}

function shownApplication({ issuer }: Visit, granted: GrantedClient): ShownApplication {
  const { clientId, apis, ...rest } = granted;
  const nameOf = (identifier: string) =>
    issuer.tenant.apis.find((api) => api.identifier === identifier)?.name ?? identifier;
  return {
    ...rest,
    href: `${baseOf(issuer)}/applications/${encodeURIComponent(clientId)}`,
    apis: apis.map(({ identifier, scopes }) => ({ name: nameOf(identifier), scopes })),
  };
}
