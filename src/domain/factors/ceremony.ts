import type { TenantCall } from '../../kernel/call.ts';
import { type ChallengeId, newId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets, hmac } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { Site } from './webauthn.ts';

/** What an authenticator is asked to sign, and for what: making a credential, a second factor, a sign-in. */
export type Ceremony = {
  purpose: 'register' | 'factor' | 'sign-in';
  site: Site;
  /** What only this browser, session or question has. */
  holder: string;
};

const [ID_BYTES, PROOF_BYTES] = [16, 32];

/** A UUIDv7 of the call's moment (RFC 9562 §5.7). */
function idOf({ now }: TenantCall): ChallengeId {
  const moment = now.getTime().toString(16).padStart(12, '0');
  return `${moment.slice(0, 8)}-${moment.slice(8)}${newId().slice(13)}` as ChallengeId;
}

const momentOf = (id: string) => Number.parseInt(id.replace('-', '').slice(0, 12), 16);

/**
 * WebAuthn challenges that need no row: a UUIDv7 and its HMAC with tenant, purpose, site and holder, under a key of the
 * tenant. Nobody can guess or make one, and it is good for nothing but what it was made for, for five minutes. So a login
 * page, which anybody can ask for, writes nothing; that it is answered once is the store's matter (`passkey-store.ts`).
 */
export function createCeremonies({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  async function proofOf(call: TenantCall, { purpose, site, holder }: Ceremony, id: string): Promise<Buffer> {
    const key = await keys.keyFor(call, 'ceremony');
    return hmac(key, JSON.stringify(['webauthn', call.tenantId, purpose, site.rpId, site.origin, holder, id]));
  }

  return {
    /** A new challenge: its name, and the bytes to be signed. */
    async begin(call: TenantCall, ceremony: Ceremony): Promise<{ id: ChallengeId; challenge: Buffer }> {
      const id = idOf(call);
      const challenge = Buffer.concat([Buffer.from(id.replaceAll('-', ''), 'hex'), await proofOf(call, ceremony, id)]);
      return { id, challenge };
    },

    /** The name of a challenge as a browser sent it; undefined where it was not made for this, or is too old. */
    async read(call: TenantCall, ceremony: Ceremony, text: string): Promise<ChallengeId | undefined> {
      const bytes = Buffer.from(text, 'base64url');
      if (bytes.length !== ID_BYTES + PROOF_BYTES || bytes.toString('base64url') !== text) return undefined;
      const hex = bytes.toString('hex', 0, ID_BYTES);
      const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      if (!equalSecrets(await proofOf(call, ceremony, id), bytes.subarray(ID_BYTES))) return undefined;
      const age = call.now.getTime() - momentOf(id);
      return age < LIMITS.ceremonySeconds * 1000 ? (id as ChallengeId) : undefined;
    },
  };
}

export type Ceremonies = ReturnType<typeof createCeremonies>;
