import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AccessService } from '../access/access-service.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import { CONSENT_TYPES, type Consent, type ConsentChoice, type ConsentSource, type ConsentType } from './consent.ts';
import * as store from './consent-store.ts';

export type ConsentDeps = {
  audit: Pick<AuditService, 'record'>;
  access: Pick<AccessService, 'lockHolder'>;
  directory: Pick<TenantDirectory, 'byId'>;
};

const DAY = 86_400_000;

/** What people allow, and when they allowed it or took it back. Nothing of it is ever written over. */
export function createConsentService({ audit, access, directory }: ConsentDeps) {
  async function stateOf(tx: TenantCall, userId: UserId): Promise<Consent[]> {
    const latest = await store.latest(tx, userId);
    return CONSENT_TYPES.map((type) => {
      const choice = latest.find((each) => each.type === type);
      return { type, granted: choice?.granted ?? type === 'essential', at: choice?.at ?? null };
    });
  }

  return {
    /** What counts now, one of each type. Nothing is granted that nobody has granted, but for what is essential. */
    list: (call: TenantCall, userId: UserId): Promise<Consent[]> => inTransaction(call, (tx) => stateOf(tx, userId)),

    /** Every choice, the latest first; `LIMITS.consentHistory` at most. */
    history: (call: TenantCall, userId: UserId): Promise<ConsentChoice[]> =>
      inTransaction(call, (tx) => store.history(tx, userId, LIMITS.consentHistory)),

    /**
     * Keeps a choice. One that changes nothing leaves nothing: the history tells of changes. Two at once come one after
     * the other.
     *
     * @throws Failure `consent_essential` for taking back what is essential; `rate_limited` after
     *   `LIMITS.consentsOfDay` changes in a day; `user_not_found`, `user_deactivated`
     */
    async set(
      call: TenantCall,
      userId: UserId,
      { type, granted, source }: { type: ConsentType; granted: boolean; source: ConsentSource },
    ): Promise<Consent> {
      if (type === 'essential' && !granted) throw new Failure('consent_essential');
      const tenant = await directory.byId(call, call.tenantId);
      return inTransaction(call, async (tx) => {
        await access.lockHolder(tx, userId);
        const before = (await stateOf(tx, userId)).find((each) => each.type === type)!;
        if (before.granted === granted && before.at !== null) return before;
        const since = new Date(tx.now.getTime() - DAY);
        if ((await store.countOf(tx, userId, since)) >= LIMITS.consentsOfDay)
          throw new Failure('rate_limited', { retryAfter: 3_600 });
        await store.add(tx, userId, newId(), {
          ...{ type, granted, source, at: tx.now },
          version: tenant?.settings.privacy.policyVersion ?? null,
          ip: tx.origin?.ip ?? null,
          userAgent: tx.origin?.userAgent ?? null,
        });
        const told = (state: boolean) => ({ type, granted: state });
        await audit.record(tx, 'consent.changed', {
          target: `user:${userId}`,
          ...changeOf(before.at === null ? undefined : told(before.granted), told(granted)),
          details: { type, source },
        });
        return { type, granted, at: tx.now };
      });
    },
  };
}

export type ConsentService = ReturnType<typeof createConsentService>;
