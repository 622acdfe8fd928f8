import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import {
  generateSigningKey,
  type Jwk,
  PUBLISH_AFTER_USE,
  PUBLISH_BEFORE_USE,
  ROTATE_AFTER,
  SIGNING_ALGS,
  type SigningAlg,
  type SigningKey,
} from './signing-key.ts';
import * as store from './signing-key-store.ts';
import type { TenantKeyService } from './tenant-key-service.ts';

const place = (call: TenantCall, kid: string) => `${call.tenantId}/signing_keys/sealed/${kid}`;
const before = (now: Date, seconds: number) => new Date(now.getTime() - seconds * 1000);

type MadeKey = { alg: SigningAlg; pair: Awaited<ReturnType<typeof generateSigningKey>> };

/** A new key of each algorithm, of nobody yet. */
const makeNext = (): Promise<MadeKey[]> =>
  Promise.all(SIGNING_ALGS.map(async (alg) => ({ alg, pair: await generateSigningKey(alg) })));

/** Audit line in the caller's transaction. */
type Audit = { record(tx: TenantCall, action: string, about?: { target?: string; details?: object }): Promise<void> };

/**
 * The keys a tenant signs with: one RS256 and one ES256 at a time. A new key is published before it signs, an old one
 * until all it signed is dead, so a verifier that caches never meets a key it cannot find.
 */
export function createSigningKeyService({ tenantKeys, audit }: { tenantKeys: TenantKeyService; audit: Audit }) {
  async function addKey(
    tx: TenantCall,
    alg: SigningAlg,
    status: 'next' | 'active',
    made: Awaited<ReturnType<typeof generateSigningKey>>,
  ) {
    const sealed = seal(
      await tenantKeys.keyFor(tx, 'seal'),
      place(tx, made.kid),
      Buffer.from(JSON.stringify(made.privateJwk)),
    );
    await store.add(tx, {
      kid: made.kid,
      alg,
      status,
      publicJwk: made.publicJwk,
      sealed,
      activatedAt: status === 'active' ? tx.now : undefined,
    });
    await audit.record(tx, `signing_key.${status === 'active' ? 'activated' : 'published'}`, {
      target: `signing_key:${made.kid}`,
      details: { alg },
    });
  }

  async function open(call: TenantCall, keys: readonly store.SealedSigningKey[]): Promise<SigningKey[]> {
    const sealKey = await tenantKeys.keyFor(call, 'seal');
    return keys.map(({ sealed, ...key }) => ({
      ...key,
      privateJwk: sealed ? (JSON.parse(unseal(sealKey, place(call, key.kid), sealed).toString()) as Jwk) : undefined,
    }));
  }

  return {
    /** The tenant's keys, those that sign first. The first call for a tenant makes them; two at once make one set. */
    async keysOf(call: TenantCall): Promise<SigningKey[]> {
      const present = await inTransaction(call, (tx) => store.list(tx));
      const missing = SIGNING_ALGS.filter((alg) => !present.some((key) => key.alg === alg && key.status === 'active'));
      if (missing.length === 0) return open(call, present);
      const made = await Promise.all(missing.map(async (alg) => ({ alg, pair: await generateSigningKey(alg) })));
      const keys = await inTransaction(call, async (tx) => {
        await store.lockTenant(tx);
        const now = await store.list(tx);
        for (const { alg, pair } of made) {
          if (!now.some((key) => key.alg === alg && key.status === 'active')) await addKey(tx, alg, 'active', pair);
        }
        return store.list(tx);
      });
      return open(call, keys);
    },

    /** What an administrator sees: no private half. */
    async list(call: TenantCall): Promise<Omit<SigningKey, 'privateJwk'>[]> {
      const keys = await inTransaction(call, (tx) => store.list(tx));
      return keys.map(({ sealed: _, ...key }) => key);
    },

    makeNext,

    /**
     * Publishes the next key of each algorithm. It begins to sign `PUBLISH_BEFORE_USE` seconds later (`advance`). While a
     * next key waits, a second call changes nothing.
     *
     * @param next keys that were made before, where the call is in a transaction: to make them takes long
     */
    async rotate(call: TenantCall, next?: readonly MadeKey[]): Promise<void> {
      const made = next ?? (await makeNext());
      await inTransaction(call, async (tx) => {
        await store.lockTenant(tx);
        const now = await store.list(tx);
        for (const { alg, pair } of made) {
          if (!now.some((key) => key.alg === alg && key.status === 'next')) await addKey(tx, alg, 'next', pair);
        }
      });
    },

    /** Takes each due step of the tenant's rotation. Safe at any time, by any number of nodes, after any crash. */
    async advance(call: TenantCall): Promise<void> {
      await inTransaction(call, async (tx) => {
        await store.lockTenant(tx);
        const keys = await store.list(tx);
        for (const next of keys.filter(
          (key) => key.status === 'next' && key.createdAt <= before(tx.now, PUBLISH_BEFORE_USE),
        )) {
          await store.retire(tx, next.alg);
          await store.activate(tx, next.kid);
          await audit.record(tx, 'signing_key.activated', {
            target: `signing_key:${next.kid}`,
            details: { alg: next.alg },
          });
        }
        await store.removeRetired(tx, before(tx.now, PUBLISH_AFTER_USE));
      });
      const old = before(call.now, ROTATE_AFTER);
      const keys = await inTransaction(call, (tx) => store.list(tx));
      if (keys.some((key) => key.status === 'active' && key.activatedAt && key.activatedAt < old))
        await this.rotate(call);
    },

    /**
     * `advance` for every tenant where something is due; at most `limit` of them. What fails at one tenant keeps no other
     * from it, and is thrown at the end.
     */
    async advanceDue(call: OperatorCall, limit = 50): Promise<number> {
      const due = {
        activeBefore: before(call.now, ROTATE_AFTER),
        nextBefore: before(call.now, PUBLISH_BEFORE_USE),
        retiredBefore: before(call.now, PUBLISH_AFTER_USE),
      };
      const tenants = await inOperatorTransaction(call, (tx) => store.tenantsDue(tx, due, limit));
      const broken: unknown[] = [];
      for (const tenantId of tenants)
        await this.advance({ ...call, tenantId }).catch((error: unknown) => void broken.push(error));
      if (broken.length > 0) throw broken[0];
      return tenants.length;
    },

    /**
     * A key is known to others: it is taken down at once, with all it signed, and a new one signs. Verifiers see it gone
     * when their copy of the JWK Set ends.
     *
     * @throws Failure `key_not_found`
     */
    async withdraw(call: TenantCall, kid: string): Promise<void> {
      const keys = await inTransaction(call, (tx) => store.list(tx));
      const leaked = keys.find((key) => key.kid === kid);
      if (!leaked) throw new Failure('key_not_found', { kid });
      const pair = await generateSigningKey(leaked.alg);
      await inTransaction(call, async (tx) => {
        await store.lockTenant(tx);
        if ((await store.remove(tx, kid)) === 0) throw new Failure('key_not_found', { kid });
        if (leaked.status === 'active') await addKey(tx, leaked.alg, 'active', pair);
        await audit.record(tx, 'signing_key.withdrawn', { target: `signing_key:${kid}` });
      });
    },
  };
}

export type SigningKeyService = ReturnType<typeof createSigningKeyService>;
