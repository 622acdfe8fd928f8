import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { sha256 } from '../../../src/kernel/secret.ts';
import { aWebhook, toldIn, typesOf } from '../../support/events.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';
import { statementsOf } from '../sign-in/statements.ts';

/** A session of a user. @returns its uid */
async function aSession({ db, tenantId }: TenantCall, userId: UserId): Promise<string> {
  const uid = newId();
  await db('oidc_session').insert({
    ...{ tenant_id: tenantId, uid, id_hash: sha256(uid), account_id: userId },
    ...{ payload: {}, expires_at: new Date(Date.now() + 3_600_000) },
  });
  return uid;
}

const owedOf = ({ db, tenantId }: TenantCall) =>
  db('outbox').where({ tenant_id: tenantId, kind: 'webhook-event' }).orderBy('id').select('id', 'payload');

/** Does what the outbox does with what is owed. */
async function tellAll(call: TenantCall): Promise<void> {
  for (const row of await owedOf(call)) await rooms().webhooks.tellOwed(call, row);
}

describe('the end of a session', () => {
  it('is told whatever ended it, with who did it and why', async () => {
    const call = await aTenant();
    const { users, sessions } = rooms();
    const [ann, bob] = [await aUser(call), await aUser(call)];
    await aWebhook(call, { events: ['session.ended'] });
    const uids = [await aSession(call, ann), await aSession(call, ann), await aSession(call, bob)];
    const byAnn = {
      ...call,
      actor: { kind: 'user', userId: ann, sessionUid: '', roles: [], permissions: [] },
    } as const;
    await sessions.end(byAnn, ann, uids[0]!);
    await users.suspend(call, ann);
    // By nobody of ours: somebody at the database.
    await call.db('oidc_session').where({ tenant_id: call.tenantId, uid: uids[2]! }).delete();
    await tellAll(call);

    const told = await toldIn(call);
    expect(told.map(({ data }) => data.reason)).to.deep.equal(['revoked', 'user_suspended', 'removed']);
    expect(told.map(({ actor }) => actor.type)).to.deep.equal(['user', 'system', 'system']);
    expect(told[0]!.actor.id).to.equal(told[0]!.data.userId);
    expect(new Set(told.map(({ data }) => data.sessionId)).size).to.equal(3);
  });

  it('is told once, however often the outbox brings it', async () => {
    const call = await aTenant();
    await aWebhook(call);
    const ann = await aUser(call);
    await aSession(call, ann);
    await rooms().sessions.endAll(call, ann);
    const [row] = await owedOf(call);
    const tell = () => rooms().webhooks.tellOwed(call, row);
    await Promise.all([tell(), tell()]);
    await tell();
    expect(typesOf(await toldIn(call)).filter((type) => type === 'session.ended')).to.have.lengthOf(1);
  });

  it('is owed for every pattern that means it, and for no other', async () => {
    for (const [events, count] of [
      [['*'], 1],
      [['session.*'], 1],
      [['user.*', 'session.ended'], 1],
      [['user.*'], 0],
    ] as const) {
      const call = await aTenant();
      const { id } = await aWebhook(call, { events });
      const ann = await aUser(call);
      await aSession(call, ann);
      await rooms().sessions.endAll(call, ann);
      expect([events, (await owedOf(call)).length]).to.deep.equal([events, count]);
      await rooms().webhooks.update(call, id, { status: 'disabled' });
      await aSession(call, ann);
      await rooms().sessions.endAll(call, ann);
      expect((await owedOf(call)).length).to.equal(count);
    }
  });

  it('is not owed when the end is undone', async () => {
    const call = await aTenant();
    await aWebhook(call);
    const ann = await aUser(call);
    await aSession(call, ann);
    const undone = inTransaction(call, async (tx) => {
      await rooms().sessions.endAll(tx, ann);
      throw new Error('no');
    });
    await undone.catch(() => {});
    expect(await owedOf(call)).to.deep.equal([]);
  });
});

describe('a line that needs no transaction', () => {
  const note = (ann: UserId) => ({ target: `user:${ann}` });

  it('gets one where somebody wants to hear of it', async () => {
    const call = await aTenant();
    await aWebhook(call, { events: ['user.signed_in'] });
    const ann = await aUser(call);
    await rooms().audit.record(call, 'sign_in.succeeded', note(ann));
    expect(typesOf(await toldIn(call))).to.deep.equal(['user.signed_in']);
  });

  it('stays as cheap as it is where nobody does', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    const record = () => rooms().audit.record(call, 'sign_in.succeeded', note(ann));
    await record();
    const statements = await statementsOf(record);
    expect(statements.filter((text) => /webhooks/.test(text))).to.deep.equal([]);
    expect(statements).to.deep.equal(await statementsOf(() => rooms().audit.record(call, 'nothing.told')));
  });
});
