import { randomBytes } from 'node:crypto';
import { eventFace } from '../../src/api/v1/event-body.ts';
import { createAccessService } from '../../src/domain/access/access-service.ts';
import { createApiKeyService } from '../../src/domain/api-keys/api-key-service.ts';
import { createApiService } from '../../src/domain/apis/api-service.ts';
import { type AuditService, createAuditService } from '../../src/domain/audit/audit-service.ts';
import { createBlueprintService } from '../../src/domain/blueprint/blueprint-service.ts';
import { createClientService } from '../../src/domain/clients/client-service.ts';
import type { JobKind } from '../../src/domain/jobs/job.ts';
import { createJobFileService } from '../../src/domain/jobs/job-file-service.ts';
import { createJobService } from '../../src/domain/jobs/job-service.ts';
import { createTenantKeyService, type TenantKeyService } from '../../src/domain/keys/tenant-key-service.ts';
import { createLetterService } from '../../src/domain/mail/letter-service.ts';
import { createMembershipService } from '../../src/domain/nodes/membership-service.ts';
import { createNodeService } from '../../src/domain/nodes/node-service.ts';
import { createCommonPasswords } from '../../src/domain/passwords/common-passwords.ts';
import { createHasher, type HashRun } from '../../src/domain/passwords/hash.ts';
import { createPasswordService } from '../../src/domain/passwords/password-service.ts';
import { createPasswordTransfer } from '../../src/domain/passwords/password-transfer.ts';
import { createSessionService } from '../../src/domain/sessions/session-service.ts';
import { createSessionSweep } from '../../src/domain/sessions/session-sweep-service.ts';
import { createDeviceCookies } from '../../src/domain/sign-in/device-cookie.ts';
import { createThrottle } from '../../src/domain/sign-in/throttle.ts';
import type { Tenant, TenantDraft } from '../../src/domain/tenants/tenant.ts';
import { createTenantService } from '../../src/domain/tenants/tenant-service.ts';
import { createUserImport } from '../../src/domain/user-transfer/user-import.ts';
import { createUserTransfer } from '../../src/domain/user-transfer/user-transfer.ts';
import { createUserBatch } from '../../src/domain/users/user-batch.ts';
import { createUserService } from '../../src/domain/users/user-service.ts';
import { createPublisher, type Publisher } from '../../src/domain/webhooks/publisher.ts';
import { redelivery } from '../../src/domain/webhooks/redelivery.ts';
import { createWebhookService } from '../../src/domain/webhooks/webhook-service.ts';
import { createEgress } from '../../src/http/egress.ts';
import { type Actor, inTransaction, type OperatorCall, type TenantCall } from '../../src/kernel/call.ts';
import { newId, type UserId } from '../../src/kernel/ids.ts';
import { createMetadataValidator } from '../../src/oidc/metadata-validation.ts';
import { pool } from './database.ts';
import { aLog } from './http.ts';

/** Under which the tenants of these rooms are sealed: for a test with rooms in another process. */
export const MASTER_KEY = randomBytes(32);

export const NOON = new Date('2026-06-01T12:00:00Z');

/** The work that hashing did since it was last asked. */
export const hashRuns: HashRun[] = [];

/** The rooms of the domain on the test database, built as the house builds them, with cheap hashes. */
export function buildRooms() {
  const tenantKeys = createTenantKeyService([MASTER_KEY]);
  const publisher = createPublisher({ keys: tenantKeys, face: eventFace, users: () => users });
  const audit = createAuditService({ keys: tenantKeys, listener: publisher });
  const sessions = createSessionService({ audit });
  const access = createAccessService({ audit });
  const nodes = createNodeService({ audit, access });
  const memberships = createMembershipService({ audit, access });
  const tenants = createTenantService({ audit, access, tenantKeys });
  const hasher = createHasher({ memoryKib: 8_192, passes: 1, onRun: (run) => hashRuns.push(run) });
  const letters = createLetterService({ keys: tenantKeys });
  const passwords = createPasswordService({
    hasher,
    common: createCommonPasswords(),
    isBreached: async () => false,
    throttle: createThrottle({ counters: pool(), devices: createDeviceCookies({ keys: tenantKeys }) }),
    sessions,
    letters,
    audit,
  });
  const passwordTransfer = createPasswordTransfer();
  const users = createUserService({ audit, access, sessions, passwords, letters });
  const apis = createApiService({ audit });
  const apiKeys = createApiKeyService({ audit, access });
  const clients = createClientService({
    audit,
    access,
    tenantKeys,
    grants: sessions,
    validateMetadata: createMetadataValidator(),
  });
  const many = { audit, access, passwordTransfer, users: createUserBatch({ audit }) };
  const { webhooks, jobs } = buildTold({ audit, tenantKeys, publisher, userImport: createUserImport(many) });
  const userTransfer = createUserTransfer({ ...many, jobs });
  const works = { tenants, access, apis, users, clients, nodes, memberships, passwords, passwordTransfer, webhooks };
  const blueprint = createBlueprintService(works);
  const sessionSweep = createSessionSweep({ audit });
  return {
    ...{ audit, tenantKeys, sessions, sessionSweep, letters, publisher, jobs, userTransfer, blueprint, apiKeys },
    ...works,
  };
}

/** Whom the house tells, and the work that takes long. */
function buildTold({ audit, tenantKeys, publisher, userImport }: Told) {
  const { assertUrl } = createEgress({ allowedCidrs: ['127.0.0.0/8'], log: aLog().log });
  const webhooks = createWebhookService({ audit, keys: tenantKeys, publisher, assertUrl });
  const jobs = createJobService({
    audit,
    access: createAccessService({ audit }),
    files: createJobFileService({ keys: tenantKeys }),
    kinds: () => ({ 'webhook-redelivery': redelivery, 'user-import': userImport }),
  });
  return { webhooks, jobs };
}

type Told = { audit: AuditService; tenantKeys: TenantKeyService; publisher: Publisher; userImport: JobKind };

export type Rooms = ReturnType<typeof buildRooms>;

let shared: Rooms | undefined;
/** One set of rooms for the whole run: a tenant's key opens under the master key that sealed it. */
export function rooms(): Rooms {
  shared ??= buildRooms();
  return shared;
}

const SYSTEM: Actor = { kind: 'system', name: 'test' };

export const operator = (now = NOON): OperatorCall => ({ db: pool(), actor: SYSTEM, now });

/** A slug that no other test has. */
export const aSlug = (): string => `t-${newId().slice(-12)}`;

/** A new tenant, and a call in it. */
export async function aTenant({
  actor = SYSTEM,
  ...draft
}: Partial<TenantDraft> & { actor?: Actor } = {}): Promise<TenantCall & { tenant: Tenant }> {
  const tenant = await rooms().tenants.create(operator(), { slug: aSlug(), name: 'Acme', ...draft });
  return { ...operator(), actor, tenantId: tenant.id, tenant };
}

export const as = (call: TenantCall, actor: Actor): TenantCall => ({ ...call, actor });

/** A person who acts with exactly these roles and permissions. */
export const actor = (permissions: readonly string[], roles: readonly string[] = []): Actor => ({
  kind: 'user',
  userId: newId<UserId>(),
  sessionUid: 'uid',
  roles,
  permissions,
});

/** A new active user. */
export async function aUser(
  call: TenantCall,
  { roles = [] as string[], email = `${newId()}@example.com` } = {},
): Promise<UserId> {
  return (await rooms().users.create(as(call, SYSTEM), { email, roles })).id;
}

/** What the tenant's audit trail says, oldest first. */
export async function auditOf(call: TenantCall): Promise<string[]> {
  return inTransaction(call, ({ db }) =>
    db('audit_events').where({ tenant_id: call.tenantId }).orderBy('id').pluck('action'),
  );
}
