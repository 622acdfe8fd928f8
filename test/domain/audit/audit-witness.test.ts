import { expect } from 'chai';
import { inTransaction } from '../../../src/kernel/call.ts';
import { aTenant, auditOf, operator } from '../../support/rooms.ts';
import { anotherNode, idsOf, tamper, verdictOf } from './trail.ts';

describe('a node that looks after what it wrote', () => {
  /** A node, a tenant, and a record that the node has written. */
  async function written() {
    const node = anotherNode();
    node.watch();
    const call = await aTenant();
    await inTransaction(call, (tx) => node.record(tx, 'thing.done'));
    return { node, call };
  }

  it('chains it, and nothing is missing', async () => {
    const { node, call } = await written();
    expect(await node.settle(operator())).to.equal(0);
    expect((await idsOf(call)).length).to.equal(2);
    expect(await verdictOf(call)).to.include({ intact: true });
  });

  it('tells of a record that was deleted before it came into the chain', async () => {
    const { node, call } = await written();
    const { rows } = await tamper(
      `delete from audit_pending where tenant_id = $1 and action = 'thing.done' returning id`,
      [call.tenantId],
    );
    expect(await node.settle(operator())).to.equal(1);

    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'audit.record_missing']);
    expect(await verdictOf(call)).to.include({ intact: false, problem: 'missing', id: rows[0].id });
    expect(await node.settle(operator()), 'told once').to.equal(0);
  });

  it('does not miss what another node has chained', async () => {
    const { node, call } = await written();
    await anotherNode().link(call);
    expect(await node.settle(operator())).to.equal(0);
    expect(await verdictOf(call)).to.include({ intact: true });
  });

  it('leaves what somebody else has in hand for later', async () => {
    const { node, call } = await written();
    await inTransaction(call, async (holder) => {
      await node.link(call);
      await inTransaction(call, (tx) => node.record(tx, 'thing.late'));
      await holder.db('audit_checkpoints').where({ tenant_id: call.tenantId }).forUpdate().select('kind');
      expect(await node.settle(operator())).to.equal(0);
    });
    expect(await node.settle(operator())).to.equal(0);
    expect((await idsOf(call)).length).to.equal(3);
  });

  it('does not miss what was undone, as a whole or in part', async () => {
    const { node, call } = await written();
    await inTransaction(call, async (tx) => {
      await node.record(tx, 'thing.undone');
      throw new Error('undone');
    }).catch(() => {});
    await inTransaction(call, async (tx) => {
      await inTransaction(tx, async (inner) => {
        await node.record(inner, 'part.undone');
        throw new Error('undone');
      }).catch(() => {});
      await node.record(tx, 'rest.done');
    });
    expect(await node.settle(operator())).to.equal(0);
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'thing.done', 'rest.done']);
  });
});
