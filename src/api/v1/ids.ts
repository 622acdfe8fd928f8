import { z } from 'zod';
import type {
  AuditId,
  ChallengeId,
  DeliveryId,
  EventId,
  FactorId,
  JobId,
  NodeId,
  PermissionId,
  RoleId,
  SessionId,
  TenantId,
  UserId,
  WebhookDeliveryId,
  WebhookId,
} from '../../kernel/ids.ts';

/** Crockford's base 32: no I, L, O, U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, BigInt(value)]));
const LETTERS = 26;

/**
 * An id as this contract writes it: a prefix and the 128 bits of the UUID as a ULID (26 letters, 130 bits, of which the
 * first two are 0). There is one spelling: capitals, no `I L O U`, nothing left out.
 */
export type IdCodec<Id extends string> = {
  encode(id: Id): string;
  /** Undefined for what is no id of this kind. */
  decode(text: string): Id | undefined;
  /** Reads an id from a path, query or body. */
  schema: z.ZodType<Id, string>;
  /** An id in an answer. */
  text: z.ZodType<string, string>;
};

function idCodec<Id extends string>(prefix: string): IdCodec<Id> {
  const pattern = new RegExp(`^${prefix}_[0-7][0-9A-HJKMNP-TV-Z]{${LETTERS - 1}}$`);
  const spelled = z
    .string()
    .length(prefix.length + 1 + LETTERS, `must be ${prefix}_ and ${LETTERS} letters`)
    .regex(pattern, { abort: true, error: `must be ${prefix}_ and ${LETTERS} letters of Crockford's base 32` });
  const uuidOf = (text: string) => fromUlid(text.slice(prefix.length + 1)) as Id;
  return {
    encode: (id) => `${prefix}_${toUlid(id)}`,
    decode: (text) => (text.length === prefix.length + 1 + LETTERS && pattern.test(text) ? uuidOf(text) : undefined),
    schema: spelled.transform(uuidOf),
    text: spelled,
  };
}

function toUlid(uuid: string): string {
  let bits = BigInt(`0x${uuid.replaceAll('-', '')}`);
  let text = '';
  for (let at = 0; at < LETTERS; at++) {
    text = ALPHABET[Number(bits & 31n)]! + text;
    bits >>= 5n;
  }
  return text;
}

function fromUlid(text: string): string {
  let bits = 0n;
  for (const letter of text) bits = (bits << 5n) | VALUES.get(letter)!;
  const hex = bits.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export const userIds = idCodec<UserId>('usr');
export const tenantIds = idCodec<TenantId>('ten');
export const sessionIds = idCodec<SessionId>('ses');
export const factorIds = idCodec<FactorId>('fac');
export const challengeIds = idCodec<ChallengeId>('chl');
export const deliveryIds = idCodec<DeliveryId>('dlv');
export const nodeIds = idCodec<NodeId>('nod');
export const roleIds = idCodec<RoleId>('rol');
export const permissionIds = idCodec<PermissionId>('prm');
export const auditIds = idCodec<AuditId>('aud');
export const webhookIds = idCodec<WebhookId>('whk');
export const eventIds = idCodec<EventId>('evt');
export const webhookDeliveryIds = idCodec<WebhookDeliveryId>('whd');
export const jobIds = idCodec<JobId>('job');
