import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { actor, as, aTenant, rooms } from '../../support/rooms.ts';

const CANARY = `canary-secret-${'x'.repeat(32)}`;

/** What the newest record of an action tells. */
async function told(call: TenantCall, action: string) {
  const [record] = await rooms().audit.list(call, { action }, { limit: 1 });
  const { resource, resourceId, before, after } = record!;
  return { on: `${resource}:${resourceId}`, before, after };
}

describe('what the trail tells', () => {
  it('of a user: each field, as it was and as it is', async () => {
    const call = await aTenant();
    const { users, access } = rooms();
    const email = `ann-${newId()}@example.com`;
    const { id } = await users.create(call, { email, firstName: 'Ann', roles: ['AUDITOR'], password: `${CANARY}!` });
    const created = await told(call, 'user.created');
    expect(created).to.deep.include({ on: `user:${id}`, before: null });
    expect(created.after)
      .to.include({ email, firstName: 'Ann', status: 'active' })
      .and.deep.include({ roles: ['AUDITOR'] });

    await users.updateProfile(call, id, { firstName: 'Anna', phone: '+15551234567' });
    expect(await told(call, 'user.updated')).to.deep.equal({
      on: `user:${id}`,
      before: { firstName: 'Ann', phone: null },
      after: { firstName: 'Anna', phone: '+15551234567' },
    });
    await users.changeEmail(call, id, `new-${email}`, { verified: true });
    expect(await told(call, 'user.email_changed')).to.deep.include({
      before: { email, emailVerified: false },
      after: { email: `new-${email}`, emailVerified: true },
    });
    await access.setUserRoles(call, id, ['USER_ADMIN']);
    expect(await told(call, 'user.roles_changed')).to.deep.include({
      before: { roles: ['AUDITOR'] },
      after: { roles: ['USER_ADMIN'] },
    });
    await users.suspend(call, id);
    expect(await told(call, 'user.suspended')).to.deep.include({
      before: { status: 'active' },
      after: { status: 'suspended' },
    });
  });

  it('of a tenant: each setting by its name, and no secret one', async () => {
    const call = await aTenant();
    const { tenants } = rooms();
    await tenants.updateSettings(call, { password: { minLength: 12 }, locale: 'fr' });
    expect(await told(call, 'tenant.settings_updated')).to.deep.include({
      before: { 'password.minLength': null, locale: null },
      after: { 'password.minLength': 12, locale: 'fr' },
    });
    const smtp = { host: 'mail.example.com', fromAddress: 'a@example.com', user: 'u', password: CANARY };
    await tenants.updateSettings(call, { smtp, tokens: { accessTokenSeconds: 300 } });
    const { after } = await told(call, 'tenant.settings_updated');
    expect(after).to.include({ 'smtp.host': 'mail.example.com', 'tokens.accessTokenSeconds': 300 });
    expect(after).not.to.have.property('smtp.password');
    await tenants.update(call, { name: 'Other' });
    expect(await told(call, 'tenant.updated')).to.deep.include({ before: { name: 'Acme' }, after: { name: 'Other' } });
  });

  it('of a client: its kind and metadata, and no secret', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    const redirectUris = ['https://app.example/cb'];
    await clients.create(call, { clientId: 'web', kind: 'web', redirectUris, clientSecret: CANARY });
    const { after } = await told(call, 'client.created');
    expect(after).to.include({ kind: 'web', status: 'active', tokenEndpointAuthMethod: 'client_secret_basic' });
    expect(after).to.deep.include({ redirectUris });
    await clients.update(call, 'web', { redirectUris: ['https://app.example/other'], firstParty: true });
    expect(await told(call, 'client.updated')).to.deep.equal({
      on: 'client:web',
      before: { firstParty: false, redirectUris },
      after: { firstParty: true, redirectUris: ['https://app.example/other'] },
    });
    await clients.disable(call, 'web');
    expect(await told(call, 'client.disabled')).to.deep.include({
      before: { status: 'active' },
      after: { status: 'disabled' },
    });
    await clients.remove(call, 'web');
    expect(await told(call, 'client.removed')).to.have.nested.property('before.kind', 'web');
  });

  it('of a role and of an API: what they allow', async () => {
    const call = await aTenant();
    const { access, apis } = rooms();
    const role = await access.createRole(call, { name: 'nurse', permissions: ['ward.beds:read'] });
    await access.updateRole(call, role.id, { permissions: ['ward.beds:read', 'ward.beds:write'] });
    expect(await told(call, 'role.updated')).to.deep.equal({
      on: 'role:nurse',
      before: { permissions: ['ward.beds:read'] },
      after: { permissions: ['ward.beds:read', 'ward.beds:write'] },
    });
    const api = await apis.create(call, { identifier: 'https://api.example', scopes: ['read'] });
    await apis.update(call, api.id, { scopes: ['read', 'write'] });
    expect(await told(call, 'api.updated')).to.deep.equal({
      on: 'api:https://api.example',
      before: { scopes: ['read'] },
      after: { scopes: ['read', 'write'] },
    });
  });

  it('nothing that anybody keeps secret', async () => {
    const call = as(await aTenant(), actor([], []));
    const { clients, users } = rooms();
    const system = as(call, { kind: 'system', name: 'test' });
    await users.create(system, { email: `ben-${newId()}@example.com`, password: `${CANARY}?` });
    await clients.create(system, { clientId: 'robot', kind: 'service', clientSecret: CANARY });
    const all = await rooms().audit.list(system, {}, { limit: 100 });
    expect(JSON.stringify(all)).not.to.include('canary');
  });
});
