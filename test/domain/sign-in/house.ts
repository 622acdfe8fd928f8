import { randomInt } from 'node:crypto';
import { createAccessService } from '../../../src/domain/access/access-service.ts';
import { createAuditService } from '../../../src/domain/audit/audit-service.ts';

import { createDutyService } from '../../../src/domain/duties/duty-service.ts';
import { createFactorRooms } from '../../../src/domain/factors/factor-rooms.ts';

import { createTenantKeyService } from '../../../src/domain/keys/tenant-key-service.ts';
import { createLetterService } from '../../../src/domain/mail/letter-service.ts';
import { createBreachCheck, type FetchText } from '../../../src/domain/passwords/breach-check.ts';
import { createCommonPasswords } from '../../../src/domain/passwords/common-passwords.ts';
import { createHasher, type HasherSettings, type HashRun } from '../../../src/domain/passwords/hash.ts';
import { createPasswordService } from '../../../src/domain/passwords/password-service.ts';
import { createEmailTokenService } from '../../../src/domain/recovery/email-token-service.ts';
import { createRecoveryThrottle } from '../../../src/domain/recovery/recovery-throttle.ts';
import { createVerificationService } from '../../../src/domain/recovery/verification-service.ts';
import { createSessionService } from '../../../src/domain/sessions/session-service.ts';
import { createDeviceCookies } from '../../../src/domain/sign-in/device-cookie.ts';
import type { Outcome } from '../../../src/domain/sign-in/progress.ts';
import { createSeenDevices } from '../../../src/domain/sign-in/seen-devices.ts';
import { createSignInNotices } from '../../../src/domain/sign-in/sign-in-notices.ts';
import { createSignIn } from '../../../src/domain/sign-in/sign-in-service.ts';
import { createThrottle } from '../../../src/domain/sign-in/throttle.ts';
import { createTextMessageService } from '../../../src/domain/sms/text-message-service.ts';
import type { OwnSettings } from '../../../src/domain/tenants/settings.ts';
import { createUserService } from '../../../src/domain/users/user-service.ts';
import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../../src/kernel/call.ts';
import { canonicalEmail, canonicalUsername } from '../../../src/kernel/canonical.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import { newId, type TenantId, type UserId } from '../../../src/kernel/ids.ts';
import { counters, pool } from '../../support/database.ts';
import { MASTER_KEY } from '../../support/rooms.ts';

export const NOON = new Date('2026-01-01T12:00:00Z');
export const PASSWORD = 'correct horse battery';
export const COST = { memoryKib: 8_192, passes: 1 };

const MASTER_KEYS = [MASTER_KEY];
const knownKeys = createTenantKeyService(MASTER_KEYS);
const common = createCommonPasswords();

/**
 * The rooms of sign-in, joined as a node joins them. `runs` tells which hashes were computed; a `fresh` node has met no
 * tenant yet.
 */
export function aHouse({
  hasher = {},
  fetchText,
  fresh = false,
}: {
  hasher?: Partial<HasherSettings>;
  fetchText?: FetchText;
  fresh?: boolean;
} = {}) {
  const keys = fresh ? createTenantKeyService(MASTER_KEYS) : knownKeys;
  const runs: HashRun[] = [];
  const platform = newId<TenantId>();
  const audit = createAuditService({ keys });
  const devices = createDeviceCookies({ keys });
  const throttle = createThrottle({ counters: counters(), devices });
  const passwords = createPasswordService({
    hasher: createHasher({ ...COST, onRun: (run) => runs.push(run), ...hasher }),
    common,
    isBreached: createBreachCheck({
      url: fetchText && 'https://range.test/{prefix}',
      fetchText: fetchText ?? (() => Promise.reject(new Error('nobody is asked'))),
    }),
    throttle,
    sessions: createSessionService({ audit }),
    letters: createLetterService({ keys }),
    audit,
  });
  let made: Promise<TenantCall> | undefined;
  const platformTenant = async () => {
    made ??= aTenant({ id: platform });
    return (await made).tenantId;
  };
  const sessions = createSessionService({ audit });
  const letters = createLetterService({ keys });
  const access = createAccessService({ audit });
  const users = createUserService({ audit, access, sessions, passwords, letters });
  const messages = createTextMessageService({ keys });
  const notices = createSignInNotices({ keys, letters, counters: counters() });
  const { factors, passkeys, challenges } = createFactorRooms({
    ...{ keys, sessions, audit, letters, messages, access, users, counters: counters(), notices },
  });
  const duties = createDutyService({ audit });
  const byLetter = {
    tokens: createEmailTokenService({ keys }),
    throttle: createRecoveryThrottle({ counters: counters() }),
  };
  const verification = createVerificationService({ ...byLetter, letters, users });
  const seenDevices = createSeenDevices({ letters });
  const signIn = createSignIn({
    ...{ factors, passkeys, challenges, passwords, throttle, devices, keys, audit },
    ...{ seenDevices, notices, platformTenant, duties, verification },
  });
  return {
    ...{ runs, audit, devices, throttle, passwords, factors, passkeys, challenges, signIn, platformTenant },
    ...{ seenDevices, notices, keys },
  };
}

/** A call of nobody in particular, from an address that no other test uses. */
export function fromAddress<C extends OperatorCall>(call: C, ip = anAddress()): C {
  return { ...call, origin: { ip, userAgent: 'test', requestId: 'test' } };
}

export function anAddress(): string {
  return `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`;
}

export function anOperatorCall(): OperatorCall {
  return fromAddress({ db: pool(), actor: { kind: 'anonymous' }, now: NOON });
}

export async function aTenant({
  id = newId<TenantId>(),
  status = 'active',
  name = 'Tenant',
  settings = {} as OwnSettings,
} = {}): Promise<TenantCall> {
  const call = anOperatorCall();
  const tenant = { id, slug: `t-${id}`, name, type: 'customer', status, settings: JSON.stringify(settings) };
  await inOperatorTransaction(call, async (tx) => {
    await tx.db('tenants').insert({ ...tenant, created_at: NOON, updated_at: NOON });
    await knownKeys.create({ ...tx, tenantId: id });
  });
  return { ...call, tenantId: id };
}

export async function aUser(
  call: TenantCall,
  { email = `${newId()}@example.com`, username = null as string | null, status = 'active' } = {},
): Promise<{ id: UserId; email: string }> {
  const id = newId<UserId>();
  await inTransaction(call, async ({ db, tenantId }) => {
    await db('users').insert({
      ...{ tenant_id: tenantId, id, email, email_canonical: canonicalEmail(email), status },
      ...{ username, username_canonical: username && canonicalUsername(username), created_at: NOON, updated_at: NOON },
    });
  });
  return { id, email };
}

/** What the tenant's audit trail says, oldest first. */
export async function auditOf(call: TenantCall): Promise<{ action: string; target: string | null; details: object }[]> {
  return inTransaction(call, async ({ db, tenantId }) =>
    db('audit_events').where({ tenant_id: tenantId }).orderBy('id').select('action', 'target', 'details'),
  );
}

export async function storedHashOf(call: TenantCall, userId: UserId): Promise<string> {
  return inTransaction(call, async ({ db, tenantId }) => {
    const row = await db('passwords').where({ tenant_id: tenantId, user_id: userId }).first('hash');
    return row.hash;
  });
}

/** Lets seconds pass for all counters. */
export async function passSeconds(seconds: number): Promise<void> {
  await counters().raw('update rate_limits set expire = expire - ?', [seconds * 1000]);
}

/** `signed-in`, `factor-needed`, the action that is needed, or the code of the refusal. */
export async function endOf(signingIn: Promise<Outcome>): Promise<string> {
  try {
    const outcome = await signingIn;
    return outcome.kind === 'action-needed' ? outcome.action : outcome.kind;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

/** Rows of a statement that looks past row-level security. */
export async function asOperator(call: TenantCall, sql: string, values: string[]) {
  return call.db.transaction(async (tx) => {
    await tx.raw(`select set_config('gatehouse.operator', 'on', true)`);
    return (await tx.raw(sql, values)).rows;
  });
}
