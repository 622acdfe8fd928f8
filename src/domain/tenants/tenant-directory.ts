import { LRUCache } from 'lru-cache';
import { inOperatorTransaction, type OperatorCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { KeyPurpose, TenantKeyService } from '../keys/tenant-key-service.ts';
import { type OwnSettings, type TenantSettings, withDefaults } from './settings.ts';
import * as store from './tenant-directory-store.ts';

export type DirectoryApi = {
  identifier: string;
  name: string;
  scopes: readonly string[];
  accessTokenFormat: 'jwt' | 'opaque';
  signingAlg: 'RS256' | 'ES256';
  accessTokenSeconds: number;
};

/** What a node knows of a tenant while it answers for it. A changed tenant is another object. */
export type DirectoryTenant = {
  readonly id: TenantId;
  readonly slug: string;
  readonly name: string;
  readonly isPlatform: boolean;
  readonly isActive: boolean;
  readonly settings: TenantSettings;
  /** Verified domains. */
  readonly domains: readonly string[];
  readonly apis: readonly DirectoryApi[];
  readonly keyFor: (purpose: KeyPurpose) => Buffer;
};

type Key = `slug:${string}` | `domain:${string}` | `id:${TenantId}`;

/**
 * The tenants as requests find them: by slug, verified domain or id, from memory where this node has seen them lately.
 * `forget` is called when the database tells of a change.
 */
export function createTenantDirectory({ tenantKeys }: { tenantKeys: TenantKeyService }) {
  const ids = new LRUCache<Key, Promise<TenantId | undefined>>({ max: LIMITS.tenants });
  const tenants = new LRUCache<TenantId, Promise<DirectoryTenant | undefined>>({ max: LIMITS.tenants });
  // Names that nobody has: strangers choose them, so they have a cache of their own and push nothing else out.
  const unknown = new LRUCache<Key, true>({ max: LIMITS.unknownTenants });
  // When each tenant was last forgotten, and when all were, counted in calls of `forget`.
  const forgotten = new LRUCache<TenantId, number>({ max: LIMITS.tenants });
  let generation = 0;
  let allForgotten = 0;

  async function load(
    call: OperatorCall,
    by: 'id' | 'slug' | 'domain',
    value: string,
  ): Promise<DirectoryTenant | undefined> {
    const row = await inOperatorTransaction(call, (tx) => store.find(tx, by, value));
    if (!row?.data_key || row.status === 'deleted') return undefined;
    const { version, master_key_id: masterKeyId, sealed } = row.data_key;
    const keyFor = tenantKeys.openDataKey({
      tenantId: row.id,
      version,
      masterKeyId,
      sealed: Buffer.from(sealed, 'hex'),
    });
    const derived = new Map<KeyPurpose, Buffer>();
    return {
      id: row.id,
      slug: row.slug,
      name: row.name,
      isPlatform: row.type === 'platform',
      isActive: row.status === 'active',
      settings: withDefaults(row.settings as OwnSettings),
      domains: row.domains,
      apis: row.apis.map((api) => ({
        identifier: api.identifier,
        name: api.name,
        scopes: api.scopes,
        accessTokenFormat: api.access_token_format,
        signingAlg: api.signing_alg,
        accessTokenSeconds: api.access_token_seconds,
      })),
      keyFor(purpose) {
        const known = derived.get(purpose) ?? keyFor(purpose);
        derived.set(purpose, known);
        return known;
      },
    };
  }

  /** Loads once for all who ask at the same time; what a change overtook is not kept. */
  async function resolve(
    call: OperatorCall,
    by: 'id' | 'slug' | 'domain',
    value: string,
  ): Promise<DirectoryTenant | undefined> {
    const key = `${by}:${value}` as Key;
    if (unknown.has(key)) return undefined;
    const id = await ids.get(key);
    const kept = id && (await tenants.get(id));
    // A name may have moved since: a domain that was given up is still known by its old owner's id.
    if (kept && isNamed(kept, by, value)) return kept;
    const before = generation;
    const loading = load(call, by, value);
    ids.set(
      key,
      loading.then((tenant) => tenant?.id),
    );
    try {
      const tenant = await loading;
      if (!tenant) {
        ids.delete(key);
        if (before === generation) unknown.set(key, true);
        return undefined;
      }
      if (allForgotten > before || (forgotten.get(tenant.id) ?? 0) > before) {
        ids.delete(key);
        return tenant;
      }
      // Under another of its names it may be known already: one tenant is one object, and so one issuer.
      const known = await tenants.get(tenant.id);
      if (known && isNamed(known, by, value)) return known;
      tenants.set(tenant.id, loading);
      return tenant;
    } catch (error) {
      ids.delete(key);
      throw error;
    }
  }

  return {
    bySlug: (call: OperatorCall, slug: string) => resolve(call, 'slug', slug),
    byDomain: (call: OperatorCall, domain: string) => resolve(call, 'domain', domain),
    byId: (call: OperatorCall, id: TenantId) => resolve(call, 'id', id),

    /** Drops what is known of one tenant, or of all. The next request reads anew. */
    forget(id?: TenantId): void {
      generation += 1;
      unknown.clear();
      // The others stay as they are: a new object would build the issuer anew, of ten thousand tenants one by one.
      if (id) {
        forgotten.set(id, generation);
        tenants.delete(id);
        return;
      }
      allForgotten = generation;
      ids.clear();
      tenants.clear();
    },
  };
}

function isNamed(tenant: DirectoryTenant, by: 'id' | 'slug' | 'domain', value: string): boolean {
  if (by === 'domain') return tenant.domains.includes(value);
  return by === 'slug' ? tenant.slug === value : tenant.id === value;
}

export type TenantDirectory = ReturnType<typeof createTenantDirectory>;
