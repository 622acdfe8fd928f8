import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type FactorId, newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { seal, sha256, unseal } from '../../kernel/secret.ts';
import { plainName } from '../../kernel/text.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TenantSettings } from '../tenants/settings.ts';
import { type Admitted, type Changer, createAdmission, holderOf } from './admission.ts';
import { hashOfBackupCode, newBackupCode, readBackupCode } from './backup-code.ts';
import * as backupCodes from './backup-code-store.ts';

import { type Factor, isDemanded, isForbidden, judgeSecondFactor, type SecondFactor } from './factor.ts';
import { createFactorNotices } from './factor-notices.ts';

import * as store from './factor-store.ts';
import * as devices from './remembered-device-store.ts';
import { newSecret, provisioningUri, qrCode, stepOf } from './totp.ts';

export type FactorServiceDeps = {
  keys: Pick<TenantKeyService, 'keyFor'>;
  sessions: Pick<SessionService, 'proofOf'>;
  audit: Pick<AuditService, 'record'>;
  letters: Pick<LetterService, 'toUser'>;
};

export type TotpEnrolment = { factorId: FactorId; secret: string; provisioningUri: string; qrCode: string };

const place = (call: TenantCall, id: FactorId) => `${call.tenantId}/factors/sealed/${id}`;

/** What people have besides a password, and the changes of it. Secrets are shown once, to whoever enrols them. */
export function createFactorService({ keys, sessions, audit, letters }: FactorServiceDeps) {
  const notices = createFactorNotices({ audit, letters });

  const { admit, assertAsStrong, assertAllowed } = createAdmission({ sessions });

  async function newBackupCodes(tx: TenantCall, userId: UserId): Promise<string[]> {
    const key = await keys.keyFor(tx, 'backup-code');
    const codes = Array.from({ length: LIMITS.backupCodes }, newBackupCode);
    await backupCodes.replaceAll(
      tx,
      userId,
      codes.map((code) => hashOfBackupCode(key, userId, code)),
    );
    return codes;
  }

  /** The first factor brings the codes for the day it is lost. Its own line in the audit trail tells of both. */
  async function codesForFirst(
    tx: TenantCall,
    userId: UserId,
    { owner, has }: Pick<Admitted, 'owner' | 'has'>,
  ): Promise<string[] | undefined> {
    return has.length === 0 && owner.mfa.allowedFactors.includes('backup_code')
      ? newBackupCodes(tx, userId)
      : undefined;
  }

  async function secretOf(call: TenantCall, { id, sealed }: store.TotpSecret): Promise<string> {
    return unseal(await keys.keyFor(call, 'seal'), place(call, id), sealed).toString();
  }

  return {
    admit,
    assertAllowed,
    assertAsStrong,
    codesForFirst,
    noteAdded: notices.added,

    /**
     * Whether a person may change their factors now, before they are asked anything.
     *
     * @throws Failure `reauthentication_required`, `user_not_found`
     */
    async assertMayChange(call: TenantCall, by: Changer): Promise<void> {
      await inTransaction(call, (tx) => admit(tx, by));
    },

    /** The factors a person has, the oldest first. */
    list: (call: TenantCall, userId: UserId): Promise<Factor[]> =>
      inTransaction(call, (tx) => store.listActive(tx, userId)),

    /** How many backup codes are left. */
    backupCodesLeft: (call: TenantCall, userId: UserId): Promise<number> =>
      inTransaction(call, (tx) => backupCodes.count(tx, userId)),

    /** What the tenant's policy asks of a person on this browser. One statement, inside a transaction or not. */
    async secondFactorOf(
      call: TenantCall,
      userId: UserId,
      mfa: TenantSettings['mfa'],
      deviceId?: string | undefined,
    ): Promise<SecondFactor> {
      if (mfa.mode === 'off') return judgeSecondFactor(mfa, NOTHING);
      const remembers = deviceId !== undefined && mfa.rememberDeviceDays > 0;
      return judgeSecondFactor(mfa, await store.findHoldings(call, userId, remembers ? sha256(deviceId) : null));
    },

    /**
     * Begins to enrol an authenticator application. Of two beginnings the last one counts, for a quarter of an hour.
     *
     * @throws Failure `reauthentication_required`, `factor_not_allowed`, `user_not_found`; `challenge_ended` for a ticket
     *   whose holder has a factor meanwhile
     */
    async enrolTotp(call: TenantCall, by: Changer): Promise<TotpEnrolment> {
      const secret = newSecret();
      const id = newId<FactorId>();
      const sealed = seal(await keys.keyFor(call, 'seal'), place(call, id), Buffer.from(secret));
      const owner = await inTransaction(call, async (tx) => {
        const admitted = await admit(tx, by);
        assertAllowed(admitted.owner, 'totp');
        assertAsStrong(admitted);
        await store.putPendingTotp(tx, by.userId, { id, sealed, holder: holderOf(by) });
        const details = { factorId: id, kind: 'totp' };
        await audit.record(tx, 'factor.enrolment_begun', { target: `user:${by.userId}`, details });
        return admitted.owner;
      });
      return describe(owner, id, secret);
    },

    /** What `enrolTotp` has shown to the same holder, as long as it can be confirmed; undefined where there is nothing. */
    async pendingTotp(call: TenantCall, by: Changer): Promise<TotpEnrolment | undefined> {
      const since = new Date(call.now.getTime() - LIMITS.pendingFactorSeconds * 1000);
      const pending = await inTransaction(call, async (tx) => {
        const found = await store.findPendingTotp(tx, by.userId, { holder: holderOf(by), since });
        return found && { ...found, owner: (await admit(tx, by)).owner };
      });
      return pending && describe(pending.owner, pending.id, await secretOf(call, pending));
    },

    /**
     * Makes the pending secret the person's factor, in the place of an earlier one. The code's step counts as used.
     *
     * @returns the ten backup codes, where it is the first factor
     * @throws Failure `factor_wrong`; `factor_not_found` for another person's, another session's or an old one; and what
     *   `enrolTotp` throws
     */
    async confirmTotp(
      call: TenantCall,
      by: Changer,
      { factorId, code }: { factorId: FactorId; code: string },
    ): Promise<{ factorId: FactorId; backupCodes: string[] | undefined }> {
      const since = new Date(call.now.getTime() - LIMITS.pendingFactorSeconds * 1000);
      return inTransaction(call, async (tx) => {
        const admitted = await admit(tx, by);
        assertAllowed(admitted.owner, 'totp');
        assertAsStrong(admitted);
        const pending = await store.findPendingTotp(tx, by.userId, { id: factorId, holder: holderOf(by), since });
        if (!pending) throw new Failure('factor_not_found', { factorId });
        const step = await stepOf(code, await secretOf(tx, pending), tx.now);
        if (step === undefined) throw new Failure('factor_wrong');
        await store.activateTotp(tx, by.userId, factorId, step);
        await notices.added(tx, by.userId, { factorId, kind: 'totp' });
        return { factorId, backupCodes: await codesForFirst(tx, by.userId, admitted) };
      });
    },

    /**
     * Issues ten new backup codes; the earlier ones are dead.
     *
     * @throws Failure `factor_not_found` for somebody without a factor, `factor_not_allowed`, `reauthentication_required`
     */
    async renewBackupCodes(call: TenantCall, by: Changer): Promise<string[]> {
      return inTransaction(call, async (tx) => {
        const { owner, has, isWeak } = await admit(tx, by);
        assertAllowed(owner, 'backup_code');
        if (has.length === 0) throw new Failure('factor_not_found');
        assertAsStrong({ has, isWeak });
        await notices.backupCodesRenewed(tx, by.userId);
        return newBackupCodes(tx, by.userId);
      });
    },

    /**
     * Gives a factor a name that its owner knows it by.
     *
     * @throws Failure `factor_not_found`, `invalid_input`
     */
    async rename(call: TenantCall, userId: UserId, id: FactorId, typed: string): Promise<Factor> {
      const name = factorName(typed);
      return inTransaction(call, async (tx) => {
        const factor = await store.rename(tx, userId, id, name);
        if (!factor) throw new Failure('factor_not_found', { factorId: id });
        await audit.record(tx, 'factor.renamed', { target: `user:${userId}`, details: { factorId: id } });
        return factor;
      });
    },

    /**
     * Takes a factor away. With the last one go the backup codes and the browsers that were remembered.
     *
     * @throws Failure `factor_not_found`, `reauthentication_required`; `factor_mandatory` where the tenant demands one
     *   and no other that it allows is left; `passkey_last` for the only passkey of somebody without a password
     */
    async remove(call: TenantCall, by: Changer, id: FactorId): Promise<void> {
      await inTransaction(call, async (tx) => {
        const { owner, has, isWeak } = await admit(tx, by);
        const others = has.filter((factor) => factor.id !== id);
        const kind = await store.remove(tx, by.userId, id);
        if (kind) assertAsStrong({ has, isWeak }, kind);
        if (!kind) throw new Failure('factor_not_found', { factorId: id });
        const useful = others.filter(({ flagged }) => !flagged);
        const { roles } = await store.findHoldings(tx, by.userId, null);
        const suffices = useful.some(
          (factor) => owner.mfa.allowedFactors.includes(factor.kind) && !isForbidden(factor.kind, roles),
        );
        if (!suffices && isDemanded(owner.mfa, roles)) throw new Failure('factor_mandatory');
        const opens = owner.hasPassword || useful.some((factor) => factor.kind === 'webauthn');
        if (kind === 'webauthn' && !opens) throw new Failure('passkey_last');
        await devices.forgetAll(tx, by.userId);
        if (others.length === 0) await backupCodes.removeAll(tx, by.userId);
        await notices.removed(tx, by.userId, { factorId: id, kind });
      });
    },

    /** Remembers a browser, so that it is not asked for a second factor for so many days. */
    async rememberDevice(tx: TenantCall, userId: UserId, deviceId: string, days: number): Promise<void> {
      const until = new Date(tx.now.getTime() + days * 86_400_000);
      await devices.remember(tx, userId, { device: sha256(deviceId), until, most: LIMITS.rememberedDevices });
      await audit.record(tx, 'device.remembered', { target: `user:${userId}`, details: { days } });
    },

    /** Uses a code of the authenticator application up; false when it is wrong, or its step was used. */
    async useTotp(tx: TenantCall, userId: UserId, code: string): Promise<boolean> {
      const factor = await store.findTotp(tx, userId);
      const step = factor && (await stepOf(code, await secretOf(tx, factor), tx.now));
      return step !== undefined && store.useStep(tx, factor!.id, step);
    },

    /** Uses a backup code up; false when there is none such. */
    async useBackupCode(tx: TenantCall, userId: UserId, typed: string): Promise<boolean> {
      const code = readBackupCode(typed);
      if (code === undefined) return false;
      const key = await keys.keyFor(tx, 'backup-code');
      if (!(await backupCodes.use(tx, userId, hashOfBackupCode(key, userId, code)))) return false;
      const left = await backupCodes.count(tx, userId);
      await notices.backupCodeUsed(tx, userId, left);
      return true;
    },
  };
}

/** @throws Failure `invalid_input` for what is no name */
export function factorName(typed: string): string {
  const name = plainName(typed, LIMITS.nameChars);
  if (name === undefined)
    throw new Failure('invalid_input', { field: 'name', problem: `is not 1 to ${LIMITS.nameChars} plain characters` });
  return name;
}

async function describe(
  { tenantName, email }: store.Owner,
  factorId: FactorId,
  secret: string,
): Promise<TotpEnrolment> {
  const uri = provisioningUri({ issuer: tenantName, label: email, secret });
  return { factorId, secret, provisioningUri: uri, qrCode: await qrCode(uri) };
}

export type FactorService = ReturnType<typeof createFactorService>;

const NOTHING = { kinds: [], backupCodes: 0, roles: [], remembered: false } as const;
