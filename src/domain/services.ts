import type { Knex } from 'knex';
import type { OperatorCall } from '../kernel/call.ts';
import type { TenantId } from '../kernel/ids.ts';
import { type AccessService, createAccessService } from './access/access-service.ts';
import { createApiKeyService } from './api-keys/api-key-service.ts';
import { createApiService } from './apis/api-service.ts';
import { createAuditService } from './audit/audit-service.ts';
import { createBlueprintService } from './blueprint/blueprint-service.ts';
import { type ClientServiceDeps, createClientService, type ValidateMetadata } from './clients/client-service.ts';
import { createServiceAccountService } from './clients/service-account-service.ts';
import { createDutyService } from './duties/duty-service.ts';
import { createFactorRooms, type FactorRoomsDeps } from './factors/factor-rooms.ts';
import { createRememberedDeviceService } from './factors/remembered-device-service.ts';
import { createGrantService } from './grants/grant-service.ts';
import { createIdempotencyService } from './idempotency/idempotency-service.ts';
import { createJobFileService } from './jobs/job-file-service.ts';
import { createJobService, type JobServiceDeps } from './jobs/job-service.ts';
import { createSigningKeyService } from './keys/signing-key-service.ts';
import { createTenantKeyService } from './keys/tenant-key-service.ts';
import { createLetterService } from './mail/letter-service.ts';
import { createMembershipService } from './nodes/membership-service.ts';
import { createNodeService } from './nodes/node-service.ts';
import { createBreachCheck, type FetchText } from './passwords/breach-check.ts';
import { createCommonPasswords } from './passwords/common-passwords.ts';
import { createHasher, type HashRun } from './passwords/hash.ts';
import { createPasswordService } from './passwords/password-service.ts';
import { createPasswordTransfer } from './passwords/password-transfer.ts';
import { createPrivacyRooms } from './privacy/privacy-rooms.ts';
import { createProofsByLetter } from './proofs-by-letter.ts';
import type { PostForm } from './registration/captcha-service.ts';
import { createLogoutDeliveries } from './sessions/logout-delivery-service.ts';
import { createSessionService } from './sessions/session-service.ts';
import { createSessionSweep } from './sessions/session-sweep-service.ts';
import { createDeviceCookies } from './sign-in/device-cookie.ts';
import type { SignInEnd } from './sign-in/progress.ts';
import { createSeenDevices } from './sign-in/seen-devices.ts';
import { createSignInNotices } from './sign-in/sign-in-notices.ts';
import { createSignIn } from './sign-in/sign-in-service.ts';
import { createThrottle } from './sign-in/throttle.ts';
import type { Tokens } from './sign-in/tokens.ts';
import { createTextMessageService } from './sms/text-message-service.ts';
import { createDomainProofs, type DomainProofDeps } from './tenants/domain-proof.ts';
import type { TenantDirectory } from './tenants/tenant-directory.ts';
import { createTenantService, type TenantService } from './tenants/tenant-service.ts';
import { createUserImport, type UserImportDeps } from './user-transfer/user-import.ts';
import { createUserTransfer, type UserTransferDeps } from './user-transfer/user-transfer.ts';
import { createUserAdministration } from './users/user-administration.ts';
import { createUserBatch } from './users/user-batch.ts';
import { createUserService } from './users/user-service.ts';
import type { SendToReceiver } from './webhooks/delivery.ts';
import { createDeliveryService, type DeliveryServiceDeps } from './webhooks/delivery-service.ts';
import type { EventFace } from './webhooks/event.ts';
import { createPublisher, type Publisher } from './webhooks/publisher.ts';
import { redelivery } from './webhooks/redelivery.ts';
import { createWebhookService, type WebhookServiceDeps } from './webhooks/webhook-service.ts';

export type ServiceSettings = {
  masterKeys: readonly Buffer[];
  ARGON2_MEMORY_KIB: number;
  ARGON2_PASSES: number;
  PASSWORD_PEPPER?: string | undefined;
  PASSWORD_PEPPERS_PREVIOUS: readonly string[];
  BREACH_CHECK_URL?: string | undefined;
};

export type ServiceDeps = {
  config: ServiceSettings;
  /** A small pool for the counters of refused attempts. */
  counters: Knex;
  fetchText: FetchText;
  postForm: PostForm;
  /** The texts of a name in the DNS, and our own host. */
  resolveTexts: DomainProofDeps['resolveTexts'];
  publicHost: string;
  onHash(run: HashRun): void;
  onSignIn(end: SignInEnd): void;
  validateMetadata: ValidateMetadata;
  platformTenant(call: OperatorCall): Promise<TenantId>;
  /** What nodes know of their tenants; it is made from these rooms, so it is there when somebody asks. */
  directory(): Pick<TenantDirectory, 'byId' | 'bySlug'>;
  /** How receivers of webhooks read events, and how they are reached. */
  eventFace: EventFace;
  assertUrl(url: string): void;
  sendToReceiver: SendToReceiver;
  onJobFault: NonNullable<JobServiceDeps['onFault']>;
};

/** Builds every room, in the order in which they need each other. */
export function createServices(deps: ServiceDeps) {
  const { config, counters, fetchText, onHash, onSignIn, validateMetadata, platformTenant } = deps;
  const tenantKeys = createTenantKeyService(config.masterKeys);
  const publisher = createPublisher({ keys: tenantKeys, face: deps.eventFace, users: () => users });
  const audit = createAuditService({ keys: tenantKeys, listener: publisher });
  const signingKeys = createSigningKeyService({ tenantKeys, audit });
  const access = createAccessService({ audit });
  const tree = { nodes: createNodeService({ audit, access }), memberships: createMembershipService({ audit, access }) };
  const tenants = createTenantService({ audit, access, tenantKeys });
  const sessions = createSessionService({ audit });
  const devices = createDeviceCookies({ keys: tenantKeys });
  const throttle = createThrottle({ counters, devices });
  const hasher = hasherOf(config, onHash);
  const common = createCommonPasswords();
  const isBreached = createBreachCheck({ url: config.BREACH_CHECK_URL, fetchText });
  const letters = createLetterService({ keys: tenantKeys });
  const passwords = createPasswordService({ hasher, common, isBreached, throttle, sessions, letters, audit });
  const users = createUserService({ audit, access, sessions, passwords, letters });
  const proofs = createProofRooms({ keys: tenantKeys, sessions, audit, letters, access, users, counters });
  const directory: ReturnType<ServiceDeps['directory']> = {
    byId: (call, id) => deps.directory().byId(call, id),
    bySlug: (call, slug) => deps.directory().bySlug(call, slug),
  };
  const byLetter = createProofsByLetter({
    ...{ letters, passwords, sessions, users, factors: proofs.factors, devices, audit, counters, access, ...tree },
    ...{ keys: tenantKeys, signInThrottle: throttle, platformTenant, postForm: deps.postForm },
    directory,
  });
  const duties = createDutyService({ audit });
  const signIn = createSignIn({
    ...proofs,
    ...{ passwords, throttle, devices, duties, audit, platformTenant, notices: proofs.signInNotices },
    verification: byLetter.verification,
    seenDevices: createSeenDevices({ letters }),
    keys: tenantKeys,
    onEnd: onSignIn,
  });
  const ways = { signIn, rememberedDevices: createRememberedDeviceService({ devices, audit }) };
  const people = { access, tenants, sessions, passwords, users, letters };
  const userAdministration = createUserAdministration({ ...byLetter, ...people, ...proofs });
  const machines = createMachineRooms({ audit, access, tenants, tenantKeys, grants: sessions, validateMetadata });
  const grants = createGrantService({ audit });
  const idempotency = createIdempotencyService({ keys: tenantKeys, platformTenant });
  const ends = { sessionSweep: createSessionSweep({ audit }), logoutDeliveries: createLogoutDeliveries({ audit }) };
  const told = { audit, access, letters, publisher, keys: tenantKeys };
  const { passwordTransfer, ...outside } = createOutsideRooms({ ...deps, ...told });
  const domainProofs = createDomainProofs({ ...deps, tenants });
  const ground = { audit, tenantKeys, signingKeys, idempotency, grants, duties };
  const privacy = createPrivacyRooms({ ...ground, ...tree, ...people, ...machines, ...proofs, ...ways, directory });
  const rooms = {
    ...{ ...ground, ...ends, ...tree, ...people, ...machines, ...proofs, ...ways, ...byLetter, ...outside, ...privacy },
    ...{ userAdministration, domainProofs },
  };
  return { ...rooms, blueprint: createBlueprintService({ ...rooms, passwordTransfer }) };
}

function hasherOf(config: ServiceSettings, onRun: ServiceDeps['onHash']) {
  return createHasher({
    memoryKib: config.ARGON2_MEMORY_KIB,
    passes: config.ARGON2_PASSES,
    pepper: keyOf(config.PASSWORD_PEPPER),
    previousPeppers: config.PASSWORD_PEPPERS_PREVIOUS.flatMap((pepper) => keyOf(pepper) ?? []),
    onRun,
  });
}

type MachineNeeds = ClientServiceDeps & { access: AccessService; tenants: TenantService };

/** What is not a person: applications, the APIs that they ask tokens for, and keys. */
function createMachineRooms(needs: MachineNeeds) {
  const clients = createClientService(needs);
  const serviceAccounts = createServiceAccountService({ ...needs, clients });
  return { apis: createApiService(needs), apiKeys: createApiKeyService(needs), clients, serviceAccounts };
}

type OutsideNeeds = Omit<WebhookServiceDeps, 'publisher'> &
  Pick<DeliveryServiceDeps, 'access' | 'letters'> &
  Pick<UserImportDeps & UserTransferDeps & JobServiceDeps, 'access'> &
  Pick<ServiceDeps, 'sendToReceiver' | 'onJobFault'> & { publisher: Publisher };

/** Whom a tenant's events are told to, and the work that takes long. */
function createOutsideRooms({ sendToReceiver: send, onJobFault: onFault, ...needs }: OutsideNeeds) {
  const { audit, access, keys } = needs;
  const files = createJobFileService({ keys });
  const passwordTransfer = createPasswordTransfer();
  const many = { ...needs, passwordTransfer, users: createUserBatch({ audit }) };
  const kinds = { 'webhook-redelivery': redelivery, 'user-import': createUserImport(many) };
  const jobs = createJobService({ audit, access, files, kinds: () => kinds, onFault });
  const webhooks = createWebhookService(needs);
  const userTransfer = createUserTransfer({ ...many, jobs });
  return {
    jobs,
    passwordTransfer,
    userTransfer,
    webhooks,
    deliveries: createDeliveryService({ ...needs, receivers: webhooks, send, jobs }),
  };
}

/** What people prove who they are with, besides a password, and what tells them that somebody else tries. */
function createProofRooms(needs: Omit<FactorRoomsDeps, 'messages' | 'notices'>) {
  const textMessages = createTextMessageService(needs);
  const signInNotices = createSignInNotices(needs);
  const rooms = createFactorRooms({ ...needs, messages: textMessages, notices: signInNotices });
  return { ...rooms, textMessages, signInNotices };
}

const keyOf = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, 'base64url'));

/** Every room. */
export type Rooms = ReturnType<typeof createServices>;

/** Every room that a face may enter; tokens come from the core, which itself needs the rooms. */
export type Services = Rooms & { tokens: Tokens };
