import { setTimeout as pause } from 'node:timers/promises';
import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets, hmac, seal, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import * as store from './idempotency-store.ts';

/** An answer as it went out, to be given again as it is. */
export type Kept = { status: number; headers: Readonly<Record<string, string | string[]>>; body: string | null };

export type Once = {
  /** Who asks for what; the same key elsewhere is another one. */
  scope: string;
  /** As the caller chose it. */
  key: string;
  /** All that tells one request from another. */
  request: string;
};

export type Outcome = { kept: Kept; isReplay: boolean };

/** Milliseconds between two looks at whether the first request is done. */
const LOOK_EACH = 50;

type Deps = {
  keys: Pick<TenantKeyService, 'keyFor'>;
  /** Where answers to strangers are kept who name no tenant. */
  platformTenant(call: OperatorCall): Promise<TenantId>;
};

/** Requests that may be sent again: the same request with the same key has one effect and one answer, for a day. */
export function createIdempotencyService({ keys, platformTenant }: Deps) {
  const placeOf = (tenantId: TenantId, key: Buffer) => `${tenantId}/idempotency_keys/sealed/${key.toString('hex')}`;

  return {
    /**
     * Does `work` once. Its transaction holds the answer too, so that both are kept or neither: after a crash the key is
     * as good as new. A refusal that `work` throws is not kept: it changed nothing, and may not hold any more.
     *
     * Two at once: the second looks again for `LIMITS.idempotencyWaitMs`, and holds no connection meanwhile.
     *
     * @param prepare what must not run inside of a transaction (a hash, a question to others); not for an answer that is kept
     * @throws Failure `idempotency_mismatch` when the key came with another request; `idempotency_in_flight`
     */
    async once<Call extends OperatorCall & { tenantId: TenantId | undefined }, Ready>(
      call: Call,
      { scope, key: given, request }: Once,
      prepare: () => Promise<Ready>,
      work: (tx: Call, ready: Ready) => Promise<Kept>,
    ): Promise<Outcome> {
      const home: TenantCall = { ...call, tenantId: call.tenantId ?? (await platformTenant(call)) };
      const secret = await keys.keyFor(home, 'idempotency');
      const sealKey = await keys.keyFor(home, 'seal');
      const key = hmac(secret, `key\n${scope}\n${given}`);
      const asked = hmac(secret, `request\n${request}`);
      const place = placeOf(home.tenantId, key);

      async function replay(tx: TenantCall): Promise<Outcome | undefined> {
        const row = await store.find(tx, key);
        if (!row) return undefined;
        if (!equalSecrets(row.request, asked)) throw new Failure('idempotency_mismatch');
        return { kept: JSON.parse(unseal(sealKey, place, row.sealed).toString()) as Kept, isReplay: true };
      }

      /** Undefined: another request has the key now. */
      const attempt = (ready: Ready): Promise<Outcome | undefined> =>
        inTransaction(home, async (tx) => {
          if (!(await store.tryLock(tx, key))) return undefined;
          const earlier = await replay(tx);
          if (earlier) return earlier;
          const kept = await work({ ...call, db: tx.db }, ready);
          const sealed = seal(sealKey, place, Buffer.from(JSON.stringify(kept)));
          const end = new Date(home.now.getTime() + LIMITS.idempotencySeconds * 1000);
          // The work may have gone to another tenant.
          await inTransaction(tx, (own) => store.put(own, key, { request: asked, sealed }, end));
          return { kept, isReplay: false };
        });

      const known = await inTransaction(home, replay);
      if (known) return known;
      const ready = await prepare();
      const deadline = Date.now() + LIMITS.idempotencyWaitMs;
      for (;;) {
        const outcome = await attempt(ready);
        if (outcome) return outcome;
        if (Date.now() >= deadline) throw new Failure('idempotency_in_flight', { retryAfter: 1 });
        await pause(LOOK_EACH);
      }
    },
  };
}

export type IdempotencyService = ReturnType<typeof createIdempotencyService>;
