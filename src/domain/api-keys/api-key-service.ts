import { networks, parseAddress } from '../../kernel/address.ts';
import { type Actor, inTransaction, type KeyOwner, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type ApiKeyId, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { equalSecrets, sha256 } from '../../kernel/secret.ts';
import type { AccessService } from '../access/access-service.ts';
import { assertHolds } from '../access/role.ts';
import type { AuditService } from '../audit/audit-service.ts';
import {
  type ApiKey,
  type ApiKeyDraft,
  auditedKey,
  checkedKey,
  effectiveScopes,
  idOfKey,
  newKeyText,
  OVERLAP_SECONDS,
  ownerOf,
} from './api-key.ts';
import * as store from './api-key-store.ts';

/** A key as it is told once. */
export type KeyWithSecret = { apiKey: ApiKey; secret: string };
export type KeyActor = Extract<Actor, { kind: 'api-key' }>;

type Deps = {
  audit: AuditService;
  access: Pick<AccessService, 'accessOf' | 'lockHolder'>;
};

/**
 * Keys by which programs call our API. A key opens what it was given and its owner holds at that moment, so it ends with
 * them; and nobody gives a key what they do not hold.
 */
export function createApiKeyService({ audit, access }: Deps) {
  const target = (id: ApiKeyId) => ({ target: `api-key:${id}` });

  /** The name of a person's key, and from where it works, are theirs. */
  const personOf = ({ owner }: ApiKey) => (owner?.kind === 'user' ? { about: owner.userId } : {});

  /** The user whom somebody makes a key for: one who is there, and holds all of it. */
  async function ownerNamed(tx: TenantCall, userId: UserId, scopes: readonly string[]): Promise<KeyOwner> {
    await access.lockHolder(tx, userId);
    const held = await access.accessOf(tx, userId);
    const missing = scopes.filter((scope) => !effectiveScopes(scopes, { kind: 'user', ...held }).includes(scope));
    if (missing.length > 0)
      throw new Failure('invalid_input', { field: 'scopes', problem: 'are more than the user may do', missing });
    return { kind: 'user', userId };
  }

  /** What a key gives it has itself: not a later end, and no other addresses. */
  async function assertPassesOn(tx: TenantCall, given: Pick<ApiKey, 'expiresAt' | 'allowedIps'>): Promise<void> {
    if (tx.actor.kind !== 'api-key') return;
    const own = await store.lock(tx, tx.actor.keyId);
    if (!own) throw new Failure('unauthenticated');
    const beyond = beyondOf(own, given);
    if (beyond.length > 0) throw new Failure('privilege_escalation', { beyond });
  }

  return {
    /**
     * Makes a key; it is told here and never again.
     *
     * @throws Failure `invalid_input`, also where the user whom it is for may not do all of it; `user_not_found`,
     *   `user_deactivated`, `api_key_limit`; `privilege_escalation` for a scope that the actor does not hold,
     *   and where a key makes one that would outlive it or work from elsewhere
     */
    async create(call: TenantCall, draft: ApiKeyDraft): Promise<KeyWithSecret> {
      const values = checkedKey(draft, call.now);
      assertHolds(call.actor, values.scopes);
      const id = newId<ApiKeyId>();
      const secret = newKeyText(id);
      return inTransaction(call, async (tx) => {
        await store.lockTenant(tx);
        await assertPassesOn(tx, values);
        if ((await store.count(tx)) >= LIMITS.apiKeys) throw new Failure('api_key_limit');
        const { userId } = draft;
        const owner = userId === undefined ? ownerOf(tx.actor) : await ownerNamed(tx, userId, values.scopes);
        const apiKey = await store.insert(tx, { ...values, id, owner, hash: sha256(secret) });
        await audit.record(tx, 'api_key.created', { ...target(id), ...personOf(apiKey), after: auditedKey(apiKey) });
        return { apiKey, secret };
      });
    },

    /** A page of keys, the newest first. @throws Failure `invalid_input` */
    async list(call: TenantCall, query: PageQuery & { userId?: UserId | undefined } = {}): Promise<Page<ApiKey>> {
      const window = pageWindow(query);
      const { items, total } = await inTransaction(call, (tx) => store.list(tx, query, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /**
     * Puts a new key in place of an old one, which works beside it for `overlapSeconds` (a day unless told). Two work at
     * most: what is older ends at once. The new one is told here and never again.
     *
     * @throws Failure `api_key_not_found`, `invalid_input`; `privilege_escalation` where the key may do what the actor may not,
     *   and as for `create`
     */
    async rotate(
      call: TenantCall,
      id: ApiKeyId,
      { overlapSeconds = OVERLAP_SECONDS }: { overlapSeconds?: number | undefined } = {},
    ): Promise<KeyWithSecret> {
      if (!Number.isInteger(overlapSeconds) || overlapSeconds < 0 || overlapSeconds > LIMITS.secretOverlapSeconds) {
        const problem = `must be 0 to ${LIMITS.secretOverlapSeconds}`;
        throw new Failure('invalid_input', { field: 'overlapSeconds', problem });
      }
      const secret = newKeyText(id);
      return inTransaction(call, async (tx) => {
        const present = (await store.lock(tx, id)) ?? notFound(id);
        assertHolds(tx.actor, present.scopes);
        await assertPassesOn(tx, present);
        const until = new Date(tx.now.getTime() + overlapSeconds * 1000);
        const apiKey = await store.replace(tx, id, { hash: sha256(secret), until });
        await audit.record(tx, 'api_key.rotated', { ...target(id), details: { overlapSeconds } });
        return { apiKey, secret };
      });
    },

    /** Ends a key at once. @throws Failure `api_key_not_found` */
    async revoke(call: TenantCall, id: ApiKeyId): Promise<void> {
      await inTransaction(call, async (tx) => {
        const present = (await store.lock(tx, id)) ?? notFound(id);
        await store.remove(tx, id);
        await audit.record(tx, 'api_key.revoked', { ...target(id), ...personOf(present), before: auditedKey(present) });
      });
    },

    /**
     * Who shows a key, and what it opens now. One look-up; a use is noted at most once a minute.
     *
     * @throws Failure `unauthenticated` for one that is unknown, wrong, replaced or expired, whose tenant or owner is not
     *   alive, or that is shown from an address that is not its own: always the same
     */
    async verify(call: OperatorCall, text: string): Promise<{ tenantId: TenantId; actor: KeyActor }> {
      const id = idOfKey(text);
      const live = id && (await store.findLive(call, id));
      if (!id || !live || !isShown(live, text, call.now)) throw new Failure('unauthenticated');
      const { tenantId } = live;
      const within: TenantCall = { ...call, tenantId };
      const owner = store.ownerIn(live);
      const permissions = effectiveScopes(live.scopes, owner && { ...live, kind: owner.kind });
      const actor: KeyActor = { kind: 'api-key', keyId: id, owner, permissions };
      if (!isFrom(live, call.origin?.ip)) {
        await audit.recordRefusal({ ...within, actor }, 'api_key.refused', {
          ...target(id),
          details: { reason: 'address' },
        });
        throw new Failure('unauthenticated');
      }
      const isRecent = live.lastUsedAt && call.now.getTime() - live.lastUsedAt.getTime() < LIMITS.apiKeyUsedEachMs;
      if (!isRecent) await store.touch(within, id);
      return { tenantId, actor };
    },
  };
}

export type ApiKeyService = ReturnType<typeof createApiKeyService>;

/** Whether it is the key, or the one before it, and good now. */
function isShown(live: store.LiveApiKey, text: string, now: Date): boolean {
  const hash = sha256(text);
  const isCurrent = equalSecrets(hash, live.hash);
  const isPrevious = live.previousHash !== null && equalSecrets(hash, live.previousHash) && live.previousUntil! > now;
  return (isCurrent || isPrevious) && (live.expiresAt === null || live.expiresAt > now);
}

/** By what a key would reach further than another; its addresses are compared as they are written. */
function beyondOf(own: Pick<ApiKey, 'expiresAt' | 'allowedIps'>, { expiresAt, allowedIps }: typeof own): string[] {
  const isLater = own.expiresAt !== null && (expiresAt === null || expiresAt > own.expiresAt);
  const isWithin = allowedIps.length > 0 && allowedIps.every((ip) => own.allowedIps.includes(ip));
  return [...(isLater ? ['expiresAt'] : []), ...(own.allowedIps.length > 0 && !isWithin ? ['allowedIps'] : [])];
}

function isFrom({ allowedIps }: store.LiveApiKey, ip: string | undefined): boolean {
  if (allowedIps.length === 0) return true;
  const address = parseAddress(ip ?? '');
  return address !== undefined && networks(allowedIps).has(address);
}

function notFound(id: ApiKeyId): never {
  throw new Failure('api_key_not_found', { id });
}
