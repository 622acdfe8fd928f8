import type { OperatorCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';

export type Room = { tenantId: TenantId; max: number; users: number };

const ROOM = `select t.id as "tenantId", (t.settings ->> 'maxUsers')::integer as max,
    coalesce((select sum(c.users) from user_counts c where c.tenant_id = t.id), 0)::integer as users
  from tenants t where t.id = any(?::uuid[]) and t.settings ->> 'maxUsers' is not null`;

/**
 * Those of several tenants that have a limit of users, held until the transaction ends: whoever makes users in one of them
 * waits for whoever does it already. They are taken in order, so that nobody waits in a ring.
 */
export async function lockLimited({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<TenantId[]> {
  const { rows } = await db.raw<{ rows: { id: TenantId }[] }>(
    `select id from tenants where id = any(?::uuid[]) and settings ->> 'maxUsers' is not null order by id for no key update`,
    [[...tenantIds]],
  );
  return rows.map(({ id }) => id);
}

/** How many users there are and may be, of the tenants that have a limit. */
export async function roomIn({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<Room[]> {
  return (await db.raw<{ rows: Room[] }>(ROOM, [[...tenantIds]])).rows;
}
