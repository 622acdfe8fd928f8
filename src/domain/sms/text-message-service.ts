import type { TenantCall } from '../../kernel/call.ts';
import { newId, type UserId } from '../../kernel/ids.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { TextMessage } from './text-message.ts';
import * as store from './text-message-store.ts';

/** The text messages of the house. Here they are only put down; `src/sms` writes and sends them after the transaction. */
export function createTextMessageService({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  const place = (tenantId: string, id: string) => `${tenantId}/outbox/sms/${id}`;

  return {
    /** Queues a message to a user in the caller's transaction. It is sealed: it holds a code. */
    async queue(tx: TenantCall, message: TextMessage, user: UserId): Promise<void> {
      if (!tx.db.isTransaction) throw new Error('a text message goes out with the transaction that is its reason');
      const id = newId();
      const key = await keys.keyFor(tx, 'seal');
      await store.add(tx, id, seal(key, place(tx.tenantId, id), Buffer.from(JSON.stringify(message))), user);
    },

    /** A queued message as it was put down. Throws for a row that was not sealed here, or moved. */
    async open(
      call: TenantCall,
      { id, payload }: { id: string; payload: Record<string, unknown> },
    ): Promise<TextMessage> {
      const key = await keys.keyFor(call, 'seal');
      const sealed = Buffer.from(String(payload['sealed']), 'base64url');
      return JSON.parse(unseal(key, place(call.tenantId, id), sealed).toString()) as TextMessage;
    },
  };
}

export type TextMessageService = ReturnType<typeof createTextMessageService>;
