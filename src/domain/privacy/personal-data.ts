import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AccessService } from '../access/access-service.ts';
import type { ApiKeyService } from '../api-keys/api-key-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { DutyService } from '../duties/duty-service.ts';
import type { FactorService } from '../factors/factor-service.ts';
import type { RememberedDeviceService } from '../factors/remembered-device-service.ts';
import type { GrantService } from '../grants/grant-service.ts';
import type { MembershipService } from '../nodes/membership-service.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { UserService } from '../users/user-service.ts';
import type { ConsentService } from './consent-service.ts';

export type PersonalDataDeps = {
  audit: Pick<AuditService, 'record' | 'list'>;
  access: Pick<AccessService, 'rolesOf'>;
  users: Pick<UserService, 'get'>;
  factors: Pick<FactorService, 'list' | 'backupCodesLeft'>;
  rememberedDevices: Pick<RememberedDeviceService, 'list'>;
  sessions: Pick<SessionService, 'list'>;
  grants: Pick<GrantService, 'list'>;
  apiKeys: Pick<ApiKeyService, 'list'>;
  memberships: Pick<MembershipService, 'placesOf'>;
  duties: Pick<DutyService, 'listAcceptances'>;
  consents: Pick<ConsentService, 'list' | 'history'>;
};

/** All that is known of one person, in the words of the rooms that know it. Nothing of it lets anybody in. */
export type PersonalData = Awaited<ReturnType<PersonalDataService['collect']>>;

/** A copy of a person's data, for the person (GDPR Art. 15 and 20). */
export function createPersonalData(deps: PersonalDataDeps) {
  const { audit, users, access, factors, rememberedDevices, sessions, grants, memberships, duties, consents, apiKeys } =
    deps;

  return {
    /**
     * Collects what is known of a person: profile, factors without their secrets, sessions, remembered browsers,
     * applications, API keys without their secrets, roles and memberships, terms, consents, what they did and what happened to them; of that the latest
     * `LIMITS.exportedRecords` each. Everything is bounded, so the whole fits into memory. A record of the audit trail says
     * that it was taken.
     *
     * @throws Failure `user_not_found`
     */
    async collect(call: TenantCall, userId: UserId) {
      const user = await users.get(call, userId);
      await inTransaction(call, (tx) => audit.record(tx, 'user.data_exported', { target: `user:${userId}` }));
      const limit = LIMITS.exportedRecords;
      return {
        user,
        roles: await access.rolesOf(call, userId),
        memberships: await memberships.placesOf(call, userId),
        factors: await factors.list(call, userId),
        backupCodesLeft: await factors.backupCodesLeft(call, userId),
        sessions: await sessions.list(call, userId),
        rememberedBrowsers: await rememberedDevices.list(call, userId),
        applications: await grants.list(call, userId),
        apiKeys: (await apiKeys.list(call, { userId, pageSize: LIMITS.pageSize })).items,
        terms: await duties.listAcceptances(call, userId),
        consents: await consents.list(call, userId),
        consentHistory: await consents.history(call, userId),
        acts: await audit.list(call, { actorId: userId }, { limit }),
        happenings: await audit.list(call, { resource: 'user', resourceId: userId }, { limit }),
      };
    },
  };
}

export type PersonalDataService = ReturnType<typeof createPersonalData>;
