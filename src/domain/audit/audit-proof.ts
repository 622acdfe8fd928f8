import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import type { TenantId } from '../../kernel/ids.ts';
import { hmac } from '../../kernel/secret.ts';

/** A text, and the salted digest that stands for it in the chain. Both text and salt are null once it was erased. */
export type Commitment = { text: string | null; salt: Buffer | null; digest: Buffer | null };

/** What the digest of a record is made of. Times are ISO 8601 in UTC, to the microsecond. */
export type Recorded = {
  tenantId: string;
  id: string;
  at: string;
  action: string;
  actorKind: string;
  actorId: string | null;
  resource: string | null;
  resourceId: string | null;
  requestId: string | null;
  person: string | null;
  origin: Commitment;
  state: Commitment;
};

/** A point of a tenant's chain. */
export type Point = { seq: number; id: string; hash: Buffer };

export type Checkpoint = Point & { kind: 'head' | 'base'; at: string; signature: Buffer };

const SALT = 16;
const NOTHING: Commitment = { text: null, salt: null, digest: null };
const NOBODY = '00000000-0000-0000-0000-000000000000';

function sha256(...parts: (Buffer | string)[]): Buffer {
  const made = createHash('sha256');
  for (const part of parts) made.update(part);
  return made.digest();
}

/** A digest that says nothing of the text once its salt is gone; undefined is no text. */
export function commit(text: string | undefined): Commitment {
  if (text === undefined) return NOTHING;
  const salt = randomBytes(SALT);
  return { text, salt, digest: sha256(salt, text) };
}

/** Whether text and salt give the digest; of what was erased there is nothing to see. */
export function holds({ text, salt, digest }: Commitment): boolean {
  if (text === null || salt === null) return text === null && salt === null;
  return digest !== null && sha256(salt, text).equals(digest);
}

/** The digest of a record: of its facts, and of the digests of what may be erased. */
export function digestOf(record: Recorded): Buffer {
  const { tenantId, id, at, action, actorKind, actorId, resource, resourceId, requestId, person } = record;
  const digests = [record.origin, record.state].map(({ digest }) => digest?.toString('base64url') ?? null);
  const facts = [tenantId, id, at, action, actorKind, actorId, resource, resourceId, requestId, person, ...digests];
  return sha256(JSON.stringify(['gatehouse audit record 1', ...facts]));
}

/**
 * The MAC of a record under a key of its tenant: who has the database alone can neither write one nor change one. It
 * also says what is still there, so that nobody can take a text away and call it erased.
 */
export function macOf(key: Buffer, digest: Buffer, { origin, state }: Pick<Recorded, 'origin' | 'state'>): Buffer {
  const present = [origin, state].map(({ text }) => (text === null ? '0' : '1')).join('');
  return hmac(key, `${digest.toString('base64url')} ${present}`);
}

/** Where the chain of a tenant begins. */
export const startOf = (tenantId: string): Point => ({
  seq: 0,
  id: NOBODY,
  hash: sha256(`gatehouse audit chain 1 ${tenantId}`),
});

/** The hash of a record behind a point; `audit_extend` in the database computes the same. */
export function linkHash(before: Point, digest: Buffer): Buffer {
  const seq = Buffer.alloc(8);
  seq.writeBigInt64BE(BigInt(before.seq + 1));
  return sha256(before.hash, seq, Buffer.from(before.id.replaceAll('-', ''), 'hex'), digest);
}

/** PKCS #8 of an Ed25519 private key (RFC 8410 §7), but for its 32 bytes. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The key pair that signs a tenant's checkpoints, from 32 secret bytes: the same on every node and for ever. */
export function signingKeyOf(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

/** Its public half as a JWK (RFC 8037), with which anyone can verify a checkpoint. */
export function publicJwkOf(key: KeyObject): { kty: string; crv: string; x: string } {
  const { kty, crv, x } = createPublicKey(key).export({ format: 'jwk' });
  return { kty: kty!, crv: crv!, x: x! };
}

type Unsigned = Omit<Checkpoint, 'signature'>;

const statement = (tenantId: string, { kind, seq, id, hash, at }: Unsigned) =>
  Buffer.from(JSON.stringify(['gatehouse audit checkpoint 1', tenantId, kind, seq, id, hash.toString('hex'), at]));

export function signCheckpoint(key: KeyObject, tenantId: TenantId, point: Unsigned): Checkpoint {
  return { ...point, signature: sign(null, statement(tenantId, point), key) };
}

/** @param key public, or the private one of the same pair */
export function isSigned(key: KeyObject, tenantId: string, { signature, ...point }: Checkpoint): boolean {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return signature.length === 64 && verify(null, statement(tenantId, point), publicKey, signature);
}
