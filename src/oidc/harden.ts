import type { Knex } from 'knex';
import type { Client } from 'oidc-provider';
import { Provider } from 'oidc-provider';
import type { TenantId } from '../kernel/ids.ts';
import { newId } from '../kernel/ids.ts';
import { equalSecrets, hmac } from '../kernel/secret.ts';
import type { ClientRate } from './client-rate.ts';
import { decodeRefreshValue, encodeRefreshValue, newChain } from './refresh-value.ts';
import { PREFIXES } from './token-model-store.ts';
import { TooManyRequests } from './too-many-requests.ts';
import { isFirstUse } from './transient-model-store.ts';

/** What the patches need of a tenant. */
export type HardenOptions = {
  db: Knex;
  tenantId: TenantId;
  refreshKey: Buffer;
  clientSecretKey: Buffer;
  /** Refuses a client by its address, before its secret is looked at. Throws an error of the core. */
  assertClientAddress(client: Client, ip: string): void;
  clientRate: Pick<ClientRate, 'waitOf'>;
};

// biome-ignore lint/suspicious/noExplicitAny: the prototypes of the core's models are not typed; each use is tested
type Untyped = any;

/**
 * Every change we make to an instance of the core, in one place. Each is held by test/oidc/harden.test.ts, which fails
 * when the core renames or rebuilds what we lean on.
 */
export function harden(provider: Provider, options: HardenOptions): Provider {
  takeUrlsFromIssuer(provider);
  keepSessionRows(provider);
  compareHashedSecrets(provider, options.clientSecretKey);
  keepClientInstances(provider);
  nameTokens(provider, options);
  checkClientAddresses(provider, options);
  checkClientRates(provider, options);
  rememberOnce(provider, options);
  leaveLogoutsToTheRows(provider);
  takeOnlyIdTokensAsHints(provider);
  return provider;
}

/** Every absolute URL comes from the issuer, never from a request's Host header. */
function takeUrlsFromIssuer(provider: Provider): void {
  provider.OIDCContext.prototype.urlFor = (name: string, options?: object) => provider.urlFor(name, options as never);
}

/**
 * A session's row is kept by its uid, so a new cookie value is an update of it; the core would remove the row first, and
 * with it what we keep beside the session. Uids are UUIDs: our API names sessions by them.
 */
function keepSessionRows(provider: Provider): void {
  const prototype = provider.Session.prototype as Untyped;
  const save = prototype.save;
  prototype.save = function saveWithoutRemoving(this: Untyped, ttl: number) {
    if (this.oldId) this.oldId = undefined;
    return save.call(this, ttl);
  };
  // A form that comes without a session is refused on a page with a new, unsaved one; the core would fail to keep that.
  const { persist } = prototype;
  prototype.persist = async function persistIfSaved(this: Untyped) {
    return this.exp === undefined ? undefined : persist.call(this);
  };
  const { instantiate } = provider.Session as Untyped;
  (provider.Session as Untyped).instantiate = function withUuid(this: Untyped, payload?: { uid?: string }) {
    const session = instantiate.call(this, payload);
    if (!payload?.uid) session.uid = newId();
    return session;
  };
}

/** The core holds hashes where it thinks it has secrets (client-source.ts); several may be good at once. */
function compareHashedSecrets(provider: Provider, key: Buffer): void {
  (provider.Client.prototype as Untyped).compareClientSecret = function compare(this: Client, actual: string) {
    const hash = hmac(key, actual).toString('base64url');
    let good = false;
    for (const known of String(this.clientSecret).split(' ')) good = equalSecrets(hash, known) || good;
    return good;
  };
}

/** One instance per version of a client's metadata; the core would serialise and hash the metadata at each look-up. */
function keepClientInstances(provider: Provider): void {
  const Client = provider.Client as Untyped;
  const find = Client.find.bind(Client);
  const instances = new WeakMap<object, Promise<Client | undefined>>();
  Client.find = async (id: unknown) => {
    const metadata = typeof id === 'string' && id.length > 0 ? await Client.adapter.find(id) : undefined;
    if (!metadata) return undefined;
    let instance = instances.get(metadata);
    if (!instance) {
      instance = find(id) as Promise<Client | undefined>;
      instances.set(metadata, instance);
      instance.catch(() => instances.delete(metadata));
    }
    return instance;
  };
}

/** Values that say what they are (PREFIXES), and refresh tokens that belong to a chain. */
function nameTokens(provider: Provider, { tenantId, refreshKey }: HardenOptions): void {
  for (const [model, prefix] of Object.entries(PREFIXES)) {
    const prototype = (provider as Untyped)[model].prototype;
    const generate = prototype.generateTokenId;
    prototype.generateTokenId = function named(this: Untyped) {
      const id = generate.call(this);
      return this.format === 'jwt' ? id : `${prefix}${id}`;
    };
  }
  (provider.RefreshToken.prototype as Untyped).generateTokenId = () => {
    const rotated = (Provider.ctx?.oidc.entities as Untyped)?.RotatedRefreshToken?.jti as string | undefined;
    const before = rotated && decodeRefreshValue(refreshKey, rotated);
    return encodeRefreshValue(
      refreshKey,
      before
        ? { chain: before.chain, generation: before.generation + 1 }
        : { chain: newChain(tenantId), generation: 0 },
    );
  };
}

/** Where a client proves that it is one. Elsewhere, as at the authorization endpoint, the address is a person's. */
const PROVEN_AT = /^\/oauth\/(token|par|introspect|revoke|device|register\/.+)$/;

/** Runs the moment the client is known, before its secret is compared. */
function checkClientAddresses(provider: Provider, { assertClientAddress }: HardenOptions): void {
  const prototype = provider.OIDCContext.prototype as Untyped;
  const entity = prototype.entity;
  prototype.entity = function checked(this: Untyped, key: string, value: Client) {
    entity.call(this, key, value);
    if (key !== 'Client' || !value || !PROVEN_AT.test(this.ctx.path)) return;
    assertClientAddress(value, this.ctx.state.origin?.ip ?? '');
  };
}

/** The core asks for the client that a token request names, and then compares its secret: this stands in between. */
function checkClientRates(provider: Provider, { clientRate }: HardenOptions): void {
  const Client = provider.Client as Untyped;
  const { find } = Client;
  Client.find = async (id: unknown) => {
    const client = await find(id);
    const ctx = Provider.ctx as Untyped;
    const isNamed = ctx?.path === '/oauth/token' && ctx.state.origin && !ctx.oidc?.entities.Client;
    if (!client || !isNamed) return client;
    const retryAfter = await clientRate.waitOf(client);
    if (retryAfter === undefined) return client;
    // The core answers what is thrown here by itself, and does not know of this header.
    ctx.set('retry-after', String(retryAfter));
    throw new TooManyRequests(retryAfter);
  };
}

/** The core looks first and saves then; here the insert decides. */
function rememberOnce(provider: Provider, { db, tenantId }: HardenOptions): void {
  (provider.ReplayDetection as Untyped).unique = (issuer: string, jti: string, exp: number) =>
    isFirstUse(db, tenantId, issuer, jti, exp);
}

/** A hint is an ID token: not a logout token or another JWT of ours that has the client as its audience. */
function takeOnlyIdTokensAsHints(provider: Provider): void {
  const IdToken = provider.IdToken as Untyped;
  const validate = IdToken.validate;
  IdToken.validate = async (jwt: string, client: Client) => {
    const validated = await validate.call(IdToken, jwt, client);
    if (validated.header.typ !== undefined && validated.header.typ !== 'JWT') throw new Error('not an ID token');
    if (validated.payload.events !== undefined) throw new Error('a logout token is not an ID token');
    return validated;
  };
}

/** The core would send logout tokens while the person waits, and only here; the row of a session owes them (migrations). */
function leaveLogoutsToTheRows(provider: Provider): void {
  (provider.Client.prototype as Untyped).backchannelLogout = async () => {};
}
