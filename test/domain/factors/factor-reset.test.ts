import { expect } from 'chai';
import { permissionsOfRoles } from '../../../src/domain/access/role.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { type ApiKeyId, newId, type UserId } from '../../../src/kernel/ids.ts';
import { lettersOf } from '../../support/queued.ts';
import { actor, as, aTenant, aUser, auditOf, rooms } from '../../support/rooms.ts';
import { aTenantWithCodes, enrolled, enrolledFor, factorRooms, refusalOf } from './house.ts';

/** Somebody who acts with what a role allows. */
const acting = (call: TenantCall, role: string): TenantCall =>
  as(call, actor(permissionsOfRoles([{ name: role, permissions: [] }]), [role]));

describe('resetting the factors of somebody', () => {
  it('takes all of them away, with codes, browsers and open questions, and tells them by letter', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    const { factors, challenges } = factorRooms();
    await enrolled(tenant, ann);
    await enrolledFor(tenant, ann, 'email');
    await inTransaction(tenant, (tx) => factors.rememberDevice(tx, ann, 'a browser', 30));
    const question = {
      purpose: 'sign-in',
      userId: ann,
      factors: ['totp'],
      amr: ['pwd'],
      authTime: tenant.now,
    } as const;
    const challengeId = await challenges.put(tenant, { ...question, browser: 'page' });

    expect(await factors.reset(acting(tenant, 'USER_ADMIN'), ann)).to.have.members(['totp', 'email']);

    expect(await factors.list(tenant, ann)).to.deep.equal([]);
    expect(await factors.backupCodesLeft(tenant, ann)).to.equal(0);
    const remembered = tenant.db('remembered_devices').where({ tenant_id: tenant.tenantId });
    expect(await remembered).to.deep.equal([]);
    expect(await challenges.isOpen(tenant, { challengeId, browser: 'page' })).to.equal(false);
    const { mfa } = rooms().tenants
      ? (await rooms().tenants.get(tenant, tenant.tenantId)).settings
      : { mfa: undefined! };
    expect(await factors.secondFactorOf(tenant, ann, mfa)).to.include({ asked: false });
    expect(await lettersOf(tenant, { keys: rooms().tenantKeys }, 'factors-reset')).to.have.length(1);
    expect((await auditOf(tenant)).filter((action) => action === 'factors.reset')).to.have.length(1);
  });

  it('leaves somebody alone who has none, and a second time', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    const { factors } = factorRooms();
    await enrolled(tenant, ann);
    await factors.reset(tenant, ann);
    expect(await factors.reset(tenant, ann)).to.deep.equal([]);
    expect((await auditOf(tenant)).filter((action) => action === 'factors.reset')).to.have.length(1);
  });

  it('is not for who would gain by it, for oneself, or for another tenant’s users', async () => {
    const tenant = await aTenant();
    const [ann, chief] = [await aUser(tenant), await aUser(tenant, { roles: ['TENANT_ADMIN'] })];
    for (const user of [ann, chief]) await enrolled(tenant, user);
    const { factors } = factorRooms();
    const reset = (call: TenantCall, user: UserId) => refusalOf(factors.reset(call, user));
    expect(await reset(acting(tenant, 'USER_ADMIN'), chief)).to.equal('privilege_escalation');
    expect(await reset(acting(tenant, 'TENANT_ADMIN'), chief)).to.equal('done');
    expect(await reset(as(tenant, { ...actor([]), userId: ann } as never), ann)).to.equal('forbidden');
    const owner = { kind: 'user', userId: ann } as const;
    const key = { kind: 'api-key', keyId: newId<ApiKeyId>(), owner, permissions: ['iam.users:update'] } as const;
    expect(await reset(as(tenant, key), ann), 'by a key of their own').to.equal('forbidden');
    expect(await reset(await aTenant(), ann)).to.equal('user_not_found');
    expect(await reset(tenant, newId<UserId>())).to.equal('user_not_found');
    expect(await factors.list(tenant, ann)).to.have.length(1);
  });

  it('reaches somebody who is suspended: they come back without', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await enrolled(tenant, ann);
    await rooms().users.suspend(tenant, ann);
    expect(await factorRooms().factors.reset(tenant, ann)).to.deep.equal(['totp']);
  });
});
