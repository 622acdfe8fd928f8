import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import { newId } from '../kernel/ids.ts';
import { currentScope } from './request-scope.ts';

const QUEUE = {
  name: 'outbox-logout',
  text: `insert into outbox (tenant_id, id, kind, payload, created_at, due_at) values ($1, $2, 'backchannel-logout', $3, now(), now())`,
};

/** Owes a relying party its logout token: the row goes with the writes that end the session, or not at all. */
export function queueBackchannelLogout(
  tenant: DirectoryTenant,
  clientId: string,
  accountId: string,
  sid: string | undefined,
): void {
  currentScope().writes.push({
    statement: QUEUE,
    values: [tenant.id, newId(), { clientId, accountId, sid: sid ?? null }],
  });
}
