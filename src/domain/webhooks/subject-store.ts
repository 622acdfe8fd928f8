import type { TenantCall } from '../../kernel/call.ts';
import type { EventActor, Shapes } from './event.ts';
import type { Subjects } from './event-source.ts';

/** What is asked for beside users, each by what the audit trail calls it. */
export type Wanted = {
  [Kind in 'roles' | 'permissions' | 'nodes' | 'members' | 'clients' | 'apis']: ReadonlySet<string>;
} & { tenant: boolean };

/** The things that events are about, as the running transaction sees them. Kinds that nobody asks for cost nothing. */
export async function findSubjects(call: TenantCall, wanted: Wanted): Promise<Omit<Subjects, 'users'>> {
  return {
    roles: await roles(call, [...wanted.roles]),
    permissions: await permissions(call, [...wanted.permissions]),
    nodes: await nodes(call, [...wanted.nodes]),
    members: await members(call, [...wanted.members]),
    clients: await clients(call, [...wanted.clients]),
    apis: await apis(call, [...wanted.apis]),
    tenant: wanted.tenant ? await tenant(call) : undefined,
  };
}

const byKey = <Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item> =>
  new Map(items.map((item) => [keyOf(item), item]));

async function roles({ db, tenantId }: TenantCall, names: readonly string[]): Promise<Map<string, Shapes['role']>> {
  if (names.length === 0) return new Map();
  const rows: Shapes['role'][] = await db('roles')
    .where({ tenant_id: tenantId })
    .whereIn('name', [...names])
    .select({ name: 'name', displayName: 'display_name', description: 'description' });
  return byKey(rows, ({ name }) => name);
}

async function permissions(
  { db, tenantId }: TenantCall,
  names: readonly string[],
): Promise<Map<string, Shapes['permission']>> {
  if (names.length === 0) return new Map();
  const rows: Shapes['permission'][] = await db('permissions')
    .where({ tenant_id: tenantId })
    .whereIn('name', [...names])
    .select('name', 'description');
  return byKey(rows, ({ name }) => name);
}

async function nodes({ db, tenantId }: TenantCall, ids: readonly string[]): Promise<Subjects['nodes']> {
  if (ids.length === 0) return new Map();
  const rows: Omit<Shapes['node'], 'changed'>[] = await db('nodes')
    .where({ tenant_id: tenantId })
    .whereIn('id', [...ids])
    .select({ nodeId: 'id', parentId: 'parent_id', type: 'type', name: 'name', status: 'status' });
  return byKey(rows, ({ nodeId }) => nodeId);
}

/** `<id of the node>/<id of the user>`, with the names of the roles there. */
async function members({ db, tenantId }: TenantCall, keys: readonly string[]): Promise<Map<string, string[]>> {
  if (keys.length === 0) return new Map();
  const rows: { key: string; roles: string[] }[] = await db('node_member_roles as g')
    .join('roles as r', (on) => on.on('r.tenant_id', 'g.tenant_id').andOn('r.id', 'g.role_id'))
    .where({ 'g.tenant_id': tenantId })
    .whereRaw(
      `(g.node_id, g.user_id) in (
        select split_part(key, '/', 1)::uuid, split_part(key, '/', 2)::uuid from unnest(?::text[]) as key)`,
      [[...keys]],
    )
    .groupBy('g.node_id', 'g.user_id')
    .select(
      db.raw(`g.node_id || '/' || g.user_id as key`),
      db.raw(`array_agg(r.name order by r.name collate "C") as roles`),
    );
  return new Map(rows.map(({ key, roles: names }) => [key, names]));
}

async function clients({ db, tenantId }: TenantCall, ids: readonly string[]): Promise<Subjects['clients']> {
  if (ids.length === 0) return new Map();
  const rows: Omit<Shapes['client'], 'changed'>[] = await db('clients')
    .where({ tenant_id: tenantId })
    .whereIn('client_id', [...ids])
    .select({ clientId: 'client_id', kind: 'kind', name: 'name', status: 'status' });
  return byKey(rows, ({ clientId }) => clientId);
}

async function apis({ db, tenantId }: TenantCall, identifiers: readonly string[]): Promise<Map<string, Shapes['api']>> {
  if (identifiers.length === 0) return new Map();
  const rows: Shapes['api'][] = await db('apis')
    .where({ tenant_id: tenantId })
    .whereIn('identifier', [...identifiers])
    .select({ identifier: 'identifier', name: 'name' });
  return byKey(rows, ({ identifier }) => identifier);
}

async function tenant({ db, tenantId }: TenantCall): Promise<Subjects['tenant']> {
  const [row] = await db('tenants')
    .where({ id: tenantId })
    .select<NonNullable<Subjects['tenant']>[]>('slug', 'name', 'status');
  return row;
}

/** Whether an actor is one of this tenant: an operator, who comes from another, is not told of by id. */
export async function isOwnActor({ db, tenantId }: TenantCall, { type, id }: EventActor): Promise<boolean> {
  // A key opens its own tenant and no other.
  if (type === 'api-key') return true;
  const row =
    type === 'user'
      ? await db('users').where({ tenant_id: tenantId, id }).first('id')
      : await db('clients').where({ tenant_id: tenantId, client_id: id }).first('client_id');
  return row !== undefined;
}
