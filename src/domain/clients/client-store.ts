import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import type { ClientMfa } from '../factors/factor.ts';
import type { Client, ClientKind, ClientValues } from './client.ts';
import type { ClientMetadata } from './client-metadata.ts';

type Row = {
  tenant_id: TenantId;
  client_id: string;
  kind: ClientKind;
  name: string;
  status: 'active' | 'disabled';
  first_party: boolean;
  registered: boolean;
  metadata: ClientMetadata;
  pkce_required: boolean;
  profile: 'fapi2' | null;
  legacy_assertions: boolean;
  api_scopes: string[] | null;
  allowed_origins: string[];
  allowed_ips: string[];
  rate_limit_per_minute: number | null;
  mfa: ClientMfa;
  min_acr: string | null;
  created_at: Date;
  updated_at: Date;
};

const COLUMNS = [
  'client_id',
  'kind',
  'name',
  'status',
  'first_party',
  'registered',
  'metadata',
  'pkce_required',
  'profile',
  'legacy_assertions',
  'api_scopes',
  'allowed_origins',
  'allowed_ips',
  'rate_limit_per_minute',
  'mfa',
  'min_acr',
  'created_at',
  'updated_at',
] as const;

const toClient = (row: Omit<Row, 'tenant_id'>): Client => ({
  clientId: row.client_id,
  kind: row.kind,
  name: row.name,
  status: row.status,
  firstParty: row.first_party,
  registered: row.registered,
  metadata: row.metadata,
  pkceRequired: row.pkce_required,
  profile: row.profile,
  legacyAssertions: row.legacy_assertions,
  apiScopes: row.api_scopes,
  allowedOrigins: row.allowed_origins,
  allowedIps: row.allowed_ips,
  rateLimitPerMinute: row.rate_limit_per_minute,
  mfa: row.mfa,
  minAcr: row.min_acr,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toColumns = (client: ClientValues) => ({
  kind: client.kind,
  name: client.name,
  status: client.status,
  first_party: client.firstParty,
  registered: client.registered,
  metadata: JSON.stringify(client.metadata),
  pkce_required: client.pkceRequired,
  profile: client.profile,
  legacy_assertions: client.legacyAssertions,
  api_scopes: client.apiScopes && [...client.apiScopes],
  allowed_origins: [...client.allowedOrigins],
  allowed_ips: [...client.allowedIps],
  rate_limit_per_minute: client.rateLimitPerMinute,
  mfa: client.mfa,
  min_acr: client.minAcr,
});

export type OwnedClient = { tenantId: TenantId; client: Client };

/** The hashes of a client's secrets that are good at `?`, in base64url, the newest first; and when the first of them ends. */
const SECRETS = `
  array(select translate(rtrim(encode(s.hash, 'base64'), '='), '+/', '-_') from client_secrets s
    where s.tenant_id = c.tenant_id and s.client_id = c.client_id and (s.expires_at is null or s.expires_at > ?)
    order by s.created_at desc, s.id desc) as secret_hashes,
  (select min(s.expires_at) from client_secrets s
    where s.tenant_id = c.tenant_id and s.client_id = c.client_id and s.expires_at > ?) as secrets_until`;

type RowWithSecrets = Row & { secret_hashes: string[]; secrets_until: Date | null };

/** Writes clients of any tenants whose id is free there, and returns those. One statement. */
export async function insert(
  { db, now }: OperatorCall,
  clients: readonly (ClientValues & { tenantId: TenantId })[],
): Promise<OwnedClient[]> {
  const rows = await db<Row>('clients')
    .insert(
      clients.map((client) => ({
        tenant_id: client.tenantId,
        client_id: client.clientId,
        ...(toColumns(client) as unknown as Partial<Row>),
        created_at: now,
        updated_at: now,
      })),
    )
    .onConflict(['tenant_id', 'client_id'])
    .ignore()
    .returning(['tenant_id', ...COLUMNS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, client: toClient(row) }));
}

export async function find({ db, tenantId }: TenantCall, clientId: string): Promise<Client | undefined> {
  const row = await db<Row>('clients')
    .where({ tenant_id: tenantId, client_id: clientId })
    .first(...COLUMNS);
  return row && toClient(row);
}

/** Like `find`, and holds the row until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, clientId: string): Promise<Client | undefined> {
  const row = await db<Row>('clients')
    .where({ tenant_id: tenantId, client_id: clientId })
    .forUpdate()
    .first(...COLUMNS);
  return row && toClient(row);
}

/** What a client may do by itself goes into its tokens by name. */
const ROLES = `array(select r.name from client_roles g join roles r on r.tenant_id = g.tenant_id and r.id = g.role_id
  where g.tenant_id = c.tenant_id and g.client_id = c.client_id order by r.name collate "C") as roles`;

export type ClientWithSecrets = {
  client: Client;
  /** The names of its roles. */
  roles: string[];
  /** base64url; what the hash of a presented secret is compared with. */
  secretHashes: string[];
  /** When the first of them ends, if one does: until then the answer may be remembered. */
  secretsUntil: Date | null;
};

/** A client with its roles and the hashes of the secrets that are good now, in one statement. */
export async function findWithSecrets(
  { db, tenantId, now }: TenantCall,
  clientId: string,
): Promise<ClientWithSecrets | undefined> {
  const [row] = await db('clients as c')
    .where({ 'c.tenant_id': tenantId, 'c.client_id': clientId })
    .select<(RowWithSecrets & { roles: string[] })[]>([...COLUMNS, db.raw(SECRETS, [now, now]), db.raw(ROLES)]);
  if (!row) return undefined;
  return { client: toClient(row), roles: row.roles, secretHashes: row.secret_hashes, secretsUntil: row.secrets_until };
}

/** Those that exist of the named clients of several tenants; `lock` holds them until the transaction ends. */
export async function findNamed(
  { db, now }: OperatorCall,
  clients: readonly { tenantId: TenantId; clientId: string }[],
  { lock = false } = {},
): Promise<(OwnedClient & { secretHashes: string[] })[]> {
  const query = db('clients as c')
    .whereRaw('(c.tenant_id, c.client_id) in (select * from unnest(?::uuid[], ?::text[]))', [
      clients.map(({ tenantId }) => tenantId),
      clients.map(({ clientId }) => clientId),
    ])
    .orderBy(['c.tenant_id', 'c.client_id'])
    .select<RowWithSecrets[]>(['c.tenant_id', ...COLUMNS, db.raw(SECRETS, [now, now])]);
  const rows: RowWithSecrets[] = await (lock ? query.forNoKeyUpdate('c') : query);
  return rows.map((row) => ({ tenantId: row.tenant_id, client: toClient(row), secretHashes: row.secret_hashes }));
}

export type ClientFilter = {
  kind?: ClientKind | undefined;
  status?: Client['status'] | undefined;
  like?: string | undefined;
};

/** A page of clients by id, and how many there are in all. */
export async function list(
  { db, tenantId }: TenantCall,
  { kind, status, like }: ClientFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Client[]; total: number }> {
  const all = db<Row>('clients')
    .where({ tenant_id: tenantId })
    .where((where) => {
      if (kind !== undefined) where.where({ kind });
      if (status !== undefined) where.where({ status });
      if (like !== undefined)
        where.whereRaw(`(client_id ilike :like escape '\\' or name ilike :like escape '\\')`, { like });
    });
  const [rows, count] = await Promise.all([
    all
      .clone()
      .orderByRaw('client_id collate "C"')
      .offset(offset)
      .limit(limit)
      .select(...COLUMNS),
    all.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toClient), total: Number(count[0]!.count) };
}

/** How many clients of the tenant registered themselves. */
export async function countRegistered({ db, tenantId }: TenantCall): Promise<number> {
  const [row] = await db<Row>('clients')
    .where({ tenant_id: tenantId, registered: true })
    .count<{ count: string }[]>('* as count');
  return Number(row!.count);
}

/** All clients of several tenants, by tenant and id; without those that registered themselves. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedClient[]> {
  const rows = await db<Row>('clients')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .where({ registered: false })
    .orderBy(['tenant_id', 'client_id'])
    .select('tenant_id', ...COLUMNS);
  return rows.map((row) => ({ tenantId: row.tenant_id, client: toClient(row) }));
}

export async function update({ db, tenantId, now }: TenantCall, client: ClientValues): Promise<Client> {
  const [row] = await db<Row>('clients')
    .where({ tenant_id: tenantId, client_id: client.clientId })
    .update({ ...(toColumns(client) as object), updated_at: now })
    .returning([...COLUMNS]);
  return toClient(row as Row);
}

/** With its secrets. */
export async function remove({ db, tenantId }: TenantCall, clientId: string): Promise<void> {
  await db<Row>('clients').where({ tenant_id: tenantId, client_id: clientId }).delete();
}
