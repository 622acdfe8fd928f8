import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';
import { createAccessService } from '../../src/domain/access/access-service.ts';
import { createAuditService } from '../../src/domain/audit/audit-service.ts';
import { createTenantKeyService } from '../../src/domain/keys/tenant-key-service.ts';
import { rootOf } from '../../src/domain/nodes/node.ts';
import { createNodeService } from '../../src/domain/nodes/node-service.ts';
import { createTenantService } from '../../src/domain/tenants/tenant-service.ts';
import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../src/kernel/call.ts';
import type { NodeId, UserId } from '../../src/kernel/ids.ts';
import type { BenchServer } from '../database.ts';
import { median, rounded, table } from '../numbers.ts';
import { explained } from './plans.ts';

export type NodesOptions = {
  /** How many nodes stand below each node of a level, from the root down; the last level are teams. */
  fanOut: readonly number[];
  users: number;
  /** To how many nodes the user belongs whose access context is asked for. */
  places: number;
  rounds: number;
};

export type Measured = { what: string; rows: number; ms: number };
export type NodesFigures = { nodes: number; measured: Measured[]; plans: { what: string; plan: string }[] };

/** A tenant with very many nodes: what it costs to look at it, to search it, to move a large part of it, to know a user in it. */
export async function heavyNodes(server: BenchServer, options: NodesOptions): Promise<NodesFigures> {
  const db = createPool(await server.create(), { max: 4, name: 'heavy' });
  try {
    await migrate(db);
    const tenantKeys = createTenantKeyService([randomBytes(32)]);
    const audit = createAuditService({ keys: tenantKeys });
    const access = createAccessService({ audit });
    const nodes = createNodeService({ audit, access });
    const tenants = createTenantService({ audit, access, tenantKeys });
    const operator: OperatorCall = { db, actor: { kind: 'system', name: 'heavy' }, now: new Date() };
    const { id: tenantId } = await tenants.create(operator, { slug: 'acme', name: 'Acme' });
    const call: TenantCall = { ...operator, tenantId };
    const count = await plant(call, options);
    const user = await populate(call, options);
    await db.raw('vacuum analyze nodes');
    await db.raw('vacuum analyze users');
    await db.raw('analyze node_members');
    const measured = await measure(call, { nodes, access }, user, options);
    return { nodes: count, measured, plans: await plansOf(call, user) };
  } finally {
    await db.destroy();
  }
}

const LEVELS = ['organization', 'facility'] as const;

/** The whole tree, a statement for each level. Gives how many nodes there are. */
async function plant(call: TenantCall, { fanOut }: NodesOptions): Promise<number> {
  for (const [level, many] of fanOut.entries()) {
    await inTransaction(call, async ({ db }) => {
      await db.raw('set local statement_timeout = 0');
      await db.raw(
        `insert into nodes (tenant_id, id, parent_id, type, name, name_key, status, created_at, updated_at)
          select tenant_id, gen_random_uuid(), id, ?, name || ' / ' || i, name_key || ' / ' || i, 'active', now(), now()
          from nodes, generate_series(1, ?) i where cardinality(string_to_array(name_key, '/')) = ?`,
        [level === fanOut.length - 1 ? 'team' : (LEVELS[level] ?? 'department'), many, level + 1],
      );
    });
    // How a foreign key is checked was planned for a smaller table.
    await call.db.raw('analyze nodes');
  }
  const { rows } = await inTransaction(call, ({ db }) =>
    db.raw('select count(*) from nodes where tenant_id = ?', [call.tenantId]),
  );
  return Number(rows[0].count);
}

/** Users of whom each belongs to a node; gives one who belongs to several. */
async function populate(call: TenantCall, { users, places }: NodesOptions): Promise<UserId> {
  return inTransaction(call, async ({ db, tenantId }) => {
    await db.raw('set local statement_timeout = 0');
    await db.raw(
      `insert into users (tenant_id, id, email, email_canonical, status, created_at, updated_at)
        select ?, gen_random_uuid(), 'u' || i || '@acme.test', 'u' || i || '@acme.test', 'active', now(), now() from generate_series(1, ?) i`,
      [tenantId, users],
    );
    await db.raw(
      `insert into node_members (tenant_id, node_id, user_id, created_at)
        select ?, n.id, u.id, now() from (select id, row_number() over () as i from nodes where tenant_id = ? limit ?) n
        join (select id, row_number() over () as i from users where tenant_id = ?) u on u.i = n.i`,
      [tenantId, tenantId, users, tenantId],
    );
    const { rows } = await db.raw<{ rows: { id: UserId }[] }>(
      'select id from users where tenant_id = ? order by email limit 1',
      [tenantId],
    );
    const [user] = rows;
    await db.raw(
      `insert into node_members (tenant_id, node_id, user_id, created_at)
        select tenant_id, id, ?, now() from nodes where tenant_id = ? and type = 'team' limit ? on conflict do nothing`,
      [user!.id, tenantId, places],
    );
    await db.raw(
      `insert into node_member_roles (tenant_id, node_id, user_id, role_id, granted_at)
        select m.tenant_id, m.node_id, m.user_id, r.id, now() from node_members m join roles r on r.tenant_id = m.tenant_id
        where m.tenant_id = ? and m.user_id = ?`,
      [tenantId, user!.id],
    );
    await db.raw(
      `insert into user_roles (tenant_id, user_id, role_id, granted_at) select tenant_id, ?, id, now() from roles where tenant_id = ?`,
      [user!.id, tenantId],
    );
    return user!.id;
  });
}

type Rooms = { nodes: ReturnType<typeof createNodeService>; access: ReturnType<typeof createAccessService> };

async function measure(
  call: TenantCall,
  { nodes, access }: Rooms,
  user: UserId,
  { rounds }: NodesOptions,
): Promise<Measured[]> {
  const { large, other, small, leaf } = await landmarks(call);
  const within =
    <T>(work: (tx: TenantCall) => Promise<T>) =>
    () =>
      inTransaction(call, work);
  const runs: [what: string, run: () => Promise<unknown>, rowsOf: (result: never) => number][] = [
    ['one node', () => nodes.get(call, leaf), () => 1],
    ['a node and all above it', within((tx) => nodes.ancestorsOf(tx, leaf)), (found: object[]) => found.length],
    ['a small part of the tree', within((tx) => nodes.subtreeOf(tx, small, 1e7)), (found: object[]) => found.length],
    ['a large part of the tree', within((tx) => nodes.subtreeOf(tx, large, 1e7)), (found: object[]) => found.length],
    ['the tree as it is shown (the outermost nodes)', () => nodes.tree(call), () => 1_000],
    ['the children of a node, a page', () => nodes.list(call, { parentId: small }), rowsOfPage],
    ['all nodes, the first page', () => nodes.list(call), rowsOfPage],
    ['all nodes, a page in the middle', () => nodes.list(call, { page: 9_000, pageSize: 50 }), rowsOfPage],
    ['all nodes, searched', () => nodes.list(call, { search: '7 / 77' }), rowsOfPage],
    ['all nodes of a type', () => nodes.list(call, { type: 'facility' }), rowsOfPage],
    [
      'a new node',
      () => nodes.create(call, { type: 'team', name: randomBytes(6).toString('hex'), parentId: small }),
      () => 1,
    ],
    ['a large part moved to a place as deep', () => moveTo(rootOf(call.tenantId)), () => 1],
    ['a large part moved one level down', () => moveTo(other), () => 1],
    [
      'a user’s access context',
      () => access.accessContextOf(call, user),
      ({ memberships }: { memberships: object[] }) => memberships.length,
    ],
  ];
  const moveTo = async (parentId: NodeId) => {
    await nodes.update(call, large, { parentId });
    // Back again, so that each round does the same; it costs next to nothing.
    if (parentId !== rootOf(call.tenantId)) await nodes.update(call, large, { parentId: rootOf(call.tenantId) });
  };
  const measured: Measured[] = [];
  for (const [what, run, rowsOf] of runs) {
    const times: number[] = [];
    let rows = 0;
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      rows = rowsOf((await run()) as never);
      times.push(performance.now() - began);
    }
    measured.push({ what, rows, ms: rounded(median(times), 2) });
  }
  return measured;
}

const rowsOfPage = ({ items }: { items: object[] }) => items.length;

/** A large part of the tree, another one beside it, a small part, and a node at the end. */
async function landmarks(call: TenantCall): Promise<{ large: NodeId; other: NodeId; small: NodeId; leaf: NodeId }> {
  return inTransaction(call, async ({ db, tenantId }) => {
    const one = async (type: string, offset = 0): Promise<NodeId> => {
      const [id] = await db('nodes')
        .where({ tenant_id: tenantId, type })
        .orderBy('name_key')
        .offset(offset)
        .limit(1)
        .pluck('id');
      return id;
    };
    return {
      large: await one('organization'),
      other: await one('organization', 1),
      small: await one('facility'),
      leaf: await one('team'),
    };
  });
}

/** How PostgreSQL goes about the statements that matter, as they are sent. */
async function plansOf(call: TenantCall, user: UserId): Promise<NodesFigures['plans']> {
  const { small, leaf } = await landmarks(call);
  const { db, tenantId } = call;
  const { rows } = await db.raw(`select prosrc from pg_proc where proname = 'access_context'`);
  const context = /return query\s+([^;]+);/.exec(rows[0].prosrc)![1]!;
  const about = [
    ['A node and all above it', ancestorsText, [tenantId, leaf]],
    ['A part of the tree', subtreeText, [tenantId, small]],
    ['All nodes, searched: the page', searchText, [tenantId, '%7 / 77%']],
    ['A user’s access context (the body of access_context)', context, [tenantId, user]],
  ] as const;
  return inOperatorTransaction(call, async (tx) => {
    const plans: NodesFigures['plans'] = [];
    for (const [what, text, values] of about) plans.push({ what, plan: await explained(tx.db as Knex, text, values) });
    return plans;
  });
}

const ancestorsText = `with recursive up as (
  select n.id, n.parent_id, 0 as steps from nodes n where n.tenant_id = $1 and n.id = $2
  union all select n.id, n.parent_id, up.steps + 1 from up cross join lateral (
    select * from nodes n where n.tenant_id = $1 and n.id = up.parent_id offset 0) n
    where up.steps <= 16) select * from up order by steps`;
const subtreeText = `with recursive down as (
  select n.id, 0 as steps from nodes n where n.tenant_id = $1 and n.id = $2
  union all select n.id, down.steps + 1 from down cross join lateral (
    select n.id from nodes n where n.tenant_id = $1 and n.parent_id = down.id offset 0) n
    where down.steps < 16) select id from down`;
const searchText = `select n.id, n.name from (
    select id from nodes where tenant_id = $1 and (name_key like $2 or legal_key like $2) order by name_key, id limit 50
  ) shown join nodes n on n.id = shown.id where n.tenant_id = $1 order by n.name_key, n.id`;

export function reportNodes({ nodes, measured, plans }: NodesFigures): string {
  const figures = table(
    [`of ${nodes} nodes`, 'rows', 'median ms'],
    measured.map(({ what, rows, ms }) => [what, rows, ms]),
  );
  return [figures, ...plans.map(({ what, plan }) => `${what}:\n\n${plan}`)].join('\n\n');
}
