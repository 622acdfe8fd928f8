import { expect } from 'chai';
import type { z } from 'zod';
import { DESCRIBED_EVENTS } from '../../../src/api/v1/event-body.ts';
import { EVENTS } from '../../../src/domain/webhooks/event.ts';
import { ACTIONS } from '../../../src/domain/webhooks/event-source.ts';
import { inOperatorTransaction, inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { isUuid, newId } from '../../../src/kernel/ids.ts';
import { pool } from '../../support/database.ts';
import { aWebhook, toldIn, toldOf, typesOf, waitingFor } from '../../support/events.ts';
import { whileUncommitted } from '../../support/race.ts';
import { actor, as, aTenant, aUser, operator, rooms } from '../../support/rooms.ts';

const client = { clientId: 'web', kind: 'web', redirectUris: ['https://app.example/cb'] } as const;

describe('what a tenant’s receivers are told', () => {
  it('is what happened, as it was at that moment', async () => {
    const call = await aTenant();
    await aWebhook(call);
    const id = await aUser(call, { email: 'ann@example.com' });
    await rooms().users.updateProfile(call, id, { firstName: 'Ann', phone: '+33123456789' });
    await rooms().users.updateProfile(call, id, { firstName: 'Anna' });

    const events = await toldIn(call);
    expect(typesOf(events)).to.deep.equal(['user.created', 'user.updated', 'user.updated']);
    expect(events.map(({ data }) => data.user.firstName)).to.deep.equal([null, 'Ann', 'Anna']);
    expect(events.map(({ data }) => data.changed)).to.deep.equal([null, ['firstName', 'phone'], ['firstName']]);
    expect(events[0]!.timestamp).to.equal(call.now.toISOString());
    expect(events[0]!.data.user).to.include({ email: 'ann@example.com', status: 'active' });
  });

  it('is a valid message for every action that is told, and every event has such an action', async () => {
    const call = await aTenant();
    const [ann, id] = [await aUser(call), newId()];
    await aWebhook(call);
    const user = {
      target: `user:${ann}`,
      details: { factorId: id, userId: ann, kind: 'totp', added: ['A'], removed: [], changed: ['email'] },
    };
    const notes: Record<string, object> = {
      'session.ended': { target: id, details: { reason: 'revoked', userId: ann } },
      'grant.revoked': { target: 'client:web', details: { userId: ann } },
      'tenant.domain_added': { details: { domain: 'a.example' } },
      'tenant.domain_verified': { details: { domain: 'a.example' } },
      'tenant.domain_removed': { details: { domain: 'a.example' } },
    };
    const { slug } = await rooms().tenants.get(call, call.tenantId);
    const tenant = { target: `tenant:${slug}`, details: { changed: ['name'] } };
    const schemas = new Map<string, z.ZodType>(DESCRIBED_EVENTS.map(({ name, schema }) => [name, schema]));
    for (const [action, name] of Object.entries(ACTIONS)) {
      const about = /^(role|permission|client|api|signing_key)/.test(action)
        ? { target: `${action.split('.')[0]}:thing` }
        : action.startsWith('tenant.')
          ? tenant
          : user;
      const [event] = await toldOf(call, () =>
        inTransaction(call, (tx) => rooms().audit.record(tx, action, notes[action] ?? about)),
      );
      expect([action, event?.type]).to.deep.equal([action, name]);
      expect(schemas.get(name)!.safeParse(event).error, action).to.equal(undefined);
      expect(event!.data, action).not.to.equal(null);
    }
    const told = new Set<string>(Object.values(ACTIONS));
    expect(Object.keys(EVENTS).filter((name) => !told.has(name))).to.deep.equal(['webhook.test']);
  });

  it('is only what they want to hear', async () => {
    const call = await aTenant();
    const users = await aWebhook(call, { events: ['user.*'] });
    const one = await aWebhook(call, { events: ['user.suspended', 'role.created'] });
    const off = await aWebhook(call, { events: ['*'], status: 'disabled' });
    const id = await aUser(call);
    await rooms().users.suspend(call, id);
    await rooms().access.createRole(call, { name: 'nurse' });
    await rooms().clients.create(call, client);

    expect(typesOf(await toldIn(call))).to.deep.equal(['user.created', 'user.suspended', 'role.created']);
    expect(await waitingFor(call)).to.deep.equal({ [users.id]: 2, [one.id]: 2 });
    expect(await waitingFor(call)).not.to.have.property(off.id);
  });

  it('is nothing of a change that is rolled back', async () => {
    const call = await aTenant();
    await aWebhook(call);
    const refused = inTransaction(call, async (tx) => {
      await rooms().users.create(tx, { email: 'ann@example.com' });
      expect(await toldIn(tx)).to.have.lengthOf(1);
      throw new Error('no');
    });
    await refused.catch(() => {});
    expect(await toldIn(call)).to.deep.equal([]);
    expect(await waitingFor(call)).to.deep.equal({});
  });

  it('never is another tenant’s matter, whoever acts', async () => {
    const [mine, theirs] = [await aTenant(), await aTenant()];
    for (const call of [mine, theirs]) await aWebhook(call);
    const operatorOfTheirs = actor([], ['SUPER_ADMIN']);
    await rooms().users.create(as(mine, operatorOfTheirs), { email: 'ann@example.com' });

    expect(await toldIn(theirs)).to.deep.equal([]);
    const [event] = await toldIn(mine);
    expect(event!.actor).to.deep.equal({ type: 'user', id: null });
    expect(JSON.stringify(event)).not.to.include(theirs.tenantId).and.not.include(theirs.tenant.slug);
  });

  it('says who did it, where that is somebody of the tenant', async () => {
    const call = await aTenant();
    await aWebhook(call, { events: ['role.created'] });
    const ann = await aUser(call);
    await rooms().clients.create(call, { clientId: 'robot', kind: 'service' });
    const actors = [
      { ...actor(['iam.roles:write']), userId: ann },
      { kind: 'client', clientId: 'robot', permissions: [] },
      { kind: 'client', clientId: 'stranger', permissions: [] },
      { kind: 'system', name: 'test' },
      { kind: 'anonymous' },
    ] as const;
    for (const [at, one] of actors.entries()) await rooms().access.createRole(as(call, one), { name: `role${at}` });
    const told = (await toldIn(call)).map((event) => event.actor);
    expect(told.map(({ type }) => type)).to.deep.equal(['user', 'client', 'client', 'system', 'anonymous']);
    expect(told[0]!.id).to.match(/^usr_/);
    expect(told.slice(1).map(({ id }) => id)).to.deep.equal(['robot', null, null, null]);
  });

  it('goes to no receiver that is removed at the same moment, and is not refused for it', async () => {
    for (const removedFirst of [true, false]) {
      const call = await aTenant();
      const { id } = await aWebhook(call);
      const remove = (within: TenantCall) => rooms().webhooks.remove(within, id);
      const change = (within: TenantCall) => rooms().users.create(within, { email: 'ann@example.com' });
      const [first, second] = removedFirst ? [remove, change] : [change, remove];
      const outcome = await whileUncommitted(
        pool(),
        (hold) =>
          inTransaction(call, async (tx) => {
            await first(tx);
            await hold();
          }),
        () => second(call) as Promise<unknown>,
      );
      expect(outcome.status).to.equal('fulfilled');
      expect(await waitingFor(call)).to.deep.equal({});
    }
  });

  it('is no test of a receiver that is removed at the same moment', async () => {
    const call = await aTenant();
    const { id } = await aWebhook(call);
    const outcome = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await rooms().webhooks.remove(tx, id);
          await hold();
        }),
      () => rooms().webhooks.test(call, id),
    );
    expect(outcome.status === 'rejected' && outcome.reason).to.include({ code: 'webhook_not_found' });
  });

  it('comes for many things of many tenants at once', async () => {
    const tenants = [await aTenant(), await aTenant(), await aTenant()];
    for (const call of tenants.slice(1)) await aWebhook(call, { events: ['user.created'] });
    const users = tenants.flatMap(({ tenantId }) =>
      Array.from({ length: 700 }, () => ({ ...aDraft(), tenantId, id: newId() as never })),
    );
    await inOperatorTransaction(operator(), (tx) => rooms().users.createAll(tx, users));

    expect(await toldIn(tenants[0]!)).to.deep.equal([]);
    for (const call of tenants.slice(1)) {
      const told = await toldIn(call);
      const mine = users.filter(({ tenantId }) => tenantId === call.tenantId).map(({ email }) => email);
      expect(told.map(({ data }) => data.user.email)).to.have.members(mine);
    }
  });

  it('comes without its data where that would be too large: the change is not refused for it', async () => {
    const call = await aTenant();
    await aWebhook(call, { events: ['user.roles_changed'] });
    const id = await aUser(call);
    const names = Array.from({ length: 320 }, (_, at) => `r${at}`.padEnd(64, 'x'));
    const given = (added: string[]) => ({ target: `user:${id}`, details: { added, removed: [] } });
    for (const added of [names.slice(0, 10), names])
      await inTransaction(call, (tx) => rooms().audit.record(tx, 'user.roles_changed', given(added)));
    const [small, large] = await toldIn(call);
    expect(small!.data.added).to.have.lengthOf(10);
    expect(large).to.include({ type: 'user.roles_changed', data: null });
  });

  it('lies in the database sealed', async () => {
    const call = await aTenant();
    await aWebhook(call);
    await aUser(call, { email: 'canary.ann@example.com' });
    const rows = await inTransaction(call, (tx) =>
      tx.db('webhook_messages').where({ tenant_id: call.tenantId }).select('sealed', 'user_id'),
    );
    expect(rows[0].sealed.toString('latin1')).not.to.include('canary');
    expect(isUuid(rows[0].user_id)).to.equal(true);
    const other = await aTenant();
    const moved = { id: newId() as never, sealed: rows[0].sealed };
    for (const place of [call, other])
      expect(
        await rooms()
          .publisher.open(place, moved)
          .then(
            () => 'opened',
            () => 'shut',
          ),
      ).to.equal('shut');
  });
});

/** A user as the store takes them. */
function aDraft() {
  const email = `${newId()}@example.com`;
  const none = {
    username: null,
    usernameCanonical: null,
    phone: null,
    firstName: null,
    lastName: null,
    locale: null,
    timezone: null,
  };
  return {
    ...none,
    email,
    emailCanonical: email,
    emailVerified: false,
    phoneVerified: false,
    status: 'active' as const,
  };
}
