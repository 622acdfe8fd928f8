import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { type Letter, type LetterValues, shownName, type Template } from './letter.ts';
import * as store from './letter-store.ts';

/** How a letter to a user may differ from what is known of them. */
export type LetterOptions = Pick<Letter, 'base' | 'until'> & {
  /** What the person reads by the page they stand before; their profile goes first. */
  languages?: readonly string[] | undefined;
  /** Another address than the stored one: a new one that is to be proven, or the old one that is told. */
  address?: string | undefined;
};

/** A letter that is on its way for longer than it should be. */
export type UndeliveredLetter = {
  id: string;
  template: Template;
  address: string;
  createdAt: Date;
  attempts: number;
  lastError: string | undefined;
  /** Undefined for one that is still tried. */
  givenUpAt: Date | undefined;
};

/** The letters of the house. Here they are only put down; `src/mail` writes and sends them after the transaction. */
export function createLetterService({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  const place = (tenantId: string, id: string) => `${tenantId}/outbox/mail/${id}`;

  /** Queues a letter in the caller's transaction. It is sealed: its links are as good as a password. `user`: whose it is. */
  async function queue(tx: TenantCall, letter: Letter, user?: UserId): Promise<void> {
    if (!tx.db.isTransaction) throw new Error('a letter goes out with the transaction that is its reason');
    const id = newId();
    const key = await keys.keyFor(tx, 'seal');
    await store.add(tx, id, seal(key, place(tx.tenantId, id), Buffer.from(JSON.stringify(letter))), user);
  }

  async function open(call: TenantCall, { id, payload }: Pick<store.QueuedLetter, 'id' | 'payload'>): Promise<Letter> {
    const key = await keys.keyFor(call, 'seal');
    const sealed = Buffer.from(String(payload['sealed']), 'base64url');
    return JSON.parse(unseal(key, place(call.tenantId, id), sealed).toString()) as Letter;
  }

  return {
    queue,

    /** The same, to the stored address of a user and in their language. Nobody there: no letter. */
    async toUser<T extends Template>(
      tx: TenantCall,
      userId: UserId,
      template: T,
      values: LetterValues[T],
      { languages = [], address, ...options }: LetterOptions = {},
    ): Promise<void> {
      const reader = await store.findReader(tx, userId);
      if (!reader) return;
      const to = { name: shownName(reader.firstName, reader.lastName), address: address ?? reader.email };
      const wished = reader.locale === null ? languages : [reader.locale, ...languages];
      const timezone = reader.timezone ?? undefined;
      await queue(tx, { template, values, to, languages: wished, timezone, ...options } as Letter, userId);
    },

    /** A queued letter as it was put down. Throws for a row that was not sealed here, or moved. */
    open,

    /**
     * Letters that have not arrived, the newest first, for administrators: those that are tried again, and those that were
     * given up within the last thirty days. What stands in them is not told.
     */
    async listUndelivered(call: TenantCall, query: PageQuery = {}): Promise<Page<UndeliveredLetter>> {
      const { page, offset, limit } = pageWindow(query);
      const { rows, total } = await store.listUndelivered(call, { offset, limit });
      const items = await Promise.all(
        rows.map(async ({ payload, id, createdAt, attempts, lastError, deadAt }) => {
          const { template, to } = await open(call, { id, payload });
          return { id, template, address: to.address, createdAt, attempts, lastError, givenUpAt: deadAt };
        }),
      );
      return { items, total, page, pageSize: limit };
    },

    /** The newest letters of all tenants, still sealed: for the mailbox of a development node. */
    listLatest: (call: OperatorCall): Promise<store.QueuedLetter[]> => store.listLatest(call, LIMITS.lettersShown),
  };
}

export type LetterService = ReturnType<typeof createLetterService>;
