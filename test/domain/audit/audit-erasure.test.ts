import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { superuserUrl } from '../../support/database.ts';
import { dumpOf } from '../../support/dump.ts';
import { actor, as, aTenant, operator, rooms } from '../../support/rooms.ts';
import { idsOf, tamper, verdictOf, write } from './trail.ts';

/** Texts that stand nowhere else. */
const canary = (what: string) => `canary-${what}-${newId().slice(-12)}`;

describe('erasing a person from the trail', () => {
  /** Ann's doings, what others did to her, and what has nothing to do with her; half of it chained. */
  async function aLife() {
    const tenant = await aTenant();
    const [ann, ben] = [actor([]), actor([])] as { kind: 'user'; userId: UserId }[];
    const [email, ip, agent, other] = [canary('email'), canary('ip'), canary('agent'), canary('other')];
    const from = (call: TenantCall, address: string) => ({
      ...call,
      origin: { ip: address, userAgent: agent, requestId: 'r-1' },
    });
    const annAct = from(as(tenant, ann as never), ip);
    const benAct = from(as(tenant, ben as never), other);
    const stranger = from(as(tenant, { kind: 'anonymous' }), ip);
    const live = async () => {
      await write(annAct, 'user.updated', {
        target: `user:${ann!.userId}`,
        before: { email },
        after: { email: `${email}2` },
      });
      await write(benAct, 'user.suspended', { target: `user:${ann!.userId}`, details: { note: email } });
      await write(annAct, 'role.created', { target: 'role:clerk', after: { description: other } });
      await write(annAct, 'user.suspended', { target: `user:${ben!.userId}`, after: { email: other } });
      await write(stranger, 'sign_in.refused', { target: `user:${ann!.userId}` });
      await write(stranger, 'invite.accepted', { target: 'invite:1', about: ann!.userId, after: { email } });
    };
    await live();
    await rooms().audit.link(tenant);
    await live();
    return { tenant, ann: ann!, canaries: [email, ip], kept: [other, agent] };
  }

  it('leaves nothing of theirs, all of the others’, and a chain that verifies', async () => {
    const { tenant, ann, canaries, kept } = await aLife();
    const before = await idsOf(tenant);

    await rooms().audit.erase(tenant, ann.userId);

    const dump = (await dumpOf(superuserUrl())).join('\n');
    for (const text of canaries) expect(dump).not.to.include(text);
    for (const text of kept) expect(dump).to.include(text);
    expect(await idsOf(tenant)).to.deep.equal(before);
    expect(await verdictOf(tenant)).to.include({ intact: true, entries: 13 });
    await rooms().audit.link(tenant);
    expect(await verdictOf(tenant)).to.include({ intact: true, entries: 13 });
    expect((await dumpOf(superuserUrl())).join('\n')).not.to.include(canaries[0]);
  });

  it('keeps who did what, when and to whom, by ids', async () => {
    const { tenant, ann } = await aLife();
    await rooms().audit.erase(tenant, ann.userId);
    const records = await rooms().audit.list(tenant, { actorId: ann.userId }, { limit: 10 });
    expect(records).to.have.length(6);
    const updated = records.find(({ action }) => action === 'user.updated')!;
    expect(updated).to.include({ resource: 'user', resourceId: ann.userId, ip: null, userAgent: null, before: null });
    expect(updated)
      .to.include({ requestId: 'r-1' })
      .and.property('actor')
      .to.deep.equal({ kind: 'user', id: ann.userId });
  });

  it('can be done twice, and leaves another tenant alone', async () => {
    const [one, other] = [await aLife(), await aLife()];
    await rooms().audit.erase(one.tenant, one.ann.userId);
    await rooms().audit.erase(one.tenant, one.ann.userId);
    await rooms().audit.erase(one.tenant, other.ann.userId);
    expect(await verdictOf(one.tenant)).to.include({ intact: true });
    const dump = (await dumpOf(superuserUrl())).join('\n');
    for (const text of other.canaries) expect(dump).to.include(text);
  });

  it('is undone with its transaction', async () => {
    const { tenant, ann, canaries } = await aLife();
    await inTransaction(tenant, async (tx) => {
      await rooms().audit.erase(tx, ann.userId);
      throw new Error('undone');
    }).catch(() => {});
    expect((await dumpOf(superuserUrl())).join('\n')).to.include(canaries[0]);
    expect(await verdictOf(tenant)).to.include({ intact: true });
  });

  it('cannot be feigned: a text that somebody takes away by hand is found', async () => {
    const { tenant } = await aLife();
    await tamper(`update audit_chain set origin = null, origin_salt = null where tenant_id = $1 and seq = 3`, [
      tenant.tenantId,
    ]);
    const ids = await idsOf(tenant);
    expect(await verdictOf(tenant)).to.include({ intact: false, problem: 'altered', id: ids[2] });
  });

  it('takes what the database itself has written, too', async () => {
    const call = await aTenant();
    const userId = newId<UserId>();
    const secret = canary('session');
    await inTransaction(call, ({ db }) =>
      db('audit_events').insert({
        tenant_id: call.tenantId,
        id: newId(),
        at: operator().now,
        action: 'session.ended',
        actor_kind: 'user',
        actor_id: userId,
        target: 'uid-1',
        ip: secret,
        details: JSON.stringify({ reason: 'revoked', userId }),
      }),
    );
    await rooms().audit.erase(call, userId);
    expect((await dumpOf(superuserUrl())).join('\n')).not.to.include(secret);
    await rooms().audit.link(call);
    expect(await verdictOf(call)).to.include({ intact: true, entries: 2 });
  });
});
