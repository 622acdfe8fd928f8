import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { TextMessageService } from '../sms/text-message-service.ts';
import { asciiDigits } from './code-text.ts';
import { type Channel, hashOfSentCode, newSentCode } from './sent-code.ts';
import * as store from './sent-code-store.ts';

export type SentCodeDeps = {
  keys: Pick<TenantKeyService, 'keyFor'>;
  letters: Pick<LetterService, 'toUser'>;
  messages: Pick<TextMessageService, 'queue'>;
};

/** A code that is wanted: for a challenge or a factor (`id`), to an address. */
export type WantedCode = {
  id: string;
  userId: UserId;
  channel: Channel;
  address: string;
  purpose: 'sign-in' | 'enrol';
  /** What the person reads by the page they stand before; for a letter their profile goes first. */
  languages?: readonly string[] | undefined;
};

/** A code as somebody typed it, and what it is said to be for. */
export type TypedCode = Pick<WantedCode, 'id' | 'userId' | 'channel'> & { typed: string };

/**
 * Codes that travel by e-mail or text message. Each is for one challenge or one factor that is enrolled, the latest only,
 * good for ten minutes and one use. Sending is a row of the outbox: no request waits for a server or a gateway.
 */
export function createSentCodeService({ keys, letters, messages }: SentCodeDeps) {
  async function hashOf(call: TenantCall, id: string, channel: Channel, typed: string): Promise<Buffer> {
    return hashOfSentCode(await keys.keyFor(call, 'sent-code'), id, channel, asciiDigits(typed));
  }

  const gapMs = LIMITS.sentCodeGapSeconds * 1000;

  /** @throws Failure `rate_limited` when the last code was sent a moment ago, or too many were; `retryAfter` in seconds */
  async function assertDue(tx: TenantCall, id: string): Promise<void> {
    const before = await store.findSending(tx, id);
    if (!before) return;
    const waitMs = before.sentAt.getTime() + gapMs - tx.now.getTime();
    const isOver = before.sends >= LIMITS.sentCodes;
    if (isOver) throw new Failure('rate_limited', { retryAfter: LIMITS.sentCodeSeconds });
    if (waitMs > 0) throw new Failure('rate_limited', { retryAfter: Math.ceil(waitMs / 1000) });
  }

  return {
    assertDue,

    /**
     * Makes a code and queues it, in the caller's transaction. Earlier ones for the same id are void. The caller counts.
     *
     * @throws Failure what `assertDue` throws
     */
    async send(tx: TenantCall, { id, userId, channel, address, purpose, languages = [] }: WantedCode): Promise<void> {
      const code = newSentCode();
      const expiresAt = new Date(tx.now.getTime() + LIMITS.sentCodeSeconds * 1000);
      const row = { id, userId, channel, code: await hashOf(tx, id, channel, code), expiresAt };
      const latest = new Date(tx.now.getTime() - gapMs);
      if (!(await store.put(tx, row, { most: LIMITS.sentCodes, latest }))) {
        await assertDue(tx, id);
        throw new Failure('rate_limited', { retryAfter: LIMITS.sentCodeGapSeconds });
      }
      const until = expiresAt.toISOString();
      if (channel === 'sms') await messages.queue(tx, { purpose, code, to: address, languages, until }, userId);
      else {
        const { ip, userAgent } = tx.origin ?? {};
        const values = { purpose, code, minutes: LIMITS.sentCodeSeconds / 60, ip, userAgent };
        await letters.toUser(tx, userId, 'email-code', values, { address, languages, until });
      }
    },

    /** By which channel the live code of a challenge or factor was sent; undefined where there is none. */
    channelOf: (tx: TenantCall, id: string): Promise<Channel | undefined> => store.findChannel(tx, id),

    /** Uses a code up; false when it is wrong, too old, not the latest, or for something else. The caller counts tries. */
    async use(tx: TenantCall, { id, userId, channel, typed }: TypedCode): Promise<boolean> {
      return store.use(tx, userId, { id, channel, code: await hashOf(tx, id, channel, typed) });
    },

    /**
     * Looks at a code and takes a try of it, in the caller's transaction, which must be kept. Five tries.
     *
     * @returns whether it is right; it is used up by `use`
     */
    async tryAt(tx: TenantCall, { id, userId, channel, typed }: TypedCode): Promise<boolean> {
      const sent = await store.takeTry(tx, userId, id, LIMITS.challengeTries);
      return sent?.channel === channel && equalSecrets(await hashOf(tx, id, channel, typed), sent.code);
    },
  };
}

export type SentCodeService = ReturnType<typeof createSentCodeService>;
