import type { TenantKeyService } from '../../src/domain/keys/tenant-key-service.ts';
import type { Letter, Template } from '../../src/domain/mail/letter.ts';
import { createLetterService } from '../../src/domain/mail/letter-service.ts';
import type { TextMessage } from '../../src/domain/sms/text-message.ts';
import { createTextMessageService } from '../../src/domain/sms/text-message-service.ts';
import type { TenantCall } from '../../src/kernel/call.ts';

type Keys = { keys: Pick<TenantKeyService, 'keyFor'> };

const rowsOf = ({ db, tenantId }: TenantCall, kind: string) =>
  db('outbox').where({ tenant_id: tenantId, kind }).orderBy('id').select('id', 'payload');

/** The letters that a tenant's outbox holds, the oldest first: those of one template, where one is named. */
export async function lettersOf<T extends Template = Template>(
  call: TenantCall,
  { keys }: Keys,
  template?: T,
): Promise<Extract<Letter, { template: T }>[]> {
  const letters = createLetterService({ keys });
  const all = await Promise.all((await rowsOf(call, 'mail')).map((row) => letters.open(call, row)));
  return all.filter((letter) => template === undefined || letter.template === template) as never;
}

/** The text messages that a tenant's outbox holds, the oldest first. */
export async function textsOf(call: TenantCall, { keys }: Keys): Promise<TextMessage[]> {
  const messages = createTextMessageService({ keys });
  return Promise.all((await rowsOf(call, 'sms')).map((row) => messages.open(call, row)));
}
