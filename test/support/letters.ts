import type { Letter, Template } from '../../src/domain/mail/letter.ts';
import { inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import type { TestNode } from './node.ts';

type Of<T extends Template> = Extract<Letter, { template: T }>;

/** The letters of a tenant that were put down so far, the oldest first. */
export async function lettersOf({ house }: Pick<TestNode, 'house'>, { tenantId }: Pick<TenantCall, 'tenantId'>) {
  const call: TenantCall = { ...house.operator('post'), tenantId };
  const rows = await inTransaction(call, ({ db }) =>
    db('outbox').where({ tenant_id: tenantId, kind: 'mail' }).orderBy('id').select('id', 'payload'),
  );
  return Promise.all(rows.map((row) => house.services.letters.open(call, row)));
}

/** The last of them, which must be of this kind. */
export async function lastLetter<T extends Template>(
  node: Pick<TestNode, 'house'>,
  tenant: Pick<TenantCall, 'tenantId'>,
  template: T,
): Promise<Of<T>> {
  const letter = (await lettersOf(node, tenant)).at(-1);
  if (letter?.template !== template) throw new Error(`the last letter is ${letter?.template ?? 'none'}`);
  return letter as Of<T>;
}
