import { randomInt } from 'node:crypto';
import { hmac } from '../../kernel/secret.ts';

/** How a code reaches its person. */
export const CHANNELS = ['email', 'sms'] as const;
export type Channel = (typeof CHANNELS)[number];

export const isChannel = (kind: string | undefined): kind is Channel => CHANNELS.some((channel) => channel === kind);

/** Six decimal digits (20 bits); five tries are given at one, ten an hour at those of an account. */
export function newSentCode(): string {
  return String(randomInt(10 ** 6)).padStart(6, '0');
}

/** How a code is kept: its own for each challenge or factor, and worthless without the tenant's key. */
export function hashOfSentCode(key: Buffer, id: string, channel: Channel, code: string): Buffer {
  return hmac(key, `sent-code:${id}:${channel}:${code}`);
}
