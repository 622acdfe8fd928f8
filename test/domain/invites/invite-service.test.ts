import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { type InviteId, type NodeId, newId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { auditOf, endOf, later, PASSWORD } from '../recovery/house.ts';
import { asOperator } from '../sign-in/house.ts';
import { anInvitingHouse, type InvitingHouse } from './house.ts';

describe('an invite', () => {
  let house: InvitingHouse;
  let home: TenantCall;
  let admin: TenantCall;
  before(() => {
    house = anInvitingHouse();
  });
  beforeEach(async () => {
    home = await house.aTenant();
    admin = await house.aPerson(home, ['TENANT_ADMIN']);
  });

  const ends = (by: TenantCall, draft: object = {}) =>
    endOf(house.invites.create(by, { email: `bob-${newId()}@example.com`, ...draft }));

  it('is a letter with a link, and nothing by which the database could tell it', async () => {
    const { invite, letter, token } = await house.invite(admin, { roles: ['AUDITOR', 'AUDITOR'] });
    expect(letter.to.address).to.equal(invite.email);
    expect(letter.values).to.deep.include({ organisation: 'Acme', inviter: 'Ann' });
    expect(invite).to.deep.include({ roles: ['AUDITOR'], nodeId: null });
    const rows = await asOperator(home, 'select i::text as row from invites i where tenant_id = ?', [home.tenantId]);
    expect(rows).to.have.lengthOf(1);
    expect(rows[0].row).not.to.include(token);
    expect((await auditOf(home)).at(-1)).to.equal('invite.created');
  });

  it('is the only one of its address: to invite again is to send another letter, whose link alone is good', async () => {
    const first = await house.invite(admin, { roles: ['AUDITOR'] });
    const second = await house.invite(admin, { email: first.invite.email.toUpperCase() });
    expect((await house.invites.list(admin)).items.map(({ id }) => id)).to.deep.equal([second.invite.id]);
    expect(await house.invites.find(home, first.token)).to.equal(undefined);
    expect((await house.invites.find(home, second.token))?.organisation).to.equal('Acme');
  });

  it('is one of two that are sent at once', async () => {
    const email = `bob-${newId()}@example.com`;
    await Promise.all([house.invites.create(admin, { email }), house.invites.create(admin, { email })]);
    expect((await house.invites.list(admin)).total).to.equal(1);
  });

  it('promises no more than its sender may give', async () => {
    const helper = await house.aPerson(home, ['USER_ADMIN']);
    expect(await ends(helper)).to.equal('ok');
    expect(await ends(helper, { roles: ['USER_ADMIN'] }), 'who may not give roles at all').to.equal('forbidden');
    const by = house.system(home);
    await house.access.createRole(by, { name: 'registrar', permissions: ['iam.users:create', 'iam.roles:write'] });
    const registrar = await house.aPerson(home, ['registrar']);
    expect(await ends(registrar, { roles: ['registrar'] })).to.equal('ok');
    expect(await ends(registrar, { roles: ['TENANT_ADMIN'] })).to.equal('privilege_escalation');
    expect(await ends(await house.aPerson(home, ['AUDITOR']))).to.equal('forbidden');
    expect(await ends(home), 'nobody').to.equal('forbidden');
    expect(await ends(admin, { roles: ['SUPER_ADMIN'] })).to.equal('role_not_found');
  });

  it('names roles and nodes that are there', async () => {
    expect(await ends(admin, { roles: ['nurse'] })).to.equal('role_not_found');
    expect(await ends(admin, { nodeId: newId<NodeId>() })).to.equal('node_not_found');
    const other = await house.aTenant();
    const node = await house.nodes.create(house.system(other), { type: 'team', name: 'Theirs' });
    expect(await ends(admin, { nodeId: node.id }), 'of another tenant').to.equal('node_not_found');
    expect(await ends(admin, { email: 'bob@example.com, eve@example.com' })).to.equal('invalid_input');
  });

  it('lets nobody back in who is barred', async () => {
    const by = house.system(home);
    const [ann, bob] = [await house.aUser(home), await house.aUser(home)];
    await house.users.suspend(by, ann.id);
    await house.users.deactivate(by, bob.id);
    expect(await ends(admin, { email: ann.email })).to.equal('user_suspended');
    expect(await ends(admin, { email: bob.email })).to.equal('user_deactivated');
    const carl = await house.users.create(by, { email: `${newId()}@example.com`, status: 'pending' });
    expect(await ends(admin, { email: carl.email })).to.equal('conflict');
  });

  it('is written to an address three times an hour by one tenant', async () => {
    const email = `bob-${newId()}@example.com`;
    for (let letters = 0; letters < LIMITS.recoveriesOfEmail; letters++) await house.invites.takeLetter(admin, email);
    expect(await endOf(house.invites.takeLetter(admin, ` ${email.toUpperCase()}`))).to.equal('rate_limited');
    expect(await endOf(house.invites.takeLetter(await house.aTenant(), email)), 'another tenant').to.equal('ok');
  });

  it('is revoked once, in its own tenant', async () => {
    const { invite, token } = await house.invite(admin);
    expect(await endOf(house.invites.revoke(house.system(await house.aTenant()), invite.id))).to.equal(
      'invite_not_found',
    );
    await house.invites.revoke(admin, invite.id);
    expect(await house.invites.find(home, token)).to.equal(undefined);
    expect(await endOf(house.invites.accept(home, { token, password: PASSWORD }))).to.equal('invite_invalid');
    expect(await endOf(house.invites.revoke(admin, invite.id))).to.equal('invite_not_found');
    expect(await endOf(house.invites.revoke(admin, newId<InviteId>()))).to.equal('invite_not_found');
    expect((await auditOf(home)).slice(-2)).to.deep.equal(['invite.created', 'invite.revoked']);
  });

  it('goes with the node that it leads to', async () => {
    const node = await house.nodes.create(house.system(home), { type: 'team', name: 'Night' });
    const { token } = await house.invite(admin, { nodeId: node.id });
    await house.nodes.remove(house.system(home), node.id);
    expect(await house.invites.find(home, token)).to.equal(undefined);
  });

  it('is forgotten thirty days after its end', async () => {
    const { invite } = await house.invite(admin);
    const end = LIMITS.inviteSeconds + LIMITS.invitesKeptSeconds;
    const idsAt = async (seconds: number) => {
      await house.invites.removeEnded({ ...later(house.system(home), seconds) });
      return (await house.invites.list(admin)).items.map(({ id }) => id);
    };
    expect(await idsAt(end - 1)).to.deep.equal([invite.id]);
    expect(await idsAt(end)).to.deep.equal([]);
  });
});
