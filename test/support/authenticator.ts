import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '../../src/domain/factors/webauthn.ts';

export type Algorithm = 'EdDSA' | 'ES256' | 'RS256';

/** A credential as its authenticator has it. */
export type Credential = {
  id: Buffer;
  alg: Algorithm;
  privateKey: KeyObject;
  publicKey: KeyObject;
  userHandle: Buffer;
};

/** How an answer differs from an honest one. */
export type Twist = {
  origin?: string;
  rpId?: string;
  type?: string;
  challenge?: string;
  crossOrigin?: unknown;
  topOrigin?: unknown;
  /** Bits of the flags that are turned over. */
  flip?: number;
  counter?: number;
  /** Null leaves it out. */
  userHandle?: Buffer | null;
  fmt?: string;
  attStmt?: Map<string, unknown>;
  /** Put in the place of the key that was made. */
  cose?: Buffer;
  /** Another id than a new one. */
  id?: Buffer;
  /** The credential that signs, where the authenticator has several. */
  credential?: Credential;
};

/** Flags of authenticator data (WebAuthn Level 3 §6.1). */
export const FLAG = { UP: 0x01, UV: 0x04, BE: 0x08, BS: 0x10, AT: 0x40, ED: 0x80 } as const;

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest();
const b64 = (bytes: Buffer) => bytes.toString('base64url');

// --- Bytes --------------------------------------------------------------------------------------------------------------

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length < 256) return Buffer.from([(major << 5) | 24, length]);
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255]);
}

/** CBOR (RFC 8949) of numbers, texts, bytes, lists and maps, keys in the order given. */
export function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const entries = [...(value as Map<unknown, unknown>)];
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, item]) => [cbor(key), cbor(item)])]);
}

/** A public key as COSE writes it (RFC 9053, RFC 8230). */
export function coseKey(key: KeyObject): Buffer {
  const { kty, x = '', y = '', n = '', e = '' } = key.export({ format: 'jwk' }) as Record<string, string>;
  const bytes = (text: string) => Buffer.from(text, 'base64url');
  const fields: Record<string, [number, unknown][]> = {
    OKP: [[1, 1], [3, -8], [-1, 6], [-2, bytes(x)]], // biome-ignore format: one line a key
    EC: [[1, 2], [3, -7], [-1, 1], [-2, bytes(x)], [-3, bytes(y)]], // biome-ignore format: one line a key
    RSA: [[1, 3], [3, -257], [-1, bytes(n)], [-2, bytes(e)]], // biome-ignore format: one line a key
  };
  return cbor(new Map(fields[kty!]));
}

export function clientDataJson(fields: {
  type: string;
  challenge: string;
  origin: string;
  crossOrigin?: unknown;
  topOrigin?: unknown;
  extraData?: string;
}): Buffer {
  const { type, challenge, origin, crossOrigin = false, ...rest } = fields;
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin, ...rest }));
}

export function authenticatorData(
  rpId: string,
  flags: number,
  counter: number,
  made?: { aaguid: Buffer; id: Buffer; cose: Buffer },
): Buffer {
  const start = Buffer.concat([sha256(rpId), Buffer.from([flags]), Buffer.alloc(4)]);
  start.writeUInt32BE(counter, 33);
  if (!made) return start;
  const length = Buffer.from([made.id.length >> 8, made.id.length & 255]);
  return Buffer.concat([start, made.aaguid, length, made.id, made.cose]);
}

export const attestationObject = (authData: Buffer, fmt = 'none', attStmt: Map<string, unknown> = new Map()): Buffer =>
  cbor(
    new Map<string, unknown>([
      ['fmt', fmt],
      ['attStmt', attStmt],
      ['authData', authData],
    ]),
  );

const signed = (key: KeyObject, alg: Algorithm, data: Buffer) => sign(alg === 'EdDSA' ? null : 'sha256', data, key);

// --- Answers ------------------------------------------------------------------------------------------------------------

/** An assertion that is honest in form, with parts of so many bytes. */
export const assertionOf = (sizes: {
  id?: number;
  clientData?: number;
  authData?: number;
  signature?: number;
  handle?: number;
}) => {
  const empty = clientDataJson({ type: '', challenge: '', origin: '' });
  const padded = Buffer.concat([empty, Buffer.alloc(Math.max(0, (sizes.clientData ?? 0) - empty.length), ' ')]);
  return authenticationJson(Buffer.alloc(sizes.id ?? 16), {
    clientData: padded,
    authData: Buffer.alloc(sizes.authData ?? 37),
    signature: Buffer.alloc(sizes.signature ?? 64),
    userHandle: Buffer.alloc(sizes.handle ?? 16),
  });
};

export const registrationJson = (id: Buffer, clientData: Buffer, object: Buffer, transports = ['internal']) => ({
  id: b64(id),
  rawId: b64(id),
  type: 'public-key',
  clientExtensionResults: {},
  response: { clientDataJSON: b64(clientData), attestationObject: b64(object), transports },
});

export const authenticationJson = (
  id: Buffer,
  answer: { clientData: Buffer; authData: Buffer; signature: Buffer; userHandle?: Buffer | undefined },
) => ({
  id: b64(id),
  rawId: b64(id),
  type: 'public-key',
  clientExtensionResults: {},
  response: {
    clientDataJSON: b64(answer.clientData),
    authenticatorData: b64(answer.authData),
    signature: b64(answer.signature),
    ...(answer.userHandle && { userHandle: b64(answer.userHandle) }),
  },
});

function newKey(alg: Algorithm) {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  return alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2_048 });
}

/**
 * An authenticator and the browser before it, which do what the options say, or what a test says instead. It verifies its
 * user, and its keys stay in it, unless told.
 */
export function anAuthenticator({
  origin,
  alg = 'ES256' as Algorithm,
  verifies = true,
  synced = false,
  counts = true,
  aaguid = Buffer.alloc(16),
}: {
  origin: string;
  alg?: Algorithm;
  verifies?: boolean;
  synced?: boolean;
  counts?: boolean;
  aaguid?: Buffer;
}) {
  const credentials: Credential[] = [];
  let counter = 0;
  const flags = FLAG.UP | (verifies ? FLAG.UV : 0) | (synced ? FLAG.BE | FLAG.BS : 0);
  const tick = () => {
    counter += counts ? 1 : 0;
    return counter;
  };
  const clientDataOf = (type: string, challenge: string, twist: Twist) =>
    clientDataJson({
      type: twist.type ?? type,
      challenge: twist.challenge ?? challenge,
      origin: twist.origin ?? origin,
      ...('crossOrigin' in twist && { crossOrigin: twist.crossOrigin }),
      ...('topOrigin' in twist && { topOrigin: twist.topOrigin }),
    });

  return {
    credentials,
    /** Its counter, for who wants to turn it back. */
    setCounter(value: number) {
      counter = value;
    },

    create({ rp, user, challenge }: PublicKeyCredentialCreationOptionsJSON, twist: Twist = {}) {
      const { publicKey, privateKey } = newKey(alg);
      const credential = {
        id: twist.id ?? randomBytes(32),
        alg,
        publicKey,
        privateKey,
        userHandle: Buffer.from(user.id, 'base64url'),
      };
      credentials.push(credential);
      const made = { aaguid, id: credential.id, cose: twist.cose ?? coseKey(publicKey) };
      const bits = (flags | FLAG.AT) ^ (twist.flip ?? 0);
      const data = authenticatorData(twist.rpId ?? rp.id!, bits, twist.counter ?? counter, made);
      return registrationJson(
        credential.id,
        clientDataOf('webauthn.create', challenge, twist),
        attestationObject(data, twist.fmt, twist.attStmt),
      );
    },

    get({ rpId, challenge, allowCredentials }: PublicKeyCredentialRequestOptionsJSON, twist: Twist = {}) {
      const isAllowed = ({ id }: Credential) => !allowCredentials || allowCredentials.some((one) => one.id === b64(id));
      const credential = twist.credential ?? credentials.findLast(isAllowed);
      if (!credential) throw new Error('the authenticator has no such credential');
      const clientData = clientDataOf('webauthn.get', challenge, twist);
      const authData = authenticatorData(twist.rpId ?? rpId!, flags ^ (twist.flip ?? 0), twist.counter ?? tick());
      const signature = signed(credential.privateKey, credential.alg, Buffer.concat([authData, sha256(clientData)]));
      const userHandle = twist.userHandle === undefined ? credential.userHandle : (twist.userHandle ?? undefined);
      return authenticationJson(credential.id, { clientData, authData, signature, userHandle });
    },
  };
}

export type Authenticator = ReturnType<typeof anAuthenticator>;
