import { expect } from 'chai';
import { SYSTEM_ROLES } from '../../../src/domain/access/role.ts';
import { type Actor, inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { whileUncommitted } from '../../support/race.ts';
import { actor, as, aTenant, aUser, auditOf, NOON, operator, rooms } from '../../support/rooms.ts';

const later = (call: TenantCall): TenantCall => ({ ...call, now: new Date(NOON.getTime() + 1000) });

async function aSession({ tenantId }: TenantCall, userId: UserId): Promise<string> {
  const uid = newId();
  await pool()('oidc_session').insert({
    tenant_id: tenantId,
    uid,
    id_hash: Buffer.from(uid),
    account_id: userId,
    payload: '{}',
    expires_at: new Date('2099-01-01'),
  });
  return uid;
}
const sessionsOf = ({ tenantId }: TenantCall) => pool()('oidc_session').where({ tenant_id: tenantId }).pluck('uid');

describe('a new user', () => {
  it('has the password and the roles it was made with', async () => {
    const call = await aTenant();
    const user = await rooms().users.create(call, {
      email: 'Ann@Example.com',
      password: 'a long and winding road',
      roles: ['AUDITOR'],
    });

    expect(await rooms().access.accessOf(call, user.id)).to.deep.include({ roles: ['AUDITOR'] });
    const [hash] = await inTransaction(call, (tx) =>
      rooms().passwordTransfer.hashesOf(tx, [{ tenantId: call.tenantId, userId: user.id }]),
    );
    expect(await rooms().passwords.verify(hash!.stored, 'a long and winding road')).to.equal(true);
  });

  it('is not made at all when a part of it is refused', async () => {
    const call = await aTenant();
    await expectFailure('role_not_found', rooms().users.create(call, { email: 'ann@example.com', roles: ['NOBODY'] }));
    await expectFailure(
      'password_policy',
      rooms().users.create(call, { email: 'ann@example.com', password: 'password' }),
    );

    expect((await rooms().users.list(call)).total).to.equal(0);
    expect(await auditOf(call)).to.deep.equal(['tenant.created']);
  });

  it('is one of fifty who ask for the same address at once', async () => {
    const call = await aTenant();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) =>
        rooms().users.create(call, { email: n % 2 ? 'ann@example.com' : 'ANN@example.com' }),
      ),
    );

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(1);
    expect(outcomes.filter((one) => one.status === 'rejected' && one.reason.code === 'email_taken')).to.have.lengthOf(
      49,
    );
  });

  it('may have the address of a user in another tenant', async () => {
    const [acme, globex] = [await aTenant(), await aTenant()];
    const email = `${newId()}@example.com`;
    await aUser(acme, { email });
    await aUser(globex, { email });

    const found = await rooms().users.findByEmailAnywhere(operator(), email);
    expect(found.map(({ tenantId }) => tenantId)).to.have.members([acme.tenantId, globex.tenantId]);
  });
});

describe('a user is found', () => {
  it('by address and by user name, in this tenant only', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const { id } = await rooms().users.create(call, { email: 'ann@example.com', username: 'Ann' });

    expect((await rooms().users.findByIdentifier(call, 'ANN@EXAMPLE.COM'))?.id).to.equal(id);
    expect((await rooms().users.findByIdentifier(call, 'ann'))?.id).to.equal(id);
    expect(await rooms().users.findByIdentifier(other, 'ann')).to.equal(undefined);
    await expectFailure('user_not_found', rooms().users.get(other, id));
  });

  it('in lists that are filtered, searched and ordered by names that exist', async () => {
    const call = await aTenant();
    const { users } = rooms();
    await users.create(call, { email: 'ann@example.com', lastName: 'Lee' });
    await users.create(call, { email: 'bob_x@example.com', lastName: 'Abel' });
    const emails = async (query: object) => (await users.list(call, query)).items.map(({ email }) => email);

    expect(await emails({ sort: 'lastName' })).to.deep.equal(['bob_x@example.com', 'ann@example.com']);
    expect(await emails({ sort: '-email' })).to.deep.equal(['bob_x@example.com', 'ann@example.com']);
    expect(await emails({ search: 'LEE' })).to.deep.equal(['ann@example.com']);
    expect(await emails({ search: 'BOB_x@' })).to.deep.equal(['bob_x@example.com']);
    expect(await emails({ search: 'ob' })).to.deep.equal([]);
    expect(await emails({ search: 'a_n' })).to.deep.equal([]);
    expect(await emails({ status: 'suspended' })).to.deep.equal([]);
    for (const sort of ['name;drop table users', 'constructor', 'createdAt nulls last'])
      await expectFailure('invalid_input', users.list(call, { sort }));
  });
});

describe('a change of a user', () => {
  it('writes what changes and nothing when nothing does', async () => {
    const call = await aTenant();
    const { users } = rooms();
    const id = await aUser(call);

    const changed = await users.updateProfile(later(call), id, { firstName: 'Ann', timezone: 'utc' });
    const again = await users.updateProfile(call, id, { firstName: ' Ann ', timezone: 'UTC' });

    expect(changed).to.include({ firstName: 'Ann', timezone: 'UTC' });
    expect(again.updatedAt).to.deep.equal(later(call).now);
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'user.created', 'user.updated']);
  });

  it('takes back the proof of what it replaces', async () => {
    const call = await aTenant();
    const { users } = rooms();
    const id = await aUser(call);
    await users.updateProfile(call, id, { phone: '+15551234567' });
    await users.setVerified(call, id, { phone: true, email: true });

    expect(await users.updateProfile(call, id, { phone: '+15551234568' })).to.include({ phoneVerified: false });
    expect(await users.changeEmail(call, id, 'new@example.com')).to.include({
      emailVerified: false,
      emailCanonical: 'new@example.com',
    });
  });

  it('does not take what another has', async () => {
    const call = await aTenant();
    const [ann, bob] = [await aUser(call, { email: 'ann@example.com' }), await aUser(call)];
    await rooms().users.updateProfile(call, ann, { username: 'ann' });

    await expectFailure('email_taken', rooms().users.changeEmail(call, bob, 'ANN@example.com'));
    await expectFailure('username_taken', rooms().users.updateProfile(call, bob, { username: 'Ann' }));
  });

  it('sets a password and ends every session', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    await aSession(call, ann);

    await rooms().users.setPassword(call, ann, 'a long and winding road', { mustChange: true });

    expect(await sessionsOf(call)).to.deep.equal([]);
    const [hash] = await inTransaction(call, (tx) =>
      rooms().passwordTransfer.hashesOf(tx, [{ tenantId: call.tenantId, userId: ann }]),
    );
    expect(hash).to.include({ mustChange: true });
  });
});

describe('the way in of a user', () => {
  it('is not taken over by one who may do less', async () => {
    const call = await aTenant();
    const { users } = rooms();
    const [ann, bob] = [await aUser(call, { roles: ['TENANT_ADMIN'] }), await aUser(call)];
    const clerk = as(call, actor(SYSTEM_ROLES.USER_ADMIN.permissions, ['USER_ADMIN']));

    await expectFailure('privilege_escalation', users.setPassword(clerk, ann, 'a long and winding road'));
    await expectFailure('privilege_escalation', users.changeEmail(clerk, ann, 'clerk@example.com'));
    await users.setPassword(clerk, bob, 'a long and winding road');
    expect(await users.changeEmail(clerk, bob, 'bob@example.com')).to.include({ email: 'bob@example.com' });
    const herself = as(call, { ...actor([]), userId: ann } as Actor);
    expect(await users.changeEmail(herself, ann, 'ann@example.com')).to.include({ email: 'ann@example.com' });
  });
});

describe('suspending a user', () => {
  it('ends every session of theirs at once, and those of nobody else', async () => {
    const call = await aTenant();
    const [ann, bob] = [await aUser(call), await aUser(call)];
    await aSession(call, ann);
    await aSession(call, ann);
    const kept = await aSession(call, bob);

    await rooms().users.suspend(call, ann);
    expect(await sessionsOf(call)).to.deep.equal([kept]);
  });

  it('is one suspension however often it is done, and can be taken back', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    const { users } = rooms();

    await users.suspend(call, ann);
    expect((await users.suspend(call, ann)).status).to.equal('suspended');
    expect((await users.reactivate(call, ann)).status).to.equal('active');
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'user.created', 'user.suspended', 'user.reactivated']);
  });

  it('does not see the users of another tenant', async () => {
    const ann = await aUser(await aTenant());
    const other = await aTenant();
    await expectFailure('user_not_found', rooms().users.suspend(other, ann));
    await expectFailure('user_not_found', rooms().users.deactivate(other, ann));
    await expectFailure('user_not_found', rooms().users.updateProfile(other, ann, { firstName: 'X' }));
  });
});

describe('deactivating a user', () => {
  it('is final', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    const { users } = rooms();
    await users.deactivate(call, ann);

    await users.deactivate(call, ann);
    await expectFailure('user_deactivated', users.reactivate(call, ann));
    await expectFailure('user_deactivated', users.suspend(call, ann));
    await expectFailure('user_deactivated', users.changeEmail(call, ann, 'x@example.com'));
  });
});

describe('the last administrator', () => {
  it('stays, whichever way they would go', async () => {
    const call = await aTenant();
    const ann = await aUser(call, { roles: ['TENANT_ADMIN'] });
    await aUser(call, { roles: ['USER_ADMIN'] });

    await expectFailure('last_admin', rooms().users.suspend(call, ann));
    await expectFailure('last_admin', rooms().users.deactivate(call, ann));
    await expectFailure('last_admin', rooms().access.setUserRoles(call, ann, ['AUDITOR']));
    expect(await rooms().users.get(call, ann)).to.include({ status: 'active' });
  });

  it('does not count colleagues who cannot sign in', async () => {
    const call = await aTenant();
    const [ann, bob] = [await aUser(call, { roles: ['TENANT_ADMIN'] }), await aUser(call, { roles: ['TENANT_ADMIN'] })];
    await rooms().users.suspend(call, bob);
    await expectFailure('last_admin', rooms().users.suspend(call, ann));
  });

  it('is left when two suspend each other at the same moment', async () => {
    const call = await aTenant();
    const { users } = rooms();
    const [ann, bob] = [await aUser(call, { roles: ['TENANT_ADMIN'] }), await aUser(call, { roles: ['TENANT_ADMIN'] })];

    const second = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await users.suspend(tx, bob);
          await hold();
        }),
      () => users.suspend(call, ann),
    );

    expect(second.status === 'rejected' && second.reason.code).to.equal('last_admin');
    expect([(await users.get(call, ann)).status, (await users.get(call, bob)).status]).to.deep.equal([
      'active',
      'suspended',
    ]);
  });

  it('is left when one goes while the other loses the role', async () => {
    const call = await aTenant();
    const { users, access } = rooms();
    const [ann, bob] = [await aUser(call, { roles: ['TENANT_ADMIN'] }), await aUser(call, { roles: ['TENANT_ADMIN'] })];

    const second = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await access.setUserRoles(tx, bob, []);
          await hold();
        }),
      () => users.deactivate(call, ann),
    );

    expect(second.status === 'rejected' && second.reason.code).to.equal('last_admin');
  });
});
