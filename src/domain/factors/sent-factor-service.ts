import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type ChallengeId, type FactorId, newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { maskedEmail } from '../mail/letter.ts';
import { maskedNumber, textableNumber } from '../sms/phone-number.ts';
import type { TenantSettings } from '../tenants/settings.ts';
import type { UserService } from '../users/user-service.ts';
import { type Changer, holderOf } from './admission.ts';
import type { CodeThrottle } from './code-throttle.ts';
import { allowsFactor, isForbidden } from './factor.ts';
import type { FactorService } from './factor-service.ts';
import type { Owner } from './factor-store.ts';
import type { SendThrottle } from './send-throttle.ts';
import { CHANNELS, type Channel } from './sent-code.ts';
import type { SentCodeService } from './sent-code-service.ts';
import * as store from './sent-factor-store.ts';

export type SentFactorDeps = {
  factors: Pick<FactorService, 'admit' | 'assertAllowed' | 'codesForFirst' | 'noteAdded'>;
  codes: SentCodeService;
  access: Pick<AccessService, 'rolesOf'>;
  users: Pick<UserService, 'get' | 'setVerified'>;
  throttle: CodeThrottle;
  sendThrottle: SendThrottle;
  audit: Pick<AuditService, 'record' | 'recordRefusal'>;
};

/** An address as it is shown to who may not know it. */
export const masked = (channel: Channel, address: string): string =>
  channel === 'sms' ? maskedNumber(address) : maskedEmail(address);

type Channels = Pick<TenantSettings, 'mfa' | 'sms'>;

/** Whether the tenant sends codes by a channel, and to somebody with these roles. */
const mayHave = ({ mfa, sms }: Channels, channel: Channel, roles: readonly string[]): boolean =>
  allowsFactor(mfa, channel) && !isForbidden(channel, roles) && (channel === 'email' || sms.gateway !== undefined);

/** Addresses to which codes are sent, as second factors: one for each channel. */
export function createSentFactorService(deps: SentFactorDeps) {
  const { factors, codes, access, users, throttle, sendThrottle, audit } = deps;

  /** Where codes would go to, once it is sure that the person may have such a factor. */
  async function addressOf(tx: TenantCall, by: Changer, owner: Owner, channel: Channel, number: string | undefined) {
    if (!mayHave(owner, channel, await rolesOf(tx, by.userId)))
      throw new Failure('factor_not_allowed', { kind: channel });
    return channel === 'email' ? owner.email : textableNumber(number ?? owner.phone ?? '', owner.sms.callingCodes);
  }

  const rolesOf = async (tx: TenantCall, userId: UserId) => (await access.rolesOf(tx, userId)).map(({ name }) => name);

  /** What the same holder began to enrol, as long as it can be confirmed. */
  function findPending(tx: TenantCall, by: Changer, channel: Channel) {
    const since = new Date(tx.now.getTime() - LIMITS.pendingFactorSeconds * 1000);
    return store.findPendingAddress(tx, by.userId, { kind: channel, holder: holderOf(by), since });
  }

  return {
    /** By which channels a person may have codes sent. */
    async channelsFor(call: TenantCall, userId: UserId, settings: Channels): Promise<Channel[]> {
      const roles = await inTransaction(call, (tx) => rolesOf(tx, userId));
      return CHANNELS.filter((channel) => mayHave(settings, channel, roles));
    },

    /** Where `enrol` has sent a code for the same holder, whole, as long as it can be confirmed. */
    pending: (
      call: TenantCall,
      by: Changer,
      channel: Channel,
    ): Promise<{ factorId: FactorId; address: string } | undefined> =>
      inTransaction(call, async (tx) => {
        const found = await findPending(tx, by, channel);
        return found && { factorId: found.id, address: found.address };
      }),

    /**
     * Begins to enrol the account's e-mail address, or a number, and sends a code there. Of two beginnings the last one
     * counts, for ten minutes.
     *
     * @param phoneNumber E.164; the profile's where it is left out
     * @throws Failure `reauthentication_required`, `factor_not_allowed`, `user_not_found`, `invalid_input`,
     *   `phone_not_allowed`; `rate_limited` after too many codes
     */
    async enrol(
      call: TenantCall,
      by: Changer,
      {
        channel,
        phoneNumber,
        languages,
      }: { channel: Channel; phoneNumber?: string | undefined; languages?: readonly string[] | undefined },
    ): Promise<{ factorId: FactorId; sentTo: string }> {
      const { userId } = by;
      const admit = async (tx: TenantCall) => {
        const { owner } = await factors.admit(tx, by);
        return { owner, address: await addressOf(tx, by, owner, channel, phoneNumber) };
      };
      const { owner, address } = await inTransaction(call, admit);
      await sendThrottle.take(call, { userId, channel, address, perHour: owner.sms.perHour });
      const id = newId<FactorId>();
      await inTransaction(call, async (tx) => {
        await admit(tx);
        await store.putPendingAddress(tx, userId, { id, kind: channel, address, holder: holderOf(by) });
        await codes.send(tx, { id, userId, channel, address, purpose: 'enrol', languages });
        const details = { factorId: id, kind: channel };
        await audit.record(tx, 'factor.enrolment_begun', { target: `user:${userId}`, details });
      });
      return { factorId: id, sentTo: masked(channel, address) };
    },

    /**
     * Makes a pending address the person's factor, in the place of an earlier one of its channel. The address of the
     * profile counts as verified with it. A wrong code takes one of five tries, whatever becomes of the request, so a
     * call within a transaction is a mistake of ours, and throws.
     *
     * @returns the ten backup codes, where it is the first factor
     * @throws Failure `factor_wrong`; `factor_not_found` for another person's, another session's or an old one;
     *   `rate_limited` after too many wrong codes of the account; and what `enrol` throws
     */
    async confirm(
      call: TenantCall,
      by: Changer,
      { channel, factorId, code }: { channel: Channel; factorId: FactorId; code: string },
    ): Promise<{ factorId: FactorId; backupCodes: string[] | undefined }> {
      if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
      const { userId } = by;
      const giveBack = await throttle.reserve(call, userId);
      const typed = { id: factorId, userId, channel, typed: code };
      const isRight = await inTransaction(call, (tx) => codes.tryAt(tx, typed));
      if (!isRight) {
        await audit.recordRefusal(call, 'factor.refused', {
          target: `user:${userId}`,
          details: { factor: channel, reason: 'factor_wrong' },
        });
        throw new Failure('factor_wrong');
      }
      await giveBack();
      return inTransaction(call, async (tx) => {
        const admitted = await factors.admit(tx, by);
        factors.assertAllowed(admitted.owner, channel);
        const pending = await findPending(tx, by, channel);
        if (pending?.id !== factorId || !(await codes.use(tx, typed)))
          throw new Failure('factor_not_found', { factorId });
        await store.activateAddress(tx, userId, pending, channel);
        await noteVerified(tx, userId, channel, pending.address);
        await factors.noteAdded(tx, userId, { factorId, kind: channel });
        return { factorId, backupCodes: await factors.codesForFirst(tx, userId, admitted) };
      });
    },

    /** Where the codes of a person's channels go to, each as it may be shown, and by which one that of a challenge went. */
    async sendingOf(
      call: TenantCall,
      { challengeId, userId }: { challengeId: ChallengeId; userId: UserId },
    ): Promise<{ targets: Partial<Record<Channel, string>>; sent: Channel | undefined }> {
      return inTransaction(call, async (tx) => {
        const all = await store.listSent(tx, userId);
        const targets = Object.fromEntries(all.map(({ kind, address }) => [kind, masked(kind, address)]));
        return { targets, sent: await codes.channelOf(tx, challengeId) };
      });
    },

    /**
     * Sends a code for a challenge to the person's factor. The latest one counts.
     *
     * @throws Failure `factor_not_allowed` where there is no such factor; `rate_limited` when the last code was sent a
     *   moment ago, or after too many
     */
    async send(
      call: TenantCall,
      about: { challengeId: ChallengeId; userId: UserId; channel: Channel; languages?: readonly string[] | undefined },
    ): Promise<{ sentTo: string }> {
      const { challengeId: id, userId, channel, languages } = about;
      const { factor, perHour } = await inTransaction(call, async (tx) => {
        const found = await store.findSent(tx, userId, channel);
        if (!found) throw new Failure('factor_not_allowed', { kind: channel });
        await codes.assertDue(tx, id);
        return { factor: found, perHour: (await store.smsSettings(tx)).perHour };
      });
      const { address } = factor;
      await sendThrottle.take(call, { userId, channel, address, perHour });
      await inTransaction(call, async (tx) => {
        await codes.send(tx, { id, userId, channel, address, purpose: 'sign-in', languages });
        await audit.record(tx, 'factor.sent', { target: `user:${userId}`, details: { factor: channel } });
      });
      return { sentTo: masked(channel, address) };
    },

    /** Uses a code up that was sent for a challenge; false when it is wrong. The caller counts tries. */
    async use(
      tx: TenantCall,
      userId: UserId,
      { challengeId, channel, code }: { challengeId: string; channel: Channel; code: string },
    ): Promise<boolean> {
      const factor = await store.findSent(tx, userId, channel);
      if (!factor || !(await codes.use(tx, { id: challengeId, userId, channel, typed: code }))) return false;
      await store.noteUse(tx, factor.id);
      return true;
    },
  };

  /** Who types the code reads what is sent there. */
  async function noteVerified(tx: TenantCall, userId: UserId, channel: Channel, address: string) {
    const user = await users.get(tx, userId);
    if (channel === 'email' && user.email === address && !user.emailVerified)
      await users.setVerified(tx, userId, { email: true });
    if (channel === 'sms' && user.phone === address && !user.phoneVerified)
      await users.setVerified(tx, userId, { phone: true });
  }
}

export type SentFactorService = ReturnType<typeof createSentFactorService>;
