import type { Letter, Template } from '../../src/domain/mail/letter.ts';
import type { House } from '../../src/house.ts';
import { inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import type { TestNode } from './node.ts';

type Of<T extends Template> = Extract<Letter, { template: T }>;

/** The letters of a tenant that were put down so far, the oldest first, once the wishes for letters are carried out. */
export async function lettersOf({ house }: Pick<TestNode, 'house'>, { tenantId }: Pick<TenantCall, 'tenantId'>) {
  const call: TenantCall = { ...house.operator('post'), tenantId };
  await carryOutWishes(house, call);
  const rows = await inTransaction(call, ({ db }) =>
    db('outbox').where({ tenant_id: tenantId, kind: 'mail' }).orderBy('id').select('id', 'payload'),
  );
  return Promise.all(rows.map((row) => house.services.letters.open(call, row)));
}

/** What the background of a node does with the wishes of a tenant: each is carried out once. */
async function carryOutWishes({ services }: House, call: TenantCall): Promise<void> {
  const rows = await inTransaction(call, ({ db, tenantId }) =>
    db('outbox')
      .where({ tenant_id: tenantId, delivered_at: null })
      .whereIn('kind', ['recovery', 'registration'])
      .orderBy('id')
      .select('id', 'kind', 'payload', 'created_at as createdAt'),
  );
  for (const row of rows) {
    await services[row.kind as 'recovery' | 'registration'].carryOut(call, row);
    await inTransaction(call, ({ db, tenantId }) =>
      db('outbox').where({ tenant_id: tenantId, id: row.id }).update({ delivered_at: call.now }),
    );
  }
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
