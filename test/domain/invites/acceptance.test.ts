import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { whileUncommitted } from '../../support/race.ts';
import { anAddress, auditOf, endOf, fromAddress, later, NEXT, PASSWORD } from '../recovery/house.ts';
import { anInvitingHouse, type InvitingHouse } from './house.ts';

describe('an invite that is accepted', () => {
  let house: InvitingHouse;
  let home: TenantCall;
  let admin: TenantCall & { userId: UserId };
  before(() => {
    house = anInvitingHouse();
  });
  beforeEach(async () => {
    home = await house.aTenant();
    admin = await house.aPerson(home, ['TENANT_ADMIN']);
  });

  const accept = (token: string, more: object = {}, call: TenantCall = home) =>
    house.invites.accept(fromAddress(call, anAddress()), { token, password: PASSWORD, firstName: 'Bob', ...more });
  const rolesOf = async (userId: UserId) => (await house.access.accessOf(house.system(home), userId)).roles;

  describe('by somebody new', () => {
    it('makes an account of a proven address with the roles that were promised, once', async () => {
      const { invite, token } = await house.invite(admin, { roles: ['AUDITOR'] });
      expect(await house.invites.find(home, token)).to.deep.include({ email: invite.email, hasAccount: false });
      const { userId } = await accept(token);
      expect(await house.users.get(home, userId)).to.deep.include({
        ...{ email: invite.email, emailVerified: true, status: 'active', firstName: 'Bob' },
      });
      expect(await rolesOf(userId)).to.deep.equal(['AUDITOR']);
      expect(await endOf(house.signIn.withPassword(home, { identifier: invite.email, password: PASSWORD }))).to.equal(
        'ok',
      );
      expect(await endOf(accept(token))).to.equal('invite_invalid');
      expect((await house.invites.list(admin)).total).to.equal(0);
      expect(await auditOf(home)).to.include.members(['user.created', 'user.roles_changed', 'invite.accepted']);
      expect((await house.lettersOf(home)).at(-1)?.template).to.equal('welcome');
    });

    it('makes them a member of the node, with the roles there', async () => {
      const node = await house.nodes.create(house.system(home), { type: 'team', name: 'Night' });
      const { token } = await house.invite(admin, { nodeId: node.id, roles: ['AUDITOR'] });
      const { userId } = await accept(token);
      expect(await rolesOf(userId), 'in the tenant').to.deep.equal([]);
      expect(await house.memberships.placesOf(home, userId)).to.deep.include.members([
        { ...(await house.memberships.placesOf(home, userId))[0]!, nodeId: node.id, roles: ['AUDITOR'] },
      ]);
    });

    it('stays good when the password or a name is refused', async () => {
      const { token } = await house.invite(admin);
      expect(await endOf(accept(token, { password: 'short' }))).to.equal('password_policy');
      expect(await endOf(accept(token, { password: 'password1' }))).to.equal('password_policy');
      expect(await endOf(accept(token, { firstName: 'x'.repeat(101) }))).to.equal('invalid_input');
      expect(await endOf(accept(token))).to.equal('ok');
    });

    it('needs no tenant: the link knows it, and is none in another', async () => {
      const { token } = await house.invite(admin);
      const other = await house.aTenant();
      expect(await house.invites.find(other, token)).to.equal(undefined);
      expect(await endOf(accept(token, {}, other))).to.equal('invite_invalid');
      const { tenantId: _, ...nowhere } = home;
      expect((await house.invites.accept(nowhere, { token, password: PASSWORD })).tenantId).to.equal(home.tenantId);
    });

    it('is good for a week', async () => {
      const { token, letter } = await house.invite(admin);
      expect(new Date(letter.until!).getTime() - home.now.getTime()).to.equal(LIMITS.inviteSeconds * 1000);
      expect(await house.invites.find(later(home, LIMITS.inviteSeconds - 1), token)).not.to.equal(undefined);
      const late = later(home, LIMITS.inviteSeconds);
      expect(await house.invites.find(late, token)).to.equal(undefined);
      expect(await endOf(accept(token, {}, late))).to.equal('invite_invalid');
      for (const wrong of ['', 'x', 'x'.repeat(200)])
        expect(await endOf(accept(wrong)), 'like one that nobody was sent').to.equal('invite_invalid');
    });

    it('makes one account of two who accept at once, and gives the second nothing', async () => {
      const { invite, token } = await house.invite(admin);
      const outcome = await whileUncommitted(
        pool(),
        (hold) =>
          pool().transaction(async (db) => {
            await accept(token, {}, { ...home, db });
            await hold();
          }),
        () => accept(token, { password: NEXT }),
      );
      expect(outcome.status).to.equal('rejected');
      const opens = (password: string) =>
        endOf(house.signIn.withPassword(fromAddress(home), { identifier: invite.email, password }));
      expect([await opens(PASSWORD), await opens(NEXT)]).to.deep.equal(['ok', 'invalid_credentials']);
      expect((await auditOf(home)).filter((action) => action === 'invite.accepted')).to.have.lengthOf(1);
    });

    it('is revoked first or accepted first, never both', async () => {
      const { invite, token } = await house.invite(admin);
      const outcome = await whileUncommitted(
        pool(),
        (hold) =>
          pool().transaction(async (db) => {
            await house.invites.revoke({ ...admin, db }, invite.id);
            await hold();
          }),
        () => accept(token),
      );
      expect(outcome).to.include({ status: 'rejected' });
      expect(await house.users.findByIdentifier(home, invite.email)).to.equal(undefined);
    });
  });

  describe('by somebody who has an account', () => {
    it('takes its password, adds to what they have, and makes nobody', async () => {
      const ann = await house.aUser(home);
      await house.access.setUserRoles(house.system(home), ann.id, ['USER_ADMIN']);
      const { token } = await house.invite(admin, { email: ann.email, roles: ['AUDITOR'] });
      expect((await house.invites.find(home, token))?.hasAccount).to.equal(true);
      expect(await endOf(accept(token, { password: NEXT }))).to.equal('invalid_credentials');
      expect((await accept(token)).userId).to.equal(ann.id);
      expect(await rolesOf(ann.id)).to.deep.equal(['AUDITOR', 'USER_ADMIN']);
      expect(await house.users.get(home, ann.id), 'nothing of theirs is written over').to.deep.include({
        ...{ firstName: 'Ann', emailVerified: true },
      });
    });

    it('counts a wrong password as a wrong login does', async () => {
      const call = await house.aTenant({ lockout: { maxAttempts: 3 } });
      const ann = await house.aUser(call);
      const { token } = await house.invite(house.system(call), { email: ann.email });
      const there = fromAddress(call, anAddress());
      for (let tries = 0; tries < 3; tries++) await endOf(house.invites.accept(there, { token, password: NEXT }));
      expect(await endOf(house.invites.accept(there, { token, password: PASSWORD }))).to.equal('rate_limited');
      const login = { identifier: ann.email, password: PASSWORD };
      expect(await endOf(house.signIn.withPassword(there, login))).to.equal('invalid_credentials');
    });

    it('brings nobody back who was suspended meanwhile', async () => {
      const ann = await house.aUser(home);
      const { token } = await house.invite(admin, { email: ann.email, roles: ['AUDITOR'] });
      await house.users.suspend(house.system(home), ann.id);
      expect(await house.invites.find(home, token)).to.equal(undefined);
      expect(await endOf(accept(token))).to.equal('invite_invalid');
      expect(await rolesOf(ann.id)).to.deep.equal([]);
    });

    it('is no use while they are being suspended', async () => {
      const ann = await house.aUser(home);
      const { token } = await house.invite(admin, { email: ann.email, roles: ['AUDITOR'] });
      const outcome = await whileUncommitted(
        pool(),
        (hold) =>
          pool().transaction(async (db) => {
            await house.users.suspend({ ...house.system(home), db }, ann.id);
            await hold();
          }),
        () => accept(token),
      );
      expect(outcome).to.include({ status: 'rejected' });
      expect(await rolesOf(ann.id)).to.deep.equal([]);
    });
  });

  describe('is void', () => {
    const isVoid = async (token: string, email: string) => {
      expect(await endOf(accept(token))).to.equal('invite_invalid');
      expect(await house.users.findByIdentifier(home, email), 'nobody was made').to.equal(undefined);
      expect((await auditOf(home)).at(-1)).to.equal('invite.refused');
    };

    it('when its sender may not give that any more', async () => {
      const { token, invite } = await house.invite(admin, { roles: ['TENANT_ADMIN'] });
      await house.aPerson(home, ['TENANT_ADMIN']);
      await house.access.setUserRoles(house.system(home), admin.userId, ['USER_ADMIN']);
      await isVoid(token, invite.email);
      await house.access.setUserRoles(house.system(home), admin.userId, ['TENANT_ADMIN']);
      expect(await endOf(accept(token)), 'it was not used up').to.equal('ok');
    });

    it('when its sender is gone', async () => {
      const { token, invite } = await house.invite(admin);
      await house.aPerson(home, ['TENANT_ADMIN']);
      await house.users.suspend(house.system(home), admin.userId);
      await isVoid(token, invite.email);
    });

    it('when its role is gone, or its node is archived', async () => {
      const by = house.system(home);
      const role = await house.access.createRole(by, { name: 'nurse' });
      const first = await house.invite(admin, { roles: ['nurse'] });
      await house.access.removeRole(by, role.id);
      await isVoid(first.token, first.invite.email);
      const node = await house.nodes.create(by, { type: 'team', name: 'Night' });
      const second = await house.invite(admin, { nodeId: node.id });
      await house.nodes.update(by, node.id, { status: 'archived' });
      await isVoid(second.token, second.invite.email);
    });

    it('when its tenant is closed', async () => {
      const { token } = await house.invite(admin);
      await house.tenants.suspend(house.system(home));
      house.forgetTenants();
      expect(await house.invites.find(home, token)).to.equal(undefined);
      expect(await endOf(accept(token))).to.equal('invite_invalid');
    });
  });

  it('is judged by what a role allows at that moment', async () => {
    const by = house.system(home);
    await house.access.createRole(by, { name: 'registrar', permissions: ['iam.users:create', 'iam.roles:write'] });
    const role = await house.access.createRole(by, { name: 'nurse' });
    const registrar = await house.aPerson(home, ['registrar']);
    const { token } = await house.invite(registrar, { email: `${newId()}@example.com`, roles: ['nurse'] });
    await house.access.updateRole(by, role.id, { permissions: ['iam.users:delete'] });
    expect(await endOf(accept(token))).to.equal('invite_invalid');
  });
});
