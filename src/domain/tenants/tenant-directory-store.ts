import type { OperatorCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';

export type DirectoryRow = {
  id: TenantId;
  slug: string;
  name: string;
  type: string;
  status: string;
  settings: object;
  domains: string[];
  data_key: { version: number; master_key_id: string; sealed: string } | null;
  apis: {
    identifier: string;
    name: string;
    scopes: string[];
    access_token_format: 'jwt' | 'opaque';
    signing_alg: 'RS256' | 'ES256';
    access_token_seconds: number;
  }[];
};

/** All that a node needs to answer for one tenant, in one statement. `by` is a column of ours, never input. */
export async function find(
  { db }: OperatorCall,
  by: 'id' | 'slug' | 'domain',
  value: string,
): Promise<DirectoryRow | undefined> {
  const where = {
    id: 't.id = ?::uuid',
    slug: 't.slug = ?',
    domain: 't.id = (select d.tenant_id from tenant_domains d where d.domain = ? and d.verified_at is not null)',
  }[by];
  const { rows } = await db.raw(
    `select t.id, t.slug, t.name, t.type, t.status, t.settings,
      array(select d.domain from tenant_domains d where d.tenant_id = t.id and d.verified_at is not null order by d.domain) as domains,
      (select json_build_object('version', k.version, 'master_key_id', k.master_key_id, 'sealed', encode(k.sealed, 'hex'))
        from tenant_data_keys k where k.tenant_id = t.id order by k.version desc limit 1) as data_key,
      coalesce((select json_agg(json_build_object('identifier', a.identifier, 'name', a.name, 'scopes', a.scopes,
        'access_token_format', a.access_token_format, 'signing_alg', a.signing_alg, 'access_token_seconds', a.access_token_seconds)
        order by a.identifier) from apis a where a.tenant_id = t.id), '[]') as apis
    from tenants t where ${where}`,
    [value],
  );
  return rows[0];
}
