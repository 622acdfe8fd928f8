import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets, hmac, randomToken } from '../../kernel/secret.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { type ClientSecret, usesSecret } from './client.ts';
import { assertMayShape } from './client-reach.ts';
import { checkedSecret } from './client-rules.ts';
import * as secretStore from './client-secret-store.ts';
import * as store from './client-store.ts';

/** How long the secret before stays good beside a new one, in seconds; 0: not at all. */
export type Rotation = { overlapSeconds?: number | undefined; secret?: string | undefined };

/**
 * The secrets of clients: kept as HMAC-SHA-256 under a key of the tenant, so that a copy of the database holds nothing
 * to log in with, nor anything to try guesses on. Part of the client service.
 */
export function createClientSecrets({
  audit,
  access,
  tenantKeys,
}: {
  audit: AuditService;
  access: Pick<AccessService, 'assertNothingGainedByClient'>;
  tenantKeys: Pick<TenantKeyService, 'keyFor'>;
}) {
  const target = (clientId: string) => ({ target: `client:${clientId}` });

  /** Adds secrets of clients of several tenants, in the caller's transaction. */
  async function insertSecrets(
    tx: OperatorCall,
    secrets: readonly { tenantId: TenantId; clientId: string; secret: string }[],
  ): Promise<void> {
    const rows: secretStore.NewSecret[] = [];
    for (const { tenantId, clientId, secret } of secrets) {
      const key = await tenantKeys.keyFor({ ...tx, tenantId }, 'client-secret');
      rows.push({ tenantId, clientId, hash: hmac(key, secret), expiresAt: null });
    }
    await secretStore.insert(tx, rows);
  }

  async function lockSecretClient(tx: TenantCall, clientId: string): Promise<void> {
    const client = await store.lock(tx, clientId);
    if (!client) throw new Failure('client_not_found', { clientId });
    if (!usesSecret(client.metadata))
      throw new Failure('client_invalid', { field: 'clientSecret', problem: 'the client uses none' });
    await assertMayShape(tx, client, access);
  }

  return {
    insertSecrets,

    /** The secrets that are good now, the newest first; not what they are. */
    listSecrets: (call: TenantCall, clientId: string): Promise<ClientSecret[]> =>
      inTransaction(call, (tx) => secretStore.listLive(tx, clientId)),

    /**
     * Adds a secret beside the others; 256 bits where none is given. It is told here and never again.
     *
     * @throws Failure `client_not_found`, `client_invalid`; `conflict` when there are too many already;
     *   `privilege_escalation` when the client may do what the actor may not
     */
    async addSecret(call: TenantCall, clientId: string, given?: string): Promise<string> {
      const secret = given === undefined ? randomToken() : checkedSecret(given);
      return inTransaction(call, async (tx) => {
        await lockSecretClient(tx, clientId);
        const live = await secretStore.listLive(tx, clientId);
        if (live.length >= LIMITS.liveClientSecrets)
          throw new Failure('conflict', { problem: 'the client has too many secrets' });
        await insertSecrets(tx, [{ tenantId: tx.tenantId, clientId, secret }]);
        await audit.record(tx, 'client.credential_added', target(clientId));
        return secret;
      });
    },

    /**
     * Gives the client a new secret; the one before stays good for `overlapSeconds` (90 days at most), so that it can be
     * changed without an outage. Two are good at most: what is older ends at once. The new one is told here and never again.
     *
     * @throws Failure `client_not_found`, `client_invalid`, `invalid_input`; `privilege_escalation` when the client may do
     *   what the actor may not
     */
    async rotateSecret(
      call: TenantCall,
      clientId: string,
      { overlapSeconds = 0, secret: given }: Rotation = {},
    ): Promise<{ secret: string; overlapUntil: Date }> {
      if (!Number.isInteger(overlapSeconds) || overlapSeconds < 0 || overlapSeconds > LIMITS.secretOverlapSeconds) {
        throw new Failure('invalid_input', {
          field: 'overlapSeconds',
          problem: `must be 0 to ${LIMITS.secretOverlapSeconds}`,
        });
      }
      const secret = given === undefined ? randomToken() : checkedSecret(given);
      return inTransaction(call, async (tx) => {
        await lockSecretClient(tx, clientId);
        const overlapUntil = new Date(tx.now.getTime() + overlapSeconds * 1000);
        const [newest] = await secretStore.listLive(tx, clientId);
        if (newest) await secretStore.keep(tx, clientId, newest.id);
        await secretStore.endAll(tx, clientId, overlapUntil);
        await insertSecrets(tx, [{ tenantId: tx.tenantId, clientId, secret }]);
        await audit.record(tx, 'client.credential_rotated', { ...target(clientId), details: { overlapSeconds } });
        return { secret, overlapUntil };
      });
    },

    /** Takes one secret away at once. @throws Failure `not_found` */
    async removeSecret(call: TenantCall, clientId: string, id: string): Promise<void> {
      await inTransaction(call, async (tx) => {
        if (!(await secretStore.remove(tx, clientId, id))) throw new Failure('not_found', { id });
        await audit.record(tx, 'client.credential_removed', target(clientId));
      });
    },

    /** Makes `secret` the only one of a client, in the caller's transaction; nothing when it is. */
    async keepOnly(tx: TenantCall, clientId: string, secret: string): Promise<void> {
      const hash = hmac(await tenantKeys.keyFor(tx, 'client-secret'), secret).toString('base64url');
      const known = await store.findWithSecrets(tx, clientId);
      if (known?.secretHashes.length === 1 && equalSecrets(known.secretHashes[0]!, hash)) return;
      // The core saves a client as it read it, and it reads the hashes where others have a secret.
      if (known && known.secretHashes.length > 0 && equalSecrets(known.secretHashes.join(' '), secret)) return;
      await secretStore.endAll(tx, clientId, tx.now);
      await insertSecrets(tx, [{ tenantId: tx.tenantId, clientId, secret }]);
    },

    /** Whether a secret is one of those hashes, for a client of the call's tenant. */
    async matches(call: TenantCall, secret: string, hashes: readonly string[]): Promise<boolean> {
      const hash = hmac(await tenantKeys.keyFor(call, 'client-secret'), secret).toString('base64url');
      return hashes.some((known) => equalSecrets(known, hash));
    },
  };
}
