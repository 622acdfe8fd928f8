import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { type GrantedClient, unitedScopes } from './grant.ts';

type Row = {
  client_id: string;
  name: string;
  first_party: boolean;
  logo_url: string | null;
  site_url: string | null;
  since: string;
  scopes: string[] | null;
  resources: Record<string, string>[] | null;
};

const toGranted = (row: Row): GrantedClient => ({
  clientId: row.client_id,
  name: row.name,
  firstParty: row.first_party,
  logoUrl: row.logo_url ?? undefined,
  siteUrl: row.site_url ?? undefined,
  since: new Date(Number(row.since) * 1000),
  ...unitedScopes({ scopes: row.scopes ?? [], resources: row.resources ?? [] }),
});

/** The registered clients that a user has allowed something, the latest first; `limit` at most. Clients of our own are in no table. */
export async function listOf({ db, tenantId }: TenantCall, userId: UserId, limit: number): Promise<GrantedClient[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select g.client_id, c.name, c.first_party, c.metadata ->> 'logo_uri' as logo_url, c.metadata ->> 'client_uri' as site_url,
      min((g.payload ->> 'iat')::bigint) as since,
      array_agg(distinct g.payload -> 'openid' ->> 'scope') filter (where g.payload -> 'openid' ->> 'scope' is not null) as scopes,
      jsonb_agg(distinct g.payload -> 'resources') filter (where g.payload -> 'resources' is not null) as resources
      from oidc_grant g join clients c on c.tenant_id = g.tenant_id and c.client_id = g.client_id
      where g.tenant_id = ? and g.account_id = ? and g.expires_at > now()
      group by g.client_id, c.name, c.first_party, logo_url, site_url
      order by max((g.payload ->> 'iat')::bigint) desc, g.client_id limit ?`,
    [tenantId, userId, limit],
  );
  return rows.map(toGranted);
}

/**
 * Takes a registered client out of the user's sessions, and owes it a back-channel logout for each of these (OIDC
 * Back-Channel Logout 1.0). The sessions themselves go on.
 */
export async function leaveSessions({ db, tenantId }: TenantCall, userId: UserId, clientId: string): Promise<void> {
  await db.raw('select leave_sessions(?, ?, ?)', [tenantId, userId, clientId]);
}

/** Ends all that a user allowed a registered client. @returns how many grants there were */
export async function remove({ db, tenantId }: TenantCall, userId: UserId, clientId: string): Promise<number> {
  return db('oidc_grant')
    .where({ tenant_id: tenantId, account_id: userId, client_id: clientId })
    .whereIn('client_id', db('clients').where({ tenant_id: tenantId, client_id: clientId }).select('client_id'))
    .delete();
}
