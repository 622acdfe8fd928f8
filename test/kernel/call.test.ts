import { expect } from 'chai';
import {
  afterCommit,
  inOperatorTransaction,
  inSnapshot,
  inTransaction,
  type TenantCall,
} from '../../src/kernel/call.ts';
import { pool } from '../support/database.ts';
import { aTenant, operator } from '../support/rooms.ts';

/** How many tenants a transaction sees. */
const seen = async ({ db }: Pick<TenantCall, 'db'>): Promise<number> =>
  Number((await db('tenants').count<{ count: string }[]>('* as count'))[0]!.count);

describe('a transaction of operators', () => {
  it('shows every tenant, and afterwards what was shown before', async () => {
    const call = await aTenant();
    await aTenant();
    await inTransaction(call, async (tx) => {
      expect(await seen(tx)).to.equal(1);
      await inOperatorTransaction(tx, async (all) => {
        expect(await seen(all)).to.be.greaterThan(1);
        await inOperatorTransaction(all, async (inner) => void (await seen(inner)));
        expect(await seen(all)).to.be.greaterThan(1);
      });
      expect(await seen(tx)).to.equal(1);
      await inOperatorTransaction(tx, async () => Promise.reject(new Error('undone'))).catch(() => {});
      expect(await seen(tx)).to.equal(1);
    });
    expect(await seen({ db: pool() })).to.equal(0);
  });
});

describe('a snapshot', () => {
  it('sees what was there at its first look, whatever is done meanwhile', async () => {
    const call = await aTenant();
    const names = ({ db }: TenantCall) => db('roles').where({ tenant_id: call.tenantId }).pluck('name');
    await inSnapshot(call, async (tx) => {
      const first = await names(tx);
      await inTransaction(call, ({ db }) => db('roles').where({ tenant_id: call.tenantId }).delete());
      expect(await names(tx))
        .to.deep.equal(first)
        .and.not.to.have.length(0);
    });
    expect(await inTransaction(call, names)).to.deep.equal([]);
  });
});

describe('after the commit', () => {
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

  it('is when the outermost transaction is kept', async () => {
    const told: string[] = [];
    await inTransaction(await aTenant(), async (tx) => {
      await inTransaction(tx, async (inner) => afterCommit(inner, () => told.push('inner')));
      afterCommit(tx, () => told.push('outer'));
      await settled();
      expect(told).to.deep.equal([]);
    });
    await settled();
    expect(told).to.have.members(['inner', 'outer']);
    afterCommit(operator(), () => told.push('none'));
    await settled();
    expect(told).to.include('none');
  });

  it('never comes when it, or one around it, is undone', async () => {
    const told: string[] = [];
    const call = await aTenant();
    const undone = () => Promise.reject(new Error('undone'));
    await inTransaction(call, async (tx) => {
      await inTransaction(tx, async (inner) => {
        afterCommit(inner, () => told.push('inner'));
        return undone();
      }).catch(() => {});
    });
    await inTransaction(call, async (tx) => {
      await inTransaction(tx, async (inner) => afterCommit(inner, () => told.push('kept in what was undone')));
      return undone();
    }).catch(() => {});
    await settled();
    expect(told).to.deep.equal([]);
  });
});
