import { generate } from 'otplib';
import { type ChallengeDeps, createChallengeService } from '../../../src/domain/factors/challenge-service.ts';
import { createCodeThrottle } from '../../../src/domain/factors/code-throttle.ts';
import { createFactorService } from '../../../src/domain/factors/factor-service.ts';
import { createPasskeyService } from '../../../src/domain/factors/passkey-service.ts';
import { siteOf } from '../../../src/domain/factors/webauthn.ts';
import type { Letter } from '../../../src/domain/mail/letter.ts';
import { createLetterService } from '../../../src/domain/mail/letter-service.ts';
import type { SessionProof } from '../../../src/domain/sessions/session.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import type { FactorId, UserId } from '../../../src/kernel/ids.ts';
import { type Authenticator, anAuthenticator } from '../../support/authenticator.ts';
import { counters } from '../../support/database.ts';
import { rooms } from '../../support/rooms.ts';

/** The room of factors and its challenges. What a session has proven is as `proof` says. */
export function factorRooms(proof: Partial<SessionProof> = {}, more: Partial<ChallengeDeps> = {}) {
  const { audit, tenantKeys } = rooms();
  const letters = createLetterService({ keys: tenantKeys });
  const sessions = {
    proofOf: async ({ now }: TenantCall): Promise<SessionProof> => ({
      userId: '' as UserId,
      authTime: now,
      amr: ['pwd'],
      transient: false,
      ...proof,
    }),
  };
  const factors = createFactorService({ keys: tenantKeys, sessions, audit });
  const throttle = createCodeThrottle({ counters: counters() });
  const passkeys = createPasskeyService({ keys: tenantKeys, factors, letters, audit });
  return { factors, passkeys, challenges: createChallengeService({ factors, passkeys, throttle, audit, ...more }) };
}

/** Moves a call in time. */
export const later = (call: TenantCall, seconds: number): TenantCall => ({
  ...call,
  now: new Date(call.now.getTime() + seconds * 1000),
});

/** What the authenticator application shows at the call's moment. */
export const codeAt = ({ now }: TenantCall, secret: string): Promise<string> =>
  generate({ secret, epoch: Math.floor(now.getTime() / 1000) });

/** A code that no step near the moment has. */
export async function wrongCodeAt(call: TenantCall, secret: string): Promise<string> {
  const right = await Promise.all([-60, -30, 0, 30].map((seconds) => codeAt(later(call, seconds), secret)));
  return Array.from({ length: 10 }, (_, digit) => String(digit).repeat(6)).find((code) => !right.includes(code))!;
}

/** Enrols an authenticator application for a person, a minute before the call's moment. */
export async function enrolled(call: TenantCall, userId: UserId): Promise<{ secret: string; backupCodes: string[] }> {
  const { factors } = factorRooms();
  const before = later(call, -60);
  const by = { userId, sessionUid: 'enrolling' };
  const { factorId, secret } = await factors.enrolTotp(before, by);
  const code = await codeAt(before, secret);
  const { backupCodes = [] } = await factors.confirmTotp(before, by, { factorId, code });
  return { secret, backupCodes };
}

/** The code of a refusal; `done` where there was none. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

/** Everything that the tables of this room hold of a tenant, as text. */
export async function storedIn(call: TenantCall): Promise<string> {
  return inTransaction(call, async ({ db, tenantId }) => {
    const tables = ['factors', 'backup_codes', 'challenges', 'used_ceremonies', 'remembered_devices', 'audit_events'];
    const rows = await Promise.all(tables.map((table) => db(table).where({ tenant_id: tenantId })));
    return JSON.stringify(rows);
  });
}

/** A site that the tests of this room are at. */
export const SITE = siteOf('https://id.test');

/** Registers a passkey for a person, a minute before the call's moment. */
export async function withPasskey(
  call: TenantCall,
  userId: UserId,
  authenticator: Authenticator = anAuthenticator({ origin: SITE.origin }),
): Promise<Authenticator & { factorId: FactorId; backupCodes: string[] | undefined }> {
  const { passkeys } = factorRooms();
  const [before, by] = [later(call, -60), { userId, sessionUid: 'enrolling' }];
  const options = await passkeys.registrationOptions(before, by, SITE);
  const attestation = authenticator.create(options);
  const { factor, backupCodes } = await passkeys.register(before, by, { site: SITE, attestation });
  return { ...authenticator, factorId: factor.id, backupCodes };
}

/** The letters that a tenant has put down, the oldest first. */
export async function lettersOf(call: TenantCall): Promise<Letter[]> {
  const { open } = createLetterService({ keys: rooms().tenantKeys });
  const rows = await call.db('outbox').where({ tenant_id: call.tenantId, kind: 'mail' }).orderBy('id');
  return Promise.all(rows.map((row) => open(call, row)));
}
