import { generate } from 'otplib';
import { createFactorRooms, type FactorRoomsDeps } from '../../../src/domain/factors/factor-rooms.ts';
import type { Channel } from '../../../src/domain/factors/sent-code.ts';
import { siteOf } from '../../../src/domain/factors/webauthn.ts';
import type { Template } from '../../../src/domain/mail/letter.ts';
import { createLetterService } from '../../../src/domain/mail/letter-service.ts';
import type { SessionProof } from '../../../src/domain/sessions/session.ts';
import { createSignInNotices } from '../../../src/domain/sign-in/sign-in-notices.ts';
import { createTextMessageService } from '../../../src/domain/sms/text-message-service.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import type { FactorId, UserId } from '../../../src/kernel/ids.ts';
import { type Authenticator, anAuthenticator } from '../../support/authenticator.ts';
import { counters } from '../../support/database.ts';
import { lettersOf as allLettersOf, textsOf } from '../../support/queued.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';
import { anAddress, fromAddress } from '../sign-in/house.ts';

/** The room of factors and its challenges. What a session has proven is as `proof` says. */
export function factorRooms(proof: Partial<SessionProof> = {}, more: Partial<FactorRoomsDeps> = {}) {
  const { audit, tenantKeys: keys, access, users } = rooms();
  const sessions = {
    endAll: rooms().sessions.endAll,
    proofOf: async ({ now }: TenantCall): Promise<SessionProof> => ({
      userId: '' as UserId,
      authTime: now,
      amr: ['pwd'],
      transient: false,
      ...proof,
    }),
  };
  const letters = createLetterService({ keys });
  const messages = createTextMessageService({ keys });
  return createFactorRooms({
    ...{ keys, sessions, audit, letters, messages, access, users, counters: counters() },
    notices: createSignInNotices({ keys, letters, counters: counters() }),
    ...more,
  });
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

export const NUMBER = '+14155550123';
export const GATEWAY = { sms: { gateway: 'webhook', url: 'https://sms.example/send' } } as const;
const ALL = { mfa: { allowedFactors: ['totp', 'email', 'sms', 'backup_code'] } } as const;

/** A tenant that allows codes by both channels, and a person in it. */
export async function aTenantWithCodes(more: object = {}): Promise<{ tenant: TenantCall; ann: UserId; email: string }> {
  const tenant = fromAddress(await aTenant(), anAddress());
  await rooms().tenants.updateSettings(tenant, { ...ALL, ...GATEWAY, ...more });
  const email = `ann-${tenant.tenantId.slice(-6)}@example.com`;
  return { tenant, ann: await aUser(tenant, { email }), email };
}

/** The codes that went out by a channel, the oldest first. */
export async function sentCodes(tenant: TenantCall, channel: Channel): Promise<string[]> {
  const keys = { keys: rooms().tenantKeys };
  if (channel === 'sms') return (await textsOf(tenant, keys)).map(({ code }) => code);
  return (await lettersOf(tenant, 'email-code')).map(({ values }) => values.code);
}

export const wrongCode = (code: string) => (code === '000000' ? '111111' : '000000');

/** Enrols an address for a person. */
export async function enrolledFor(call: TenantCall, userId: UserId, channel: Channel): Promise<void> {
  const { sentFactors } = factorRooms({ amr: ['pwd', 'otp', 'mfa'] });
  const by = { userId, sessionUid: 'enrolling' };
  const { factorId } = await sentFactors.enrol(call, by, { channel, phoneNumber: NUMBER });
  const code = (await sentCodes(call, channel)).at(-1)!;
  await sentFactors.confirm(call, by, { channel, factorId, code });
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
    const tables = [
      ...['factors', 'backup_codes', 'challenges', 'used_ceremonies', 'sent_codes', 'remembered_devices'],
      'audit_events',
    ];
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

/** The letters that a tenant has put down, the oldest first: those of one template, where one is named. */
export const lettersOf = <T extends Template = Template>(call: TenantCall, template?: T) =>
  allLettersOf(call, { keys: rooms().tenantKeys }, template);
