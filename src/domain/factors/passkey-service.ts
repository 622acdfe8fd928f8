import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type ChallengeId, type FactorId, isUuid, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { deedOf } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import { type Changer, holderOf } from './admission.ts';
import { authenticatorName } from './authenticator-name.ts';
import { createCeremonies } from './ceremony.ts';
import type { Factor } from './factor.ts';
import { type FactorService, factorName } from './factor-service.ts';
import * as store from './passkey-store.ts';
import {
  creationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  requestOptions,
  type Site,
  type Use,
  verifyAssertion,
  verifyAttestation,
} from './webauthn.ts';
import { readAssertion, readAttestation } from './webauthn-response.ts';

export type PasskeyDeps = {
  keys: Pick<TenantKeyService, 'keyFor'>;
  factors: Pick<FactorService, 'admit' | 'assertAllowed' | 'assertAsStrong' | 'codesForFirst'>;
  letters: Pick<LetterService, 'toUser'>;
  audit: Pick<AuditService, 'record'>;
};

/** A passkey as it was registered, how the proof of it is named, and the backup codes where it is the first factor. */
export type Registered = { factor: Factor; amr: string[]; backupCodes: string[] | undefined };

/** A sign-in by passkey whose signature is right. It opens nothing before `use`. */
export type Shown = {
  tenantId: TenantId;
  userId: UserId;
  amr: readonly string[];
  ceremony: ChallengeId;
  passkey: store.Passkey;
  use: Use;
};

/** `copied`: the counter went back, so there are two of it; `used`: the challenge was answered before. */
export type Verdict = 'right' | 'copied' | 'used';

/** What browsers are told of a person's passkeys, so that they offer no others (WebAuthn Level 3 §5.1.10). */
export type PasskeySignal = {
  rpId: string;
  userId: string;
  allAcceptedCredentialIds: string[];
  name: string;
  displayName: string;
};

/** A user's handle at authenticators: the 16 bytes of their id, which says nothing to anybody else. */
const handleOf = (userId: UserId) => Buffer.from(userId.replaceAll('-', ''), 'hex');

function userOf(handle: Buffer | undefined): UserId | undefined {
  const id = handle?.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return id !== undefined && isUuid(id) ? (id as UserId) : undefined;
}

/**
 * How the use of a passkey is named (RFC 8176): `user`, since somebody was there; `swk` where its key goes from device to
 * device, `hwk` where it stays in one, as the authenticator itself says; `mfa` where the authenticator has verified its
 * user too: what they have, and what they know or are.
 */
function amrOf({ backupEligible }: { backupEligible: boolean }, { userVerified }: { userVerified: boolean }): string[] {
  return [backupEligible ? 'swk' : 'hwk', 'user', ...(userVerified ? ['mfa'] : [])];
}

/**
 * Passkeys and security keys: made by their owner, shown as a second factor, or instead of name and password. They are
 * found by tenant, owner and credential id, so a passkey of one tenant is unknown at another of the same host.
 */
export function createPasskeyService({ keys, factors, letters, audit }: PasskeyDeps) {
  const ceremonies = createCeremonies({ keys });
  const registering = (by: Changer, site: Site) =>
    ({ purpose: 'register', site, holder: holderOf(by).toString('base64url') }) as const;
  const asFactor = (challengeId: ChallengeId, site: Site) =>
    ({ purpose: 'factor', site, holder: challengeId }) as const;
  const signingIn = (holder: Buffer, site: Site) =>
    ({ purpose: 'sign-in', site, holder: holder.toString('base64url') }) as const;

  async function admit(tx: TenantCall, by: Changer) {
    const admitted = await factors.admit(tx, by);
    factors.assertAllowed(admitted.owner, 'webauthn');
    factors.assertAsStrong(admitted);
    const count = admitted.has.filter(({ kind }) => kind === 'webauthn').length;
    if (count >= LIMITS.passkeysOfUser) throw new Failure('factor_limit', { most: LIMITS.passkeysOfUser });
    return admitted;
  }

  /** Notes a use whose signature is right; where the counter went back, that there is a copy, of which its owner hears. */
  async function note(tx: TenantCall, { id, userId, name, signCount }: store.Passkey, use: Use): Promise<Verdict> {
    if (await store.noteUse(tx, id, use)) return 'right';
    if (await store.flag(tx, id)) {
      const details = { factorId: id, counter: use.signCount, before: signCount };
      await audit.record(tx, 'factor.copied', { target: `user:${userId}`, details });
      await letters.toUser(tx, userId, 'passkey-copied', { ...deedOf(tx), name });
    }
    return 'copied';
  }

  return {
    /**
     * Begins to make a passkey. Writes nothing.
     *
     * @throws Failure `reauthentication_required`, `factor_not_allowed`, `factor_limit`, `user_not_found`; `challenge_ended`
     *   for a ticket whose holder has a factor meanwhile
     */
    async registrationOptions(
      call: TenantCall,
      by: Changer,
      site: Site,
    ): Promise<PublicKeyCredentialCreationOptionsJSON> {
      const { challenge } = await ceremonies.begin(call, registering(by, site));
      const { owner, exclude } = await inTransaction(call, async (tx) => {
        const admitted = await admit(tx, by);
        return { owner: admitted.owner, exclude: await store.listKnown(tx, by.userId, site.rpId) };
      });
      const user = { handle: handleOf(by.userId), name: owner.email, displayName: owner.displayName };
      return creationOptions(site, { challenge, rpName: owner.tenantName, user, exclude });
    },

    /**
     * Makes what an authenticator has answered the person's passkey. Its name is theirs, or that of a well-known
     * authenticator, or none.
     *
     * @param attestation `RegistrationResponseJSON`, as it came
     * @throws Failure `challenge_ended` for an answer that is late, was given before, or is another session's or site's;
     *   `passkey_invalid`, `passkey_taken`, `invalid_input`, and what `registrationOptions` throws
     */
    async register(
      call: TenantCall,
      by: Changer,
      { site, attestation: raw, name }: { site: Site; attestation: unknown; name?: string | undefined },
    ): Promise<Registered> {
      const attestation = readAttestation(raw);
      const named = name === undefined ? undefined : factorName(name);
      const ceremony = await ceremonies.read(call, registering(by, site), attestation.clientData.challenge);
      if (!ceremony) throw new Failure('challenge_ended');
      const made = await verifyAttestation(attestation, { site });
      if (!made) throw new Failure('passkey_invalid');
      const { credentialId, transports } = attestation;
      const id = newId<FactorId>();
      return inTransaction(call, async (tx) => {
        const admitted = await admit(tx, by);
        if (!(await store.useCeremony(tx, ceremony))) throw new Failure('challenge_ended');
        const label = named ?? authenticatorName(made.aaguid) ?? null;
        const added = await store.add(tx, by.userId, {
          ...made,
          ...{ id, name: label, rpId: site.rpId, credentialId, transports },
        });
        if (!added) throw new Failure('passkey_taken');
        const details = { factorId: id, kind: 'webauthn', backedUp: made.backedUp, aaguid: made.aaguid };
        await audit.record(tx, 'factor.enrolled', { target: `user:${by.userId}`, details });
        await letters.toUser(tx, by.userId, 'factor-added', { ...deedOf(tx), factor: 'webauthn' });
        const backupCodes = await factors.codesForFirst(tx, by.userId, admitted);
        const factor = {
          id,
          kind: 'webauthn' as const,
          name: label ?? undefined,
          createdAt: tx.now,
          backedUp: made.backedUp,
        };
        return { factor: { ...factor, lastUsedAt: undefined, flagged: false }, amr: amrOf(made, made), backupCodes };
      });
    },

    /**
     * What a browser is asked for where a person is to show a passkey as their second factor. Writes nothing.
     *
     * @throws Failure `factor_not_allowed` where they have none of this site
     */
    async factorOptions(
      call: TenantCall,
      { challengeId, userId, site }: { challengeId: ChallengeId; userId: UserId; site: Site },
    ): Promise<PublicKeyCredentialRequestOptionsJSON> {
      const { challenge } = await ceremonies.begin(call, asFactor(challengeId, site));
      const allow = await inTransaction(call, (tx) => store.listKnown(tx, userId, site.rpId));
      if (allow.length === 0) throw new Failure('factor_not_allowed', { factor: 'webauthn' });
      return requestOptions(site, { challenge, allow, mustVerifyUser: false });
    },

    /**
     * Judges a passkey as a second factor, in the transaction that uses the question up.
     *
     * @param assertion `AuthenticationResponseJSON`, as it came
     * @returns how the proof is named (RFC 8176); undefined where it is none
     * @throws Failure `invalid_input`
     */
    async useAsFactor(
      tx: TenantCall,
      userId: UserId,
      { challengeId, site, assertion: raw }: { challengeId: ChallengeId; site: Site; assertion: unknown },
    ): Promise<string[] | undefined> {
      const assertion = readAssertion(raw);
      const { clientData, credentialId, userHandle } = assertion;
      if (!(await ceremonies.read(tx, asFactor(challengeId, site), clientData.challenge))) return undefined;
      if (userHandle && !userHandle.equals(handleOf(userId))) return undefined;
      const passkey = await store.find(tx, userId, credentialId);
      if (!passkey || passkey.flagged || passkey.rpId !== site.rpId) return undefined;
      const use = await verifyAssertion(assertion, { ...passkey, site });
      return use && (await note(tx, passkey, use)) === 'right' ? amrOf(passkey, use) : undefined;
    },

    /** What a browser is asked for to sign somebody in, whoever it is. Looks at no account, and writes nothing. */
    async signInOptions(
      call: TenantCall,
      { holder, site }: { holder: Buffer; site: Site },
    ): Promise<{ id: ChallengeId; options: PublicKeyCredentialRequestOptionsJSON }> {
      const { id, challenge } = await ceremonies.begin(call, signingIn(holder, site));
      return { id, options: await requestOptions(site, { challenge, mustVerifyUser: true }) };
    },

    /**
     * Judges a passkey that is to open an account by itself: the credential must be that of the user it names, at the
     * call's tenant, or at theirs where the call `isAnywhere`; and its authenticator must have verified them.
     *
     * @param call  the tenant that has made the challenge
     * @throws Failure `challenge_ended`; `passkey_refused` with the `reason`, and `userId` and `tenantId` where it is an
     *   account's; `invalid_input`
     */
    async show(
      call: TenantCall,
      given: {
        holder: Buffer;
        site: Site;
        assertion: unknown;
        isAnywhere: boolean;
        challengeId?: ChallengeId | undefined;
      },
    ): Promise<Shown> {
      const { holder, site, isAnywhere, challengeId } = given;
      const assertion = readAssertion(given.assertion);
      const ceremony = await ceremonies.read(call, signingIn(holder, site), assertion.clientData.challenge);
      if (!ceremony || (challengeId ?? ceremony) !== ceremony) throw new Failure('challenge_ended');
      const owner = userOf(assertion.userHandle);
      const where = isAnywhere ? { ...call, tenantId: undefined } : call;
      const passkey = owner && (await store.find(where, owner, assertion.credentialId));
      if (!passkey || passkey.rpId !== site.rpId) throw new Failure('passkey_refused', { reason: 'unknown_passkey' });
      const { tenantId, userId } = passkey;
      const refused = (reason: string) => new Failure('passkey_refused', { reason, userId, tenantId });
      if (passkey.flagged) throw refused('copied_passkey');
      const use = await verifyAssertion(assertion, { ...passkey, site });
      if (!use) throw refused('wrong_signature');
      if (!use.userVerified) throw refused('user_not_verified');
      return { tenantId, userId, ceremony, passkey, use, amr: amrOf(passkey, use) };
    },

    /** Uses the challenge of a sign-in up, and notes the use of its passkey. */
    async use(tx: TenantCall, { ceremony, passkey, use }: Shown): Promise<Verdict> {
      return (await store.useCeremony(tx, ceremony)) ? note(tx, passkey, use) : 'used';
    },

    /** Whether nobody at all has a credential for this site, so that the browser may forget it. */
    isUnknown: async (call: OperatorCall, site: Site, assertion: unknown): Promise<boolean> =>
      !(await store.isKnown(call, site.rpId, readAssertion(assertion).credentialId)),

    /**
     * What browsers may be told when a passkey is gone, or its owner's name has changed.
     *
     * @throws Failure `user_not_found`
     */
    async signal(call: TenantCall, userId: UserId, site: Site): Promise<PasskeySignal> {
      return inTransaction(call, async (tx) => {
        const names = await store.findNames(tx, userId);
        if (!names) throw new Failure('user_not_found', { userId });
        const known = await store.listKnown(tx, userId, site.rpId);
        const allAcceptedCredentialIds = known.map(({ credentialId }) => credentialId.toString('base64url'));
        return { rpId: site.rpId, userId: handleOf(userId).toString('base64url'), allAcceptedCredentialIds, ...names };
      });
    },
  };
}

export type PasskeyService = ReturnType<typeof createPasskeyService>;
