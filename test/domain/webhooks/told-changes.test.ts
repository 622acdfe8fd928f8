import { expect } from 'chai';
import { nodeIds, userIds } from '../../../src/api/v1/ids.ts';
import { createSigningKeyService } from '../../../src/domain/keys/signing-key-service.ts';
import { rootOf } from '../../../src/domain/nodes/node.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { aWebhook, toldIn, toldOf, typesOf } from '../../support/events.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';

const client = { clientId: 'web', kind: 'web', redirectUris: ['https://app.example/cb'] } as const;

describe('events', () => {
  it('come for each change of a user', async () => {
    const call = await aTenant();
    await aWebhook(call);
    const { users, access } = rooms();
    const id = await aUser(call);
    const acts: [string[], () => Promise<unknown>][] = [
      [['user.updated'], () => users.setVerified(call, id, { email: true })],
      [['user.email_changed'], () => users.changeEmail(call, id, `${newId()}@example.com`)],
      [['user.roles_changed'], () => access.setUserRoles(call, id, ['AUDITOR'])],
      [['password.changed'], () => users.setPassword(call, id, 'a long and winding road')],
      [['user.suspended'], () => users.suspend(call, id)],
      [['user.reactivated'], () => users.reactivate(call, id)],
      [['user.deleted'], () => users.deactivate(call, id)],
    ];
    for (const [types, act] of acts) expect(typesOf(await toldOf(call, act))).to.deep.equal(types);
    const told = await toldIn(call);
    expect(told.find(({ type }) => type === 'user.roles_changed')!.data).to.deep.include({
      added: ['AUDITOR'],
      removed: [],
    });
    expect(told.find(({ type }) => type === 'password.changed')!.data).to.include({ by: 'administrator' });
    expect(told.at(-1)!.data).to.deep.equal({ userId: userIds.encode(id) });
  });

  it('come for each change of a role, an API, a client, a domain, a key and the tenant', async () => {
    const call = await aTenant();
    const { id: webhook } = await aWebhook(call);
    const { access, apis, clients, tenants, tenantKeys, audit } = rooms();
    const keys = createSigningKeyService({ tenantKeys, audit });
    const { id: role } = await access.createRole(call, { name: 'nurse' });
    const { id: api } = await apis.create(call, { identifier: 'https://api.example' });
    await clients.create(call, client);
    await clients.create(call, { clientId: 'robot', kind: 'service' });
    const domain = `${newId()}.example`;
    const acts: [string[], () => Promise<unknown>][] = [
      [['role.updated'], () => access.updateRole(call, role, { displayName: 'Nurse' })],
      [['role.deleted'], () => access.removeRole(call, role)],
      [['api.updated'], () => apis.update(call, api, { name: 'Ward' })],
      [['api.deleted'], () => apis.remove(call, api)],
      [['client.updated'], () => clients.update(call, 'web', { name: 'Ward' })],
      [['client.credentials_changed'], () => clients.rotateSecret(call, 'web')],
      [['client.disabled'], () => clients.disable(call, 'web')],
      [['client.enabled'], () => clients.enable(call, 'web')],
      [['client.deleted'], () => clients.remove(call, 'web')],
      [['domain.added'], () => tenants.addDomain(call, domain)],
      [['domain.verified'], () => tenants.verifyDomain(call, domain)],
      [['domain.removed'], () => tenants.removeDomain(call, domain)],
      [['tenant.updated'], () => tenants.update(call, { name: 'Acme Ltd' })],
      [['tenant.updated'], () => tenants.updateSettings(call, { locale: 'fr' })],
      [['client.roles_changed'], () => access.setClientRoles(call, 'robot', ['AUDITOR'])],
      [['signing_key.activated', 'signing_key.activated'], () => keys.keysOf(call)],
      [['signing_key.published', 'signing_key.published'], () => keys.rotate(call)],
      [['tenant.suspended'], () => tenants.suspend(call)],
      [['tenant.reactivated'], () => tenants.reactivate(call)],
    ];
    for (const [types, act] of acts) expect([types, typesOf(await toldOf(call, act))]).to.deep.equal([types, types]);
    const told = await toldIn(call);
    // Whoever turns keys that are due, with another master key, has nobody to tell here.
    await rooms().webhooks.remove(call, webhook);
    const dataOf = (type: string) => told.find((event) => event.type === type)!.data;
    expect(dataOf('role.updated')).to.deep.equal({ name: 'nurse', displayName: 'Nurse', description: null });
    expect(dataOf('role.deleted')).to.deep.equal({ name: 'nurse', displayName: null, description: null });
    expect(dataOf('client.updated')).to.include({ clientId: 'web', name: 'Ward', kind: 'web' });
    expect(dataOf('client.deleted')).to.include({ clientId: 'web', name: null });
    expect(dataOf('domain.verified')).to.deep.equal({ domain });
    expect(dataOf('tenant.suspended')).to.include({ slug: call.tenant.slug, name: 'Acme Ltd', status: 'suspended' });
  });

  it('come for each change of the organisation tree, of who belongs to it, and of permissions', async () => {
    const call = await aTenant();
    await aWebhook(call, { events: ['node.*', 'member.*', 'permission.*'] });
    const { nodes, memberships, access } = rooms();
    const { id: role } = await access.createRole(call, { name: 'nurse', permissions: ['ward.beds:read'] });
    const user = await aUser(call);
    const root = rootOf(call.tenantId);
    const ward = await nodes.create(call, { type: 'team', name: 'Ward' });
    const house = await nodes.create(call, { type: 'facility', name: 'North' });
    const { id: permission } = await access.createPermission(call, { name: 'ward.keys:read' });
    const [nodeId, userId] = [nodeIds.encode(ward.id), userIds.encode(user)];
    const node = { nodeId, parentId: nodeIds.encode(root), type: 'team', name: 'Ward', status: 'active' };
    const gone = { nodeId, parentId: null, type: null, name: null, status: null, changed: null };
    const acts: [string, () => Promise<unknown>, object][] = [
      [
        'node.updated',
        () => nodes.update(call, ward.id, { name: 'East' }),
        { ...node, name: 'East', changed: ['name'] },
      ],
      [
        'node.updated',
        () => nodes.update(call, ward.id, { parentId: house.id }),
        { ...node, name: 'East', parentId: nodeIds.encode(house.id), changed: ['parentId'] },
      ],
      ['member.added', () => memberships.set(call, ward.id, user, ['nurse']), { nodeId, userId, roles: ['nurse'] }],
      [
        'member.roles_changed',
        () => memberships.set(call, ward.id, user, ['AUDITOR', 'nurse']),
        { nodeId, userId, roles: ['AUDITOR', 'nurse'] },
      ],
      ['member.removed', () => memberships.remove(call, ward.id, user), { nodeId, userId, roles: [] }],
      ['node.deleted', () => nodes.remove(call, ward.id), gone],
      [
        'permission.updated',
        () => access.describePermission(call, permission, 'See keys.'),
        { name: 'ward.keys:read', description: 'See keys.' },
      ],
      [
        'permission.deleted',
        () => access.removePermission(call, permission),
        { name: 'ward.keys:read', description: null },
      ],
    ];
    for (const [type, act, data] of acts) {
      const told = await toldOf(call, act);
      expect([typesOf(told), told[0]!.data]).to.deep.equal([[type], data]);
    }
    expect(typesOf(await toldIn(call)).slice(0, 3)).to.deep.equal([
      'node.created',
      'node.created',
      'permission.created',
    ]);
    await access.removeRole(call, role);
  });
});
