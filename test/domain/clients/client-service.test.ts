import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { inSeconds, opens, SECRET, web } from '../../support/client-secrets.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, auditOf, rooms } from '../../support/rooms.ts';

async function aGrant({ tenantId }: TenantCall, clientId: string): Promise<void> {
  await pool()('oidc_grant').insert({
    tenant_id: tenantId,
    id: `grant-${clientId}`,
    client_id: clientId,
    payload: '{}',
    expires_at: new Date('2099-01-01'),
  });
}
const grantsOf = ({ tenantId }: TenantCall) => pool()('oidc_grant').where({ tenant_id: tenantId }).pluck('client_id');

describe('a new client', () => {
  it('is told its secret of 256 bits once, and only a keyed hash stays', async () => {
    const call = await aTenant();
    const { client, clientSecret } = await rooms().clients.create(call, { ...web, clientId: undefined });

    expect(clientSecret).to.match(/^[\w-]{43}$/);
    expect(client.clientId).to.match(/^cli_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(await opens(call, client.clientId, clientSecret!)).to.equal(true);
    expect(JSON.stringify(await rooms().clients.findForCore(call, client.clientId))).not.to.include(clientSecret);
  });

  it('has the same secret under another hash in another tenant', async () => {
    const [acme, globex] = [await aTenant(), await aTenant()];
    for (const call of [acme, globex]) await rooms().clients.create(call, { ...web, clientSecret: SECRET });

    const hashes = [acme, globex].map(
      async (call) => (await rooms().clients.findForCore(call, 'web'))!.secretHashes[0],
    );
    expect(await hashes[0]).not.to.equal(await hashes[1]);
    expect(await opens(acme, 'web', SECRET)).to.equal(true);
  });

  it('without a secret gets none, and may not bring one', async () => {
    const call = await aTenant();
    const { clientSecret } = await rooms().clients.create(call, { ...web, kind: 'spa' });

    expect(clientSecret).to.equal(undefined);
    await expectFailure(
      'client_invalid',
      rooms().clients.create(call, { ...web, clientId: 'two', kind: 'spa', clientSecret: SECRET }),
    );
    await expectFailure(
      'client_invalid',
      rooms().clients.create(call, {
        ...web,
        clientId: 'two',
        jwksUri: 'https://app.example/jwks',
        clientSecret: SECRET,
      }),
    );
  });

  it('does not bring a secret that can be guessed or mangled', async () => {
    const call = await aTenant();
    for (const clientSecret of ['', 'x'.repeat(31), 'x'.repeat(257), `${SECRET} `, `${SECRET}é`, `${SECRET}\n`]) {
      await expectFailure('client_invalid', rooms().clients.create(call, { ...web, clientSecret }));
    }
  });

  it('is taken only if the core would take it', async () => {
    const call = await aTenant();
    await expectFailure(
      'client_invalid',
      rooms().clients.create(call, { ...web, tokenEndpointAuthMethod: 'client_secret_jwt' }),
    );
    await expectFailure('client_invalid', rooms().clients.create(call, { ...web, idTokenSignedResponseAlg: 'none' }));
    await expectFailure('client_invalid', rooms().clients.create(call, { ...web, contacts: ['nobody'] }));
    expect((await rooms().clients.list(call)).total).to.equal(0);
  });

  it('has an id that is free in its tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    await rooms().clients.create(call, web);
    await expectFailure('client_taken', rooms().clients.create(call, web));
    await rooms().clients.create(other, web);
  });
});

describe('a change of a client', () => {
  it('keeps what it does not name and writes nothing when nothing changes', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    await clients.create(call, { ...web, logoUri: 'https://app.example/logo.png', firstParty: true });

    const changed = await clients.update(inSeconds(call, 1), 'web', { name: 'My app', logoUri: null });
    const again = await clients.update(inSeconds(call, 2), 'web', {
      name: 'My app',
      redirectUris: ['https://app.example/cb'],
    });

    expect(changed).to.include({ name: 'My app', firstParty: true });
    expect(changed.metadata).not.to.have.property('logo_uri');
    expect(again.updatedAt).to.deep.equal(inSeconds(call, 1).now);
  });

  it('brings the defaults of another kind', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, web);
    const { metadata } = await rooms().clients.update(call, 'web', {
      kind: 'spa',
      redirectUris: ['https://app.example/cb'],
    });
    expect(metadata).to.include({ token_endpoint_auth_method: 'none' });
  });

  it('is announced to the other nodes, that of a secret too', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, web);
    const news = () =>
      pool()('changes')
        .where({ topic: `client:${call.tenantId}:web` })
        .pluck('id');
    const before = await news();
    await rooms().clients.rotateSecret(call, 'web');
    expect((await news()).length).to.be.greaterThan(before.length);
  });

  it('does not reach the client of another tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    await rooms().clients.create(call, web);
    const { clients } = rooms();
    for (const work of [clients.get, clients.disable, clients.enable, clients.remove])
      await expectFailure('client_not_found', work(other, 'web'));
    await expectFailure('client_not_found', clients.update(other, 'web', { name: 'X' }));
    expect(await clients.findForCore(other, 'web')).to.equal(undefined);
  });
});

describe('a client that is shut out', () => {
  it('loses all it was given, and gets nothing back when it returns', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    for (const clientId of ['web', 'other']) {
      await clients.create(call, { ...web, clientId });
      await aGrant(call, clientId);
    }

    await clients.disable(call, 'web');
    expect((await clients.disable(call, 'web')).status).to.equal('disabled');
    await clients.enable(call, 'web');

    expect(await grantsOf(call)).to.deep.equal(['other']);
    expect((await auditOf(call)).filter((action) => /abled$/.test(action))).to.deep.equal([
      'client.disabled',
      'client.enabled',
    ]);
  });

  it('for good takes its secrets and grants along', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    await clients.create(call, web);
    await aGrant(call, 'web');

    await clients.remove(call, 'web');
    expect(await grantsOf(call)).to.deep.equal([]);
    expect(await clients.findForCore(call, 'web')).to.equal(undefined);
    await expectFailure('client_not_found', clients.remove(call, 'web'));
  });
});
