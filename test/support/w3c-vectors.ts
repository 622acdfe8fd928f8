import {
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import {
  type Algorithm,
  attestationObject,
  authenticationJson,
  authenticatorData,
  clientDataJson,
  coseKey,
  FLAG,
  registrationJson,
} from './authenticator.ts';

/**
 * The test vectors of WebAuthn Level 3 §16, made anew: every value of them is derived from the vector's name by HKDF, as
 * that section tells, and ECDSA signatures have the nonce of RFC 6979. `test/domain/factors/webauthn.test.ts` compares
 * their hashes with those of the published bytes.
 */
export type Vector = {
  name: string;
  alg: Algorithm;
  registration: { challenge: string; json: ReturnType<typeof registrationJson>; backupEligible: boolean };
  authentication: { challenge: string; json: ReturnType<typeof authenticationJson> };
  /** What is signed and said, byte by byte. */
  bytes: { created: Buffer; attestation: Buffer; got: Buffer; authData: Buffer; signature: Buffer };
};

export type VectorShape = {
  name: string;
  alg?: Algorithm;
  idLength?: number;
  crossOrigin?: boolean;
  topOrigin?: boolean;
  /** How many values the attestation takes, between the registration and the authentication. */
  attestationValues?: number;
  /** U2F knows of neither verified users nor backups. */
  isU2f?: boolean;
};

export const ORIGIN = 'https://example.org';
export const RP_ID = 'example.org';

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();

export function w3cVector({
  name,
  alg = 'ES256',
  idLength = 32,
  crossOrigin = false,
  topOrigin = false,
  attestationValues = 0,
  isU2f = false,
}: VectorShape): Vector {
  let salt = 0;
  const next = (length: number) =>
    Buffer.from(hkdfSync('sha256', 'WebAuthn test vectors', Buffer.from([salt++]), name, length));
  const client = (type: string, challenge: Buffer) => {
    const hasExtra = (next(1)[0]! & 1) === 1;
    const extra = 'clientDataJSON may be extended with additional fields in the future, such as this: ';
    return clientDataJson({
      ...{ type, challenge: challenge.toString('base64url'), origin: ORIGIN, crossOrigin },
      ...(topOrigin && { topOrigin: 'https://example.com' }),
      ...(hasExtra && { extraData: extra + next(16).toString('base64url') }),
    });
  };

  const challenge = next(32);
  const key = keyOf(alg, alg === 'RS256' ? Buffer.alloc(0) : next(32));
  const created = client('webauthn.create', challenge);
  const [aaguid, id] = [next(16), next(idLength)];
  const wanted = isU2f ? 0 : next(1)[0]! & (FLAG.UV | FLAG.BE | FLAG.BS);
  const eligible = wanted & FLAG.BE;
  const made = { aaguid, id, cose: coseKey(createPublicKey(key as never)) };
  const data = authenticatorData(RP_ID, FLAG.UP | FLAG.AT | (wanted & (eligible ? 0xff : ~FLAG.BS)), 0, made);
  const attestation = attestationObject(data);
  salt += attestationValues;

  const asked = next(32);
  const got = client('webauthn.get', asked);
  const state = next(1)[0]! & (FLAG.UV | FLAG.BS) & (eligible ? 0xff : ~FLAG.BS);
  const authData = authenticatorData(RP_ID, FLAG.UP | eligible | state, 0);
  const signature = signDeterministic(key, alg, Buffer.concat([authData, sha256(got)]));
  return {
    name,
    alg,
    registration: {
      challenge: challenge.toString('base64url'),
      json: registrationJson(id, created, attestation),
      backupEligible: eligible !== 0,
    },
    authentication: {
      challenge: asked.toString('base64url'),
      json: authenticationJson(id, { clientData: got, authData, signature }),
    },
    bytes: { created, attestation, got, authData, signature },
  };
}

// --- Keys and signatures that come out the same each time -----------------------------------------------------------------

const url = (bytes: Buffer) => bytes.toString('base64url');
const number = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
const bytesOf = (value: bigint, length?: number) => {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(length === undefined ? hex.length + (hex.length % 2) : length * 2, '0'), 'hex');
};

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [((value % modulus) + modulus) % modulus, modulus, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % modulus) + modulus) % modulus;
}

function keyOf(alg: Algorithm, secret: Buffer): KeyObject {
  if (alg === 'ES256') {
    const point = pointOf(secret);
    const [x, y] = [point.subarray(1, 33), point.subarray(33)];
    return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', d: url(secret), x: url(x), y: url(y) }, format: 'jwk' });
  }
  // PKCS #8 of an Ed25519 key (RFC 8410 §7) is a constant and its seed.
  if (alg === 'EdDSA') {
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret]);
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  }
  // The two smallest Mersenne primes of 1,024 bits and more.
  const [p, q, e] = [2n ** 1279n - 1n, 2n ** 2203n - 1n, 65_537n];
  const d = inverse(e, (p - 1n) * (q - 1n));
  const parts = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const texts = Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, url(bytesOf(value))]));
  return createPrivateKey({ key: { kty: 'RSA', ...texts }, format: 'jwk' });
}

function pointOf(scalar: Buffer): Buffer {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(scalar);
  return curve.getPublicKey();
}

function signDeterministic(key: KeyObject, alg: Algorithm, data: Buffer): Buffer {
  if (alg === 'EdDSA') return sign(null, data, key);
  if (alg === 'RS256') return sign('sha256', data, key);
  return ecdsa(Buffer.from((key.export({ format: 'jwk' }) as { d: string }).d, 'base64url'), sha256(data));
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** ECDSA over P-256 with the nonce of RFC 6979 §3.2; DER. */
function ecdsa(secret: Buffer, digest: Buffer): Buffer {
  const mac = (k: Buffer, ...parts: Buffer[]) => createHmac('sha256', k).update(Buffer.concat(parts)).digest();
  const seed = Buffer.concat([secret, bytesOf(number(digest) % ORDER, 32)]);
  let [v, k] = [Buffer.alloc(32, 1), Buffer.alloc(32, 0)];
  for (const round of [0, 1]) {
    k = mac(k, v, Buffer.from([round]), seed) as never;
    v = mac(k, v) as never;
  }
  for (;;) {
    v = mac(k, v) as never;
    const nonce = number(v);
    if (nonce > 0n && nonce < ORDER) {
      const r = number(pointOf(v).subarray(1, 33)) % ORDER;
      const s = (inverse(nonce, ORDER) * (number(digest) + r * number(secret))) % ORDER;
      return derOf([r, s]);
    }
    k = mac(k, v, Buffer.from([0])) as never;
    v = mac(k, v) as never;
  }
}

function derOf(numbers: readonly bigint[]): Buffer {
  const parts = numbers.map((value) => {
    const bytes = bytesOf(value);
    const whole = bytes[0]! > 127 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
    return Buffer.concat([Buffer.from([2, whole.length]), whole]);
  });
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}
