import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';

/** What the browser says of a ceremony, and the authenticator signs with it (WebAuthn Level 3 §5.8.1). */
export type ClientData = {
  type: string;
  challenge: string;
  origin: string;
  crossOrigin: unknown;
  topOrigin: unknown;
};

/** What `navigator.credentials.get` gave, in its JSON form (WebAuthn Level 3 §5.1.1). */
export type Assertion = {
  credentialId: Buffer;
  clientData: ClientData;
  clientDataJson: Buffer;
  authenticatorData: Buffer;
  signature: Buffer;
  /** Whose it is, as the authenticator keeps it; a credential that was asked for by its id need not have one. */
  userHandle: Buffer | undefined;
};

/** What `navigator.credentials.create` gave, in its JSON form. */
export type Attestation = {
  credentialId: Buffer;
  clientData: ClientData;
  clientDataJson: Buffer;
  attestationObject: Buffer;
  /** How a browser may reach the authenticator again; names that this version does not know too. */
  transports: string[];
};

type Json = Record<string, unknown>;

/** Bytes in base64url: one spelling, no padding, not empty, at most `most` of them. */
function bytesOf(object: Json, field: string, most: number): Buffer {
  const text = object[field];
  const bytes =
    typeof text === 'string' && text.length <= Math.ceil((most * 4) / 3) ? Buffer.from(text, 'base64url') : undefined;
  if (!bytes || bytes.length === 0 || bytes.length > most || bytes.toString('base64url') !== text)
    throw new Failure('invalid_input', { field, problem: `is not 1 to ${most} bytes in base64url` });
  return bytes;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields of a credential that both ceremonies share. @throws Failure `invalid_input` */
function credentialOf(raw: unknown) {
  if (!isObject(raw) || !isObject(raw['response']) || raw['type'] !== 'public-key' || raw['rawId'] !== raw['id'])
    throw new Failure('invalid_input', { field: 'credential', problem: 'is no public key credential' });
  const { response } = raw;
  const clientDataJson = bytesOf(response, 'clientDataJSON', LIMITS.clientDataBytes);
  const clientData = clientDataOf(clientDataJson);
  return { response, clientData, clientDataJson, credentialId: bytesOf(raw, 'id', LIMITS.credentialIdBytes) };
}

/** @throws Failure `invalid_input` for what is no assertion, or one with a part that is too large */
export function readAssertion(raw: unknown): Assertion {
  const { response, ...credential } = credentialOf(raw);
  const { userHandle } = response;
  return {
    ...credential,
    authenticatorData: bytesOf(response, 'authenticatorData', LIMITS.authenticatorDataBytes),
    signature: bytesOf(response, 'signature', LIMITS.signatureBytes),
    userHandle:
      userHandle === undefined || userHandle === null
        ? undefined
        : bytesOf(response, 'userHandle', LIMITS.userHandleBytes),
  };
}

/** @throws Failure `invalid_input` for what is no attestation, or one with a part that is too large */
export function readAttestation(raw: unknown): Attestation {
  const { response, ...credential } = credentialOf(raw);
  const { transports = [] } = response;
  if (!Array.isArray(transports) || transports.length > LIMITS.transports || !transports.every(isTransport))
    throw new Failure('invalid_input', { field: 'transports', problem: 'are no names of transports' });
  return {
    ...credential,
    attestationObject: bytesOf(response, 'attestationObject', LIMITS.attestationBytes),
    transports: [...new Set(transports)],
  };
}

const isTransport = (value: unknown): value is string => typeof value === 'string' && /^[a-z-]{1,20}$/.test(value);

function clientDataOf(bytes: Buffer): ClientData {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isObject(json)) {
      const { type, challenge, origin, crossOrigin, topOrigin } = json;
      if (typeof type === 'string' && typeof challenge === 'string' && typeof origin === 'string')
        return { type, challenge, origin, crossOrigin, topOrigin };
    }
  } catch {
    // Said below.
  }
  throw new Failure('invalid_input', { field: 'clientDataJSON', problem: 'is not what a browser writes' });
}

/** `attStmt` of the format `none`: an empty map (WebAuthn Level 3 §8.7). */
const [MAP_OF_THREE, EMPTY_MAP, NONE] = [0xa3, 0xa0, 'none'];

/**
 * Whether an attestation object is of the format `none`: a CBOR map of exactly `fmt`, `attStmt` and `authData`, in any
 * order and nothing behind it. Looked at byte by byte, before any parser sees it: those of the other formats read
 * certificates that strangers wrote, and fetch what they name.
 */
export function isNoneAttestation(bytes: Buffer): boolean {
  if (bytes[0] !== MAP_OF_THREE) return false;
  const seen = new Set<string>();
  let at = 1;
  while (at < bytes.length) {
    const key = textAt(bytes, at);
    if (key === undefined || seen.has(key)) return false;
    seen.add(key);
    at += 1 + key.length;
    const next = valueEnd(bytes, at, key);
    if (next === undefined) return false;
    at = next;
  }
  return seen.size === 3 && at === bytes.length;
}

/** Where the one value that a key may have ends; undefined where another one stands there. */
function valueEnd(bytes: Buffer, at: number, key: string): number | undefined {
  if (key === 'fmt') return textAt(bytes, at) === NONE ? at + 1 + NONE.length : undefined;
  if (key === 'attStmt') return bytes[at] === EMPTY_MAP ? at + 1 : undefined;
  if (key !== 'authData') return undefined;
  // A byte string with its length in one byte or two (RFC 8949 §3.1): never shorter than 37 bytes, never 64 KiB.
  if (bytes[at] === 0x58 && at + 1 < bytes.length) return at + 2 + bytes.readUInt8(at + 1);
  if (bytes[at] === 0x59 && at + 2 < bytes.length) return at + 3 + bytes.readUInt16BE(at + 1);
  return undefined;
}

/** A text of at most 23 bytes at a place; undefined where there is none. */
function textAt(bytes: Buffer, at: number): string | undefined {
  const length = (bytes[at] ?? 0) - 0x60;
  return length >= 0 && length < 24 ? bytes.toString('latin1', at + 1, at + 1 + length) : undefined;
}
