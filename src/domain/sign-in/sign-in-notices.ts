import type { Knex } from 'knex';
import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { createCounter } from '../../kernel/counter.ts';
import { newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { seal, sha256, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { deedOf } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import * as store from './notice-store.ts';

/** What somebody is to be told of who was not there: guesses at their password, or at their second factor. */
type Notice = { about: 'sign-in-attempts' | 'factor-attempts'; userId: UserId | null; deed: ReturnType<typeof deedOf> };

export type NoticeRow = { id: string; payload: Record<string, unknown> };

/**
 * Letters about attempts that failed (OWASP ASVS 5.0 §6.3.5), one of each kind a day for an account. An attempt only puts
 * a sealed row down, whether or not there is such an account, so its work and its time tell nothing; a worker then looks
 * whom it is about.
 *
 * @param counters a small pool that is not the requests' own
 */
export function createSignInNotices(deps: {
  keys: Pick<TenantKeyService, 'keyFor'>;
  letters: Pick<LetterService, 'toUser'>;
  counters: Knex;
}) {
  const { keys, letters, counters } = deps;
  const place = (tenantId: string, id: string) => `${tenantId}/outbox/sign-in-notice/${id}`;
  const ofDay = createCounter(counters, { name: 'sign-in-notice', points: LIMITS.attemptLetters, seconds: 86_400 });

  async function queue(call: TenantCall, about: Notice['about'], userId: UserId | undefined): Promise<void> {
    const id = newId();
    const notice: Notice = { about, userId: userId ?? null, deed: deedOf(call) };
    const key = await keys.keyFor(call, 'seal');
    await store.add(call, id, seal(key, place(call.tenantId, id), Buffer.from(JSON.stringify(notice))));
  }

  return {
    /** Passwords of an account were guessed at until guesses from there are held. Called once for each time it is so. */
    held: (call: TenantCall, userId: UserId | undefined): Promise<void> => queue(call, 'sign-in-attempts', userId),

    /** The password was right, and the codes were wrong until the challenge was over. */
    wrongCodes: (call: TenantCall, userId: UserId): Promise<void> => queue(call, 'factor-attempts', userId),

    /** Writes to whoever a row is about, or to nobody. A row that comes again within the day writes nothing. */
    async carryOut(call: TenantCall, { id, payload }: NoticeRow): Promise<void> {
      if (typeof payload['sealed'] !== 'string') return;
      const key = await keys.keyFor(call, 'seal');
      const sealed = Buffer.from(payload['sealed'], 'base64url');
      const { about, userId, deed } = JSON.parse(unseal(key, place(call.tenantId, id), sealed).toString()) as Notice;
      const reader = userId !== null && !(await ofDay.isOver(keyOf(call.tenantId, userId, about))) ? userId : undefined;
      await inTransaction(call, async (tx) => {
        if (reader) await letters.toUser(tx, reader, about, deed);
        await store.empty(tx, id);
      });
    },
  };
}

/** Keys of counters are hashed: one length, no names. */
const keyOf = (...parts: string[]) => sha256(JSON.stringify(parts)).toString('base64url');

export type SignInNotices = ReturnType<typeof createSignInNotices>;
