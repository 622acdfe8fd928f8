import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Knex } from 'knex';
import { createTenantKeyService } from '../../../src/domain/keys/tenant-key-service.ts';
import { inOperatorTransaction, type OperatorCall, type TenantCall } from '../../../src/kernel/call.ts';
import { newId, type TenantId } from '../../../src/kernel/ids.ts';
import { inEmptyDatabase } from '../../support/empty-database.ts';
import { whileUncommitted } from '../../support/race.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const OLD = randomBytes(32);
const NEW = randomBytes(32);

const operator = (db: Knex): OperatorCall => ({ db, actor: { kind: 'system', name: 'test' }, now: NOW });

/** A tenant whose data key is sealed under the old master key. */
async function aTenant(db: Knex): Promise<TenantCall> {
  const id = newId<TenantId>();
  const call: TenantCall = { ...operator(db), tenantId: id };
  await inOperatorTransaction(call, async (tx) => {
    const tenant = { id, slug: `t-${id}`, name: 'A', type: 'customer', status: 'active' };
    await tx.db('tenants').insert({ ...tenant, created_at: NOW, updated_at: NOW });
    await createTenantKeyService([OLD]).create({ ...tx, tenantId: id });
  });
  return call;
}

const keyOf = (db: Knex, { tenantId }: TenantCall) =>
  db('tenant_data_keys').where({ tenant_id: tenantId }).first('master_key_id', 'sealed');

/** The keys of tenants as a node with these master keys reads them, or `closed` where it cannot. */
const readBy = (masterKeys: readonly Buffer[], calls: readonly TenantCall[]) => {
  const keys = createTenantKeyService(masterKeys);
  return Promise.all(
    calls.map((call) =>
      keys.keyFor(call, 'seal').then(
        (key) => key.toString('hex'),
        () => 'closed',
      ),
    ),
  );
};

describe('a new master key', () => {
  it('seals every data key anew and changes none; the old one opens nothing then (KY04)', async () => {
    await inEmptyDatabase(async (db) => {
      const tenants = [await aTenant(db), await aTenant(db)];
      const before = await readBy([OLD], tenants);

      expect(await createTenantKeyService([NEW, OLD]).rotateMaster(operator(db))).to.equal(2);

      expect(await readBy([NEW], tenants)).to.deep.equal(before);
      expect(await readBy([OLD], tenants)).to.deep.equal(['closed', 'closed']);
      expect(await createTenantKeyService([NEW, OLD]).rotateMaster(operator(db))).to.equal(0);
    });
  });

  it('that has sealed one of two keys leaves both readable where both master keys are there, and goes on later', async () => {
    await inEmptyDatabase(async (db) => {
      const [first, second] = [await aTenant(db), await aTenant(db)] as const;
      const before = await readBy([OLD], [first, second]);
      // As a node leaves it that is killed between two batches: the second key is still as it was.
      await inOperatorTransaction(operator(db), async (tx) => {
        const row = await keyOf(tx.db, second);
        await createTenantKeyService([NEW, OLD]).rotateMaster(tx);
        await tx.db('tenant_data_keys').where({ tenant_id: second.tenantId }).update(row);
      });

      expect(await readBy([NEW, OLD], [first, second])).to.deep.equal(before);
      expect(await readBy([NEW], [first, second]), 'without the old one').to.deep.equal([before[0], 'closed']);
      expect(await createTenantKeyService([NEW, OLD]).rotateMaster(operator(db))).to.equal(1);
      expect(await readBy([NEW], [first, second])).to.deep.equal(before);
    });
  });

  it('does not call itself done while another node seals what is left', async () => {
    await inEmptyDatabase(async (db) => {
      const tenants = [await aTenant(db), await aTenant(db)];
      const counts: number[] = [];
      const rotate = async (call: OperatorCall) =>
        counts.push(await createTenantKeyService([NEW, OLD]).rotateMaster(call));

      const second = await whileUncommitted(
        db,
        (hold) =>
          inOperatorTransaction(operator(db), async (tx) => {
            await rotate(tx);
            await hold();
          }),
        () => rotate(operator(db)),
      );

      expect(second.status).to.equal('fulfilled');
      expect(counts).to.deep.equal([2, 0]);
      expect(await readBy([NEW], tenants)).to.not.include('closed');
    });
  });
});
