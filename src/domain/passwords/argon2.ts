import { randomBytes } from 'node:crypto';
import { LIMITS } from '../../kernel/limits.ts';

export type Argon2Type = 'argon2id' | 'argon2i' | 'argon2d';

/** What a hash costs: memory in KiB, passes over it, lanes (RFC 9106 §3.1). */
export type Argon2Cost = { memoryKib: number; passes: number; lanes: number };

/** `phc` is the string with its parameters in the usual order. */
export type Argon2Hash = Argon2Cost & { type: Argon2Type; phc: string };

/** RFC 9106 over PHC strings, by whichever of two native libraries loads. Each opens the other's strings. */
type Argon2 = {
  hash(password: string, cost: Argon2Cost, secret: Buffer | undefined): Promise<string>;
  verify(phc: string, password: string, secret: Buffer | undefined): Promise<boolean>;
};

const PHC =
  /^\$(argon2id|argon2i|argon2d)\$v=(16|19)\$([mtp=,\d]{11,40})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * Reads the parameters of a PHC string, in whichever order they stand: the two libraries do not agree on it.
 *
 * @param ceiling the most that may be executed: a stored string could otherwise ask for 4 GiB
 * @returns undefined for what is not argon2 and for what lies outside of the policy
 */
export function parseArgon2(text: string, ceiling: Argon2Cost = ARGON2_CEILING): Argon2Hash | undefined {
  if (text.length > LIMITS.storedHashChars) return undefined;
  const match = PHC.exec(text);
  if (!match) return undefined;
  const [, type, version, parameters, salt, tag] = match as unknown as [
    string,
    Argon2Type,
    string,
    string,
    string,
    string,
  ];
  const cost = parseCost(parameters);
  if (!cost || !isWithin(cost, ceiling)) return undefined;
  // Base 64 of whole bytes never leaves one character over.
  if (salt.length % 4 === 1 || tag.length % 4 === 1) return undefined;
  return { type, ...cost, phc: `$${type}$v=${version}$${costText(cost)}$${salt}$${tag}` };
}

/** A cost as PHC strings have it: `m=19456,t=2,p=1`. */
export function costText({ memoryKib, passes, lanes }: Argon2Cost): string {
  return `m=${memoryKib},t=${passes},p=${lanes}`;
}

function parseCost(parameters: string): Argon2Cost | undefined {
  const parts = parameters.split(',').map((part) => /^([mtp])=([1-9]\d{0,9})$/.exec(part));
  const values = new Map(parts.map((part) => [part?.[1], Number(part?.[2])]));
  const [memoryKib, passes, lanes] = [values.get('m'), values.get('t'), values.get('p')];
  if (parts.length !== 3 || memoryKib === undefined || passes === undefined || lanes === undefined) return undefined;
  return { memoryKib, passes, lanes };
}

function isWithin(cost: Argon2Cost, ceiling: Argon2Cost): boolean {
  const { memoryKib, passes, lanes } = cost;
  return memoryKib <= ceiling.memoryKib && passes <= ceiling.passes && lanes <= ceiling.lanes && memoryKib >= 8 * lanes;
}

/** The most that a stored string may ask for. */
export const ARGON2_CEILING: Argon2Cost = {
  memoryKib: LIMITS.argon2MemoryKib,
  passes: LIMITS.argon2Passes,
  lanes: LIMITS.argon2Lanes,
};

/** A string of this cost that no password opens: 32 random bytes stand where the hash would. */
export function unopenable(cost: Argon2Cost): string {
  const part = (bytes: number) => randomBytes(bytes).toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$${costText(cost)}$${part(16)}$${part(32)}`;
}

/** The faster library, or the one that brings its own C code where the first has no binary for the machine. */
export async function loadArgon2(): Promise<Argon2> {
  return loadNodeRs().catch(loadReference);
}

/** @node-rs/argon2: 2.5 times as fast. */
export async function loadNodeRs(): Promise<Argon2> {
  const { hash, verify } = await import('@node-rs/argon2');
  const withSecret = (secret: Buffer | undefined) => (secret ? { secret } : {});
  return {
    hash: (password, { memoryKib, passes, lanes }, secret) =>
      hash(password, { memoryCost: memoryKib, timeCost: passes, parallelism: lanes, ...withSecret(secret) }),
    verify: (phc, password, secret) => verify(phc, password, withSecret(secret)),
  };
}

/** The npm package argon2, over the reference implementation. */
export async function loadReference(): Promise<Argon2> {
  const { hash, verify } = await import('argon2');
  const withSecret = (secret: Buffer | undefined) => (secret ? { secret } : {});
  return {
    hash: (password, { memoryKib, passes, lanes }, secret) =>
      hash(password, { memoryCost: memoryKib, timeCost: passes, parallelism: lanes, ...withSecret(secret) }),
    verify: (phc, password, secret) => verify(phc, password, withSecret(secret)),
  };
}
