import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { networks } from '../../kernel/address.ts';
import type { Actor, KeyOwner } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { ApiKeyId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import { fromUlid, toUlid } from '../../kernel/ulid.ts';
import { checkedPermissions, isOurs, permissionsOfRoles } from '../access/role.ts';

/** A key by which a program calls our API: what it may do and from where, never the key. */
export type ApiKey = {
  id: ApiKeyId;
  name: string;
  owner: KeyOwner;
  /** Permissions. What its owner does not hold, it does not open. */
  scopes: readonly string[];
  /** Addresses and CIDRs from which it works; none: from anywhere. */
  allowedIps: readonly string[];
  expiresAt: Date | null;
  /** Until when the key before it works beside it. */
  overlapUntil: Date | null;
  /** To the minute. */
  lastUsedAt: Date | null;
  createdAt: Date;
};

export type ApiKeyDraft = {
  name: string;
  scopes: readonly string[];
  /** The user whom it acts for; whoever makes it unless told. */
  userId?: UserId | undefined;
  expiresAt?: Date | null | undefined;
  allowedIps?: readonly string[] | undefined;
};
export type ApiKeyValues = Pick<ApiKey, 'name' | 'scopes' | 'expiresAt' | 'allowedIps'>;

/** What the audit trail tells of a key. */
export const auditedKey = ({ name, owner, scopes, allowedIps, expiresAt }: ApiKeyValues & Pick<ApiKey, 'owner'>) => ({
  name,
  ownerUser: owner?.kind === 'user' ? owner.userId : null,
  ownerClient: owner?.kind === 'client' ? owner.clientId : null,
  scopes,
  allowedIps,
  expiresAt,
});

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/** @throws Failure `invalid_input` */
export function checkedKey({ name, scopes, expiresAt = null, allowedIps = [] }: ApiKeyDraft, now: Date): ApiKeyValues {
  if (scopes.length === 0) return invalid('scopes', 'must be at least one');
  if (expiresAt && expiresAt <= now) return invalid('expiresAt', 'must be in the future');
  if (allowedIps.length > LIMITS.allowedIps) return invalid('allowedIps', `are more than ${LIMITS.allowedIps}`);
  if (!areNetworks(allowedIps)) return invalid('allowedIps', 'must be addresses or CIDRs');
  return {
    name: plainName(name, LIMITS.nameChars) ?? invalid('name', 'must be plain text'),
    scopes: checkedPermissions(scopes, 'scopes'),
    expiresAt,
    allowedIps: [...allowedIps],
  };
}

function areNetworks(texts: readonly string[]): boolean {
  try {
    networks(texts);
  } catch {
    return false;
  }
  return true;
}

/** How long a key works beside its successor unless told: time enough to bring the new one to where it is used. */
export const OVERLAP_SECONDS = 86_400;

/** What every key begins with. */
export const KEY_PREFIX = 'ghk_';
const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 is more than 2^256. */
const SECRET_CHARS = 43;
const CHECK_CHARS = 6;
const KEY = new RegExp(`^${KEY_PREFIX}[0-7][0-9A-HJKMNP-TV-Z]{25}_[0-9A-Za-z]{${SECRET_CHARS + CHECK_CHARS}}$`);

/**
 * A new key: `ghk_`, its id as a ULID, 43 random letters and digits, and a checksum of six. The prefix and the checksum
 * let scanners tell a leaked key from other text, and us refuse a mistyped one without asking the database.
 */
export function newKeyText(id: ApiKeyId): string {
  const text = `${KEY_PREFIX}${toUlid(id)}_${randomLetters(SECRET_CHARS)}`;
  return text + checkOf(text);
}

/** The id that a key names; undefined for what is no key. It is not proven by that. */
export function idOfKey(text: string): ApiKeyId | undefined {
  if (!KEY.test(text)) return undefined;
  if (checkOf(text.slice(0, -CHECK_CHARS)) !== text.slice(-CHECK_CHARS)) return undefined;
  return fromUlid(text.slice(KEY_PREFIX.length, KEY_PREFIX.length + 26)) as ApiKeyId;
}

/** Each letter as likely as any other: bytes that would favour the first ones are thrown away. */
function randomLetters(count: number): string {
  let text = '';
  while (text.length < count)
    for (const byte of randomBytes(count)) if (byte < 248 && text.length < count) text += LETTERS[byte % 62];
  return text;
}

function checkOf(text: string): string {
  let rest = crc32(text);
  let check = '';
  for (let at = 0; at < CHECK_CHARS; at++) {
    check = LETTERS[rest % 62] + check;
    rest = Math.floor(rest / 62);
  }
  return check;
}

/** What a key opens: of its scopes those that its owner holds now. An administrator holds all that are not our own. */
export function effectiveScopes(
  scopes: readonly string[],
  owner: { kind: 'user' | 'client'; roles: readonly string[]; permissions: readonly string[] } | null,
): readonly string[] {
  if (owner === null) return scopes;
  const system = permissionsOfRoles(owner.roles.map((name) => ({ name, permissions: [] })));
  const held = new Set([...system, ...owner.permissions]);
  const isAdmin =
    owner.kind === 'user' && owner.roles.some((role) => role === 'TENANT_ADMIN' || role === 'SUPER_ADMIN');
  return scopes.filter((scope) => held.has(scope) || (isAdmin && !isOurs(scope)));
}

/** Whom a key is for that an actor makes; where a key makes another, whoever the first is for. */
export function ownerOf(actor: Actor): KeyOwner {
  if (actor.kind === 'user') return { kind: 'user', userId: actor.userId };
  if (actor.kind === 'client') return { kind: 'client', clientId: actor.clientId };
  return actor.kind === 'api-key' ? actor.owner : null;
}
