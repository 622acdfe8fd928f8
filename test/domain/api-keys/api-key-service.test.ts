import { expect } from 'chai';
import { PERMISSIONS } from '../../../src/domain/access/role.ts';
import type { ApiKeyDraft } from '../../../src/domain/api-keys/api-key.ts';
import { type Actor, inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { expectFailure } from '../../support/expect.ts';
import { actor, as, aTenant, aUser, auditOf, rooms } from '../../support/rooms.ts';

const keys = () => rooms().apiKeys;
const READER = { name: 'Report', scopes: ['iam.users:read'] };

const from = (call: TenantCall, ip: string, now = call.now): TenantCall => ({
  ...call,
  now,
  actor: { kind: 'anonymous' },
  origin: { ip, userAgent: 'test', requestId: 'r' },
});
const later = (call: TenantCall, seconds: number) => new Date(call.now.getTime() + seconds * 1000);
const opened = async (call: TenantCall, secret: string, now = call.now) =>
  (await keys().verify(from(call, '203.0.113.1', now), secret)).actor.permissions;
const refused = (call: TenantCall, secret: string, now = call.now) =>
  expectFailure('unauthenticated', keys().verify(from(call, '203.0.113.1', now), secret));

/** A user of the tenant with these roles, and a call of theirs. */
async function aPerson(call: TenantCall, roles: string[]): Promise<{ call: TenantCall; userId: UserId; actor: Actor }> {
  const userId = await aUser(call, { roles });
  const held = await rooms().access.accessOf(call, userId);
  const who: Actor = { kind: 'user', userId, sessionUid: 'uid', ...held };
  return { call: as(call, who), userId, actor: who };
}
const keyOf = async (call: TenantCall, draft: Partial<ApiKeyDraft> = {}) =>
  keys().create(call, { ...READER, ...draft });

describe('an API key', () => {
  it('is told once; what is kept is a hash that opens nothing', async () => {
    const call = await aTenant();
    const { apiKey, secret } = await keyOf(call);
    expect(await opened(call, secret)).to.deep.equal(['iam.users:read']);
    expect(JSON.stringify([apiKey, await keys().list(call)])).not.to.include(secret.slice(-49));
    const kept = await inTransaction(call, ({ db }) => db('api_keys').where({ tenant_id: call.tenantId }).first());
    expect(kept.id).to.equal(apiKey.id);
    expect(JSON.stringify({ ...kept, hash: kept.hash.toString() })).not.to.include(secret.slice(-49));
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'api_key.created']);
  });

  it('is refused with another secret, id, or end, always in the same way', async () => {
    const call = await aTenant();
    const [one, two] = [await keyOf(call), await keyOf(call)];
    for (const secret of [
      one.secret.slice(0, 31) + two.secret.slice(31),
      one.secret.slice(0, -1),
      one.secret.slice(0, 30),
      '',
      'ghk_',
    ])
      await refused(call, secret);
    await keys().revoke(call, one.apiKey.id);
    await refused(call, one.secret);
    await expectFailure('api_key_not_found', keys().revoke(call, one.apiKey.id));
    expect(await opened(call, two.secret)).to.deep.equal(['iam.users:read']);
  });

  it('ends when it is told to', async () => {
    const call = await aTenant();
    const { secret } = await keyOf(call, { expiresAt: later(call, 60) });
    expect(await opened(call, secret, later(call, 59))).to.have.length(1);
    await refused(call, secret, later(call, 60));
    await expectFailure('invalid_input', keyOf(call, { expiresAt: call.now }));
  });

  it('works from its own networks, and from elsewhere is refused and noted', async () => {
    const call = await aTenant();
    const { secret } = await keyOf(call, { allowedIps: ['203.0.113.0/25', '2001:db8::/32'] });
    for (const ip of ['203.0.113.127', '::ffff:203.0.113.127', '2001:db8::9'])
      expect((await keys().verify(from(call, ip), secret)).tenantId).to.equal(call.tenantId);
    for (const ip of ['203.0.113.128', '2001:db9::1', ''])
      await expectFailure('unauthenticated', keys().verify(from(call, ip), secret));
    expect((await auditOf(call)).slice(2)).to.deep.equal(Array(3).fill('api_key.refused'));
    await expectFailure('invalid_input', keyOf(call, { allowedIps: ['10.0.0.0/33'] }));
  });

  it('has one successor at a time: two work, and of three the oldest does not', async () => {
    const call = await aTenant();
    const { apiKey, secret: first } = await keyOf(call);
    const second = await keys().rotate(call, apiKey.id, { overlapSeconds: 60 });
    expect(second.apiKey.overlapUntil).to.deep.equal(later(call, 60));
    for (const secret of [first, second.secret]) expect(await opened(call, secret, later(call, 59))).to.have.length(1);
    await refused(call, first, later(call, 60));
    const third = await keys().rotate(call, apiKey.id);
    await refused(call, first);
    for (const secret of [second.secret, third.secret]) expect(await opened(call, secret)).to.have.length(1);
    const all = await Promise.all(Array.from({ length: 5 }, () => keys().rotate(call, apiKey.id)));
    const works = await Promise.all(
      all.map(({ secret }) =>
        opened(call, secret)
          .then(() => 1)
          .catch(() => 0),
      ),
    );
    expect(works.reduce<number>((sum, one) => sum + one, 0)).to.equal(2);
    await refused(call, third.secret);
  });

  it('notes its use once a minute at most', async () => {
    const call = await aTenant();
    const { secret } = await keyOf(call);
    const used = async (seconds: number) => {
      await opened(call, secret, later(call, seconds));
      return (await keys().list(call)).items[0]!.lastUsedAt;
    };
    expect(await used(0)).to.deep.equal(call.now);
    expect(await used(59)).to.deep.equal(call.now);
    expect(await used(60)).to.deep.equal(later(call, 60));
  });
});

describe('what an API key opens', () => {
  it('is never more than whoever makes it holds', async () => {
    const call = await aTenant();
    const clerk = as(call, actor(['iam.apikeys:create', 'iam.users:read']));
    await expectFailure('privilege_escalation', keyOf(clerk, { scopes: ['iam.users:read', 'iam.users:delete'] }));
    await expectFailure('privilege_escalation', keyOf(clerk, { scopes: ['ward.beds:read'] }));
    for (const scopes of [[], ['iam.users:*'], ['*'], ['iam.unknown:read'], ['read']])
      await expectFailure('invalid_input', keyOf(call, { scopes }));
  });

  it('shrinks and grows with what its owner may do at that moment', async () => {
    const call = await aTenant();
    const ann = await aPerson(call, ['TENANT_ADMIN']);
    await aPerson(call, ['TENANT_ADMIN']);
    const { secret } = await keyOf(ann.call, { scopes: ['iam.users:read', 'iam.users:delete', 'ward.beds:read'] });
    expect(await opened(call, secret)).to.deep.equal(['iam.users:delete', 'iam.users:read', 'ward.beds:read']);
    await rooms().access.setUserRoles(call, ann.userId, ['AUDITOR']);
    expect(await opened(call, secret)).to.deep.equal(['iam.users:read']);
    await rooms().access.setUserRoles(call, ann.userId, []);
    expect(await opened(call, secret)).to.deep.equal([]);
  });

  it('ends with its owner: a user who is suspended or gone, a client that is shut out', async () => {
    const call = await aTenant();
    const ann = await aPerson(call, ['AUDITOR']);
    const { secret } = await keyOf(ann.call);
    await rooms().users.suspend(call, ann.userId);
    await refused(call, secret);
    await rooms().users.reactivate(call, ann.userId);
    expect(await opened(call, secret)).to.have.length(1);

    await rooms().clients.create(call, { clientId: 'robot', kind: 'service' });
    await rooms().access.setClientRoles(call, 'robot', ['AUDITOR']);
    const robot = as(call, { kind: 'client', clientId: 'robot', permissions: PERMISSIONS });
    const its = await keyOf(robot);
    expect(its.apiKey.owner).to.deep.equal({ kind: 'client', clientId: 'robot' });
    await rooms().clients.disable(call, 'robot');
    await refused(call, its.secret);
    await rooms().clients.enable(call, 'robot');
    expect(await opened(call, its.secret)).to.have.length(1);
    await rooms().clients.remove(call, 'robot');
    await refused(call, its.secret);

    await rooms().tenants.suspend(call);
    await refused(call, secret);
  });

  it('can be for another user, who holds all of it and is there', async () => {
    const [call, elsewhere] = [await aTenant(), await aTenant()];
    const [admin, bob] = [await aPerson(call, ['TENANT_ADMIN']), await aPerson(call, ['AUDITOR'])];
    const { secret, apiKey } = await keyOf(admin.call, { userId: bob.userId });
    expect(apiKey.owner).to.deep.equal({ kind: 'user', userId: bob.userId });
    expect((await keys().list(call, { userId: bob.userId })).total).to.equal(1);
    await expectFailure(
      'invalid_input',
      keyOf(admin.call, { userId: bob.userId, scopes: ['iam.users:read', 'iam.users:delete'] }),
    );
    const stranger = await aPerson(elsewhere, ['AUDITOR']);
    await expectFailure('user_not_found', keyOf(admin.call, { userId: stranger.userId }));
    await rooms().users.deactivate(call, bob.userId);
    await refused(call, secret);
    await expectFailure('user_deactivated', keyOf(admin.call, { userId: bob.userId }));
  });

  it('is not taken over by who puts another in its place', async () => {
    const call = await aTenant();
    const { apiKey } = await keyOf(call, { scopes: ['iam.users:delete', 'iam.users:read'] });
    const clerk = as(call, actor(['iam.apikeys:rotate', 'iam.users:read']));
    await expectFailure('privilege_escalation', keys().rotate(clerk, apiKey.id));
  });

  it('is passed on with its owner, where a key makes a key', async () => {
    const call = await aTenant();
    const ann = await aPerson(call, ['TENANT_ADMIN']);
    await aPerson(call, ['TENANT_ADMIN']);
    const first = await keyOf(ann.call, { scopes: ['iam.apikeys:create', 'iam.users:read'] });
    const { actor: key } = await keys().verify(from(call, '203.0.113.1'), first.secret);
    await expectFailure('privilege_escalation', keyOf(as(call, key), { scopes: ['iam.users:delete'] }));
    const second = await keyOf(as(call, key));
    expect(second.apiKey.owner).to.deep.equal({ kind: 'user', userId: ann.userId });
    await rooms().users.suspend(call, ann.userId);
    await refused(call, second.secret);
  });

  it('makes none that outlives it or works from elsewhere, and takes none over that does', async () => {
    const call = await aTenant();
    const { call: chief } = await aPerson(call, ['TENANT_ADMIN']);
    const scopes = ['iam.apikeys:create', 'iam.apikeys:rotate', 'iam.users:read'];
    const bounds = { expiresAt: later(call, 60), allowedIps: ['203.0.113.0/24', '198.51.100.7'] };
    const { apiKey, secret } = await keyOf(chief, { scopes, ...bounds });
    const by = as(call, (await keys().verify(from(call, '203.0.113.1'), secret)).actor);
    for (const wider of [
      { expiresAt: null },
      { expiresAt: later(call, 61) },
      { allowedIps: [] },
      { allowedIps: ['203.0.113.0/24', '203.0.112.0/23'] },
    ])
      await expectFailure('privilege_escalation', keyOf(by, { ...bounds, ...wider }));
    await keyOf(by, { ...bounds, allowedIps: ['198.51.100.7'] });
    const endless = await keyOf(chief);
    await expectFailure('privilege_escalation', keys().rotate(by, endless.apiKey.id));
    await keys().rotate(by, apiKey.id);
    await keys().revoke(call, apiKey.id);
    await expectFailure('unauthenticated', keyOf(by, bounds));
  });
});
