import type { GrantService } from '../domain/grants/grant-service.ts';
import type { Session } from '../domain/sessions/session.ts';
import type { SessionService } from '../domain/sessions/session-service.ts';
import type { ShownBrowser } from '../http/account-pages.ts';
import type { Page } from '../http/pages.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage } from './account-page.ts';
import { baseOf, done, formOf, frameOf, type Visit } from './visit.ts';

export type SessionsDeps = {
  page: Page;
  sessions: Pick<SessionService, 'list' | 'end' | 'endAll'>;
  grants: Pick<GrantService, 'list'>;
};

/** Where a person is signed in, and the end of it: in one place, or in all others. */
export function createSessionPages({ page, sessions, grants }: SessionsDeps): AccountPage[] {
  return [
    {
      path: '/account/sessions',
      async show(visit) {
        const { ctx, call, userId } = visit;
        const names = new Map((await grants.list(call, userId)).map(({ clientId, name }) => [clientId, name]));
        const found = await sessions.list(call, userId);
        // This one first: it is the one that a person knows.
        const shown = found.map((session) => shownSession(visit, session, names));
        page(ctx, 'account-sessions', {
          ...frameOf(visit, 'sessions'),
          sessions: [...shown.filter(({ current }) => current), ...shown.filter(({ current }) => !current)],
        });
      },
    },
    {
      path: '/account/sessions/others',
      async show(visit) {
        page(visit.ctx, 'account-confirm', {
          ...formOf(visit, 'sessions'),
          act: 'other_sessions',
          backTo: `${baseOf(visit.issuer)}/sessions`,
        });
      },
      async post(visit) {
        const { call, userId, session } = visit;
        await sessions.endAll(call, userId, 'sign_out_everywhere', session.sessionUid);
        done(visit, '/sessions', 'others_ended');
      },
    },
    {
      path: '/account/sessions/:id',
      async show(visit) {
        const { ctx, call, userId, params } = visit;
        const found = (await sessions.list(call, userId)).find(({ id }) => id === params['id']);
        // One's own ends at the logout of the house.
        if (!found || found.id === visit.session.sessionUid) throw new Failure('session_not_found');
        page(ctx, 'account-confirm', {
          ...formOf(visit, 'sessions'),
          act: 'session',
          browser: shownSession(visit, found, new Map()),
          backTo: `${baseOf(visit.issuer)}/sessions`,
        });
      },
      async post(visit) {
        await sessions.end(visit.call, visit.userId, visit.params['id']!);
        done(visit, '/sessions', 'session_ended');
      },
    },
  ];
}

function shownSession(
  { issuer, session: { sessionUid } }: Visit,
  session: Session,
  names: ReadonlyMap<string, string>,
): ShownBrowser {
  return {
    href: `${baseOf(issuer)}/sessions/${encodeURIComponent(session.id)}`,
    current: session.id === sessionUid,
    userAgent: session.userAgent ?? '',
    ip: session.ip || undefined,
    begunAt: session.createdAt,
    seenAt: session.lastSeenAt,
    clients: session.clients.flatMap((clientId) => names.get(clientId) ?? []),
  };
}
