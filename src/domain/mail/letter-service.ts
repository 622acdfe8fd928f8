import type { TenantCall } from '../../kernel/call.ts';
import { newId, type UserId } from '../../kernel/ids.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { type Letter, type LetterValues, shownName, type Template } from './letter.ts';
import * as store from './letter-store.ts';

/** How a letter to a user may differ from what is known of them. */
export type LetterOptions = Pick<Letter, 'base' | 'until'> & {
  /** What the person reads by the page they stand before; their profile goes first. */
  languages?: readonly string[] | undefined;
};

/** The letters of the house. Here they are only put down; `src/mail` writes and sends them after the transaction. */
export function createLetterService({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  const place = (tenantId: string, id: string) => `${tenantId}/outbox/mail/${id}`;

  /** Queues a letter in the caller's transaction. It is sealed: its links are as good as a password. */
  async function queue(tx: TenantCall, letter: Letter): Promise<void> {
    if (!tx.db.isTransaction) throw new Error('a letter goes out with the transaction that is its reason');
    const id = newId();
    const key = await keys.keyFor(tx, 'seal');
    await store.add(tx, id, seal(key, place(tx.tenantId, id), Buffer.from(JSON.stringify(letter))));
  }

  return {
    queue,

    /** The same, to the stored address of a user and in their language. Nobody there: no letter. */
    async toUser<T extends Template>(
      tx: TenantCall,
      userId: UserId,
      template: T,
      values: LetterValues[T],
      { languages = [], ...options }: LetterOptions = {},
    ): Promise<void> {
      const reader = await store.findReader(tx, userId);
      if (!reader) return;
      const to = { name: shownName(reader.firstName, reader.lastName), address: reader.email };
      const wished = reader.locale === null ? languages : [reader.locale, ...languages];
      await queue(tx, { template, values, to, languages: wished, ...options } as Letter);
    },

    /** A queued letter as it was put down. Throws for a row that was not sealed here, or moved. */
    async open(call: TenantCall, { id, payload }: { id: string; payload: Record<string, unknown> }): Promise<Letter> {
      const key = await keys.keyFor(call, 'seal');
      const sealed = Buffer.from(String(payload['sealed']), 'base64url');
      return JSON.parse(unseal(key, place(call.tenantId, id), sealed).toString()) as Letter;
    },
  };
}

export type LetterService = ReturnType<typeof createLetterService>;
