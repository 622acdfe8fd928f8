import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { hmac } from '../../../src/kernel/secret.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, auditOf, NOON, operator, rooms } from '../../support/rooms.ts';

const web = { clientId: 'web', kind: 'web', redirectUris: ['https://app.example/cb'] } as const;
const SECRET = 'a-secret-of-at-least-thirty-two-characters';

const after = (call: TenantCall, seconds: number): TenantCall => ({ ...call, now: new Date(NOON.getTime() + seconds * 1000) });

/** Whether a secret opens the client at the call's moment. */
async function opens(call: TenantCall, clientId: string, secret: string): Promise<boolean> {
  const { secretHashes } = (await rooms().clients.findForCore(call, clientId))!;
  const key = await rooms().tenantKeys.keyFor(call, 'client-secret');
  return secretHashes.includes(hmac(key, secret).toString('base64url'));
}

async function aGrant({ tenantId }: TenantCall, clientId: string): Promise<void> {
  await pool()('oidc_grant').insert({ tenant_id: tenantId, id: `grant-${clientId}`, client_id: clientId, payload: '{}', expires_at: new Date('2099-01-01') });
}
const grantsOf = ({ tenantId }: TenantCall) => pool()('oidc_grant').where({ tenant_id: tenantId }).pluck('client_id');

describe('a new client', () => {
  it('is told its secret of 256 bits once, and only a keyed hash stays', async () => {
    const call = await aTenant();
    const { client, clientSecret } = await rooms().clients.create(call, { ...web, clientId: undefined });

    expect(clientSecret).to.match(/^[\w-]{43}$/);
    expect(client.clientId).to.match(/^[\w-]{22}$/);
    expect(await opens(call, client.clientId, clientSecret!)).to.equal(true);
    expect(JSON.stringify(await rooms().clients.findForCore(call, client.clientId))).not.to.include(clientSecret);
  });

  it('has the same secret under another hash in another tenant', async () => {
    const [acme, globex] = [await aTenant(), await aTenant()];
    for (const call of [acme, globex]) await rooms().clients.create(call, { ...web, clientSecret: SECRET });

    const hashes = [acme, globex].map(async (call) => (await rooms().clients.findForCore(call, 'web'))!.secretHashes[0]);
    expect(await hashes[0]).not.to.equal(await hashes[1]);
    expect(await opens(acme, 'web', SECRET)).to.equal(true);
  });

  it('without a secret gets none, and may not bring one', async () => {
    const call = await aTenant();
    const { clientSecret } = await rooms().clients.create(call, { ...web, kind: 'spa' });

    expect(clientSecret).to.equal(undefined);
    await expectFailure('client_invalid', rooms().clients.create(call, { ...web, clientId: 'two', kind: 'spa', clientSecret: SECRET }));
    await expectFailure('client_invalid', rooms().clients.create(call, { ...web, clientId: 'two', jwksUri: 'https://app.example/jwks', clientSecret: SECRET }));
  });

  it('does not bring a secret that can be guessed or mangled', async () => {
    const call = await aTenant();
    for (const clientSecret of ['', 'x'.repeat(31), 'x'.repeat(257), `${SECRET} `, `${SECRET}é`, `${SECRET}\n`]) {
      await expectFailure('client_invalid', rooms().clients.create(call, { ...web, clientSecret }));
    }
  });

  it('is taken only if the core would take it', async () => {
    const call = await aTenant();
    await expectFailure('client_invalid', rooms().clients.create(call, { ...web, tokenEndpointAuthMethod: 'client_secret_jwt' }));
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

describe('a client secret', () => {
  it('stays good beside its successor for the overlap, and no longer', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });

    const { secret, overlapUntil } = await rooms().clients.rotateSecret(call, 'web', { overlapSeconds: 60 });

    expect(overlapUntil).to.deep.equal(after(call, 60).now);
    expect([await opens(after(call, 59), 'web', SECRET), await opens(after(call, 59), 'web', secret)]).to.deep.equal([true, true]);
    expect([await opens(after(call, 60), 'web', SECRET), await opens(after(call, 60), 'web', secret)]).to.deep.equal([false, true]);
    expect((await rooms().clients.findForCore(call, 'web'))!.secretsUntil).to.deep.equal(overlapUntil);
  });

  it('is dead at once when it is rotated without overlap', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });
    await rooms().clients.rotateSecret(call, 'web');
    expect(await opens(call, 'web', SECRET)).to.equal(false);
  });

  it('is not given a longer life by the next rotation', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });
    await rooms().clients.rotateSecret(call, 'web', { overlapSeconds: 10 });
    await rooms().clients.rotateSecret(call, 'web', { overlapSeconds: 1_000 });
    expect(await opens(after(call, 11), 'web', SECRET)).to.equal(false);
  });

  it('can be one of several, up to a limit, and be taken away alone', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    await clients.create(call, { ...web, clientSecret: SECRET });
    const added = await clients.addSecret(call, 'web');
    for (let n = 2; n < 5; n++) await clients.addSecret(call, 'web');
    await expectFailure('conflict', clients.addSecret(call, 'web'));

    const oldest = (await clients.listSecrets(call, 'web')).at(-1)!;
    await clients.removeSecret(call, 'web', oldest.id);
    expect([await opens(call, 'web', SECRET), await opens(call, 'web', added)]).to.deep.equal([false, true]);
    await expectFailure('not_found', clients.removeSecret(call, 'web', oldest.id));
  });

  it('is not for clients without one, nor for those of another tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    await rooms().clients.create(call, { ...web, kind: 'spa' });
    await expectFailure('client_invalid', rooms().clients.addSecret(call, 'web'));
    await expectFailure('client_not_found', rooms().clients.rotateSecret(other, 'web'));
    for (const overlapSeconds of [-1, 1.5, Number.NaN, 91 * 86_400]) await expectFailure('invalid_input', rooms().clients.rotateSecret(call, 'web', { overlapSeconds }));
  });

  it('never stands in the audit trail', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });
    const { secret } = await rooms().clients.rotateSecret(call, 'web');
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'client.created', 'client.credential_rotated']);
    const rows = JSON.stringify(await pool().transaction(async (db) => {
      await db.raw(`select set_config('gatehouse.tenant', ?, true)`, [call.tenantId]);
      return db('audit_events').where({ tenant_id: call.tenantId });
    }));
    expect(rows).not.to.include(SECRET).and.not.to.include(secret);
  });
});

describe('a change of a client', () => {
  it('keeps what it does not name and writes nothing when nothing changes', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    await clients.create(call, { ...web, logoUri: 'https://app.example/logo.png', firstParty: true });

    const changed = await clients.update(after(call, 1), 'web', { name: 'My app', logoUri: null });
    const again = await clients.update(after(call, 2), 'web', { name: 'My app', redirectUris: ['https://app.example/cb'] });

    expect(changed).to.include({ name: 'My app', firstParty: true });
    expect(changed.metadata).not.to.have.property('logo_uri');
    expect(again.updatedAt).to.deep.equal(after(call, 1).now);
  });

  it('brings the defaults of another kind', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, web);
    const { metadata } = await rooms().clients.update(call, 'web', { kind: 'spa', redirectUris: ['https://app.example/cb'] });
    expect(metadata).to.include({ token_endpoint_auth_method: 'none' });
  });

  it('is announced to the other nodes, that of a secret too', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, web);
    const news = () => pool()('changes').where({ topic: `client:${call.tenantId}:web` }).pluck('id');
    const before = await news();
    await rooms().clients.rotateSecret(call, 'web');
    expect((await news()).length).to.be.greaterThan(before.length);
  });

  it('does not reach the client of another tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    await rooms().clients.create(call, web);
    const { clients } = rooms();
    for (const work of [clients.get, clients.disable, clients.enable, clients.remove]) await expectFailure('client_not_found', work(other, 'web'));
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
    expect((await auditOf(call)).filter((action) => /abled$/.test(action))).to.deep.equal(['client.disabled', 'client.enabled']);
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

describe('a registration through the core', () => {
  const registration = { client_id: 'reg_1', client_name: 'Theirs', client_secret: SECRET, redirect_uris: ['https://their.example/cb'], grant_types: ['authorization_code'] };

  it('is kept at the strictest, whatever it says of itself', async () => {
    const call = await aTenant();
    const greedy = { ...registration, first_party: true, pkce_required: false, resource_servers: ['https://api.example'], api_scopes: ['all'], client_secret_expires_at: 0 };
    await rooms().clients.saveRegistered(call, greedy);

    const client = await rooms().clients.get(call, 'reg_1');
    expect(client).to.include({ registered: true, firstParty: false, pkceRequired: true, name: 'Theirs', kind: 'web' });
    expect(client.metadata).to.deep.equal({ redirect_uris: ['https://their.example/cb'], grant_types: ['authorization_code'] });
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
    const found = await rooms().clients.findNamed({ ...acme, ...operator() }, [{ tenantId: globex.tenantId, clientId: 'web' }]);
    expect(found).to.deep.equal([]);
  });
});
