import { expect } from 'chai';
import { opens, SECRET, web } from '../../support/client-secrets.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, operator, rooms } from '../../support/rooms.ts';

describe('a registration through the core', () => {
  const registration = {
    client_id: 'reg_1',
    client_name: 'Theirs',
    client_secret: SECRET,
    redirect_uris: ['https://their.example/cb'],
    grant_types: ['authorization_code'],
  };

  it('is kept at the strictest, whatever it says of itself', async () => {
    const call = await aTenant();
    const greedy = {
      ...registration,
      first_party: true,
      pkce_required: false,
      resource_servers: ['https://api.example'],
      api_scopes: ['all'],
      client_secret_expires_at: 0,
    };
    await rooms().clients.saveRegistered(call, greedy);

    const client = await rooms().clients.get(call, 'reg_1');
    expect(client).to.include({ registered: true, firstParty: false, pkceRequired: true, name: 'Theirs', kind: 'web' });
    expect(client.metadata).to.deep.equal({
      redirect_uris: ['https://their.example/cb'],
      grant_types: ['authorization_code'],
    });
    expect(await opens(call, 'reg_1', SECRET)).to.equal(true);
    expect(await rooms().clients.countRegistered(call)).to.equal(1);
  });

  it('keeps its secret when the core saves it as it read it, and has one when it changes', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    await clients.saveRegistered(call, registration);
    const { secretHashes } = (await clients.findForCore(call, 'reg_1'))!;

    await clients.saveRegistered(call, { ...registration, client_secret: secretHashes.join(' ') });
    expect(await opens(call, 'reg_1', SECRET)).to.equal(true);

    await clients.saveRegistered(call, { ...registration, client_secret: `${SECRET}2` });
    expect([await opens(call, 'reg_1', SECRET), await opens(call, 'reg_1', `${SECRET}2`)]).to.deep.equal([false, true]);
  });

  it('leaves what the tenant has said of the client, and is never first-party', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    await clients.saveRegistered(call, registration);
    const said = { allowedIps: ['203.0.113.0/24'], rateLimitPerMinute: 5, scopes: ['read'] };
    await clients.update(call, 'reg_1', said);
    await expectFailure('client_invalid', clients.update(call, 'reg_1', { firstParty: true }));

    await clients.saveRegistered(call, { ...registration, client_name: 'Other' });
    const { allowedIps, rateLimitPerMinute, apiScopes, name } = await clients.get(call, 'reg_1');
    expect({ allowedIps, rateLimitPerMinute, scopes: apiScopes, name }).to.deep.equal({ ...said, name: 'Other' });
  });

  it('does not take over a client of the tenant', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientId: 'reg_1' });
    await expectFailure('client_taken', rooms().clients.saveRegistered(call, registration));
  });
});

describe('clients of several tenants', () => {
  it('are found by pairs, never by id alone', async () => {
    const [acme, globex] = [await aTenant(), await aTenant()];
    await rooms().clients.create(acme, web);
    const found = await rooms().clients.findNamed({ ...acme, ...operator() }, [
      { tenantId: globex.tenantId, clientId: 'web' },
    ]);
    expect(found).to.deep.equal([]);
  });
});
