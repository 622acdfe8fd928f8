import { randomBytes } from 'node:crypto';
import type { TenantId } from '../kernel/ids.ts';
import { equalSecrets, hmac } from '../kernel/secret.ts';

/**
 * Refresh tokens authenticate themselves: `ghr_` chain `.` generation `.` HMAC. A guessed or altered value is refused
 * without a look-up, so nobody ends a family by guessing; an older generation is a replay at any later time, without a
 * row for each token that ever was. The chain begins with the tenant, so that a value names the issuer it belongs to.
 */
export type RefreshValue = { chain: string; generation: number };

const SHAPE = /^ghr_([\w-]{38})\.([0-9a-z]{1,7})\.([\w-]{43})$/;
const sign = (key: Buffer, head: string) => hmac(key, head).toString('base64url');

export function newChain(tenantId: TenantId): string {
  return Buffer.concat([Buffer.from(tenantId.replaceAll('-', ''), 'hex'), randomBytes(12)]).toString('base64url');
}

export function encodeRefreshValue(key: Buffer, { chain, generation }: RefreshValue): string {
  const head = `${chain}.${generation.toString(36)}`;
  return `ghr_${head}.${sign(key, head)}`;
}

/** What a value says, when this tenant made it; undefined otherwise. */
export function decodeRefreshValue(key: Buffer, value: string): RefreshValue | undefined {
  const [, chain, generation, mac] = SHAPE.exec(value) ?? [];
  if (!chain || !generation || !mac) return undefined;
  return equalSecrets(sign(key, `${chain}.${generation}`), mac)
    ? { chain, generation: Number.parseInt(generation, 36) }
    : undefined;
}

/** The tenant that a refresh token names, unverified: it only tells which key to verify with. */
export function tenantOfRefreshValue(value: string): TenantId | undefined {
  const chain = SHAPE.exec(value)?.[1];
  if (!chain) return undefined;
  const hex = Buffer.from(chain, 'base64url').toString('hex').slice(0, 32);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-') as TenantId;
}
