import { z } from 'zod';
import type {
  ApiKeyId,
  AuditId,
  ChallengeId,
  DeliveryId,
  ErasureId,
  EventId,
  FactorId,
  InviteId,
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
import { fromUlid, toUlid } from '../../kernel/ulid.ts';

/** The letters of a ULID. */
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
export const erasureIds = idCodec<ErasureId>('ers');
export const inviteIds = idCodec<InviteId>('inv');
export const apiKeyIds = idCodec<ApiKeyId>('key');
export const jobIds = idCodec<JobId>('job');
