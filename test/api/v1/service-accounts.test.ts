import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { sender } from '../../support/api.ts';
import { API, type Site } from '../../support/node.ts';
import { basic, eventually, post } from '../../support/oauth.ts';
import { auditOf } from '../../support/rooms.ts';
import { servingV1 } from '../../support/v1.ts';

const ACCOUNTS = '/api/v1/service-accounts';
const NODES = '/api/v1/nodes';

describe('service accounts over v1', () => {
  const { node, signIn, operator, site } = servingV1();

  const tokenOf = async (at: Site, id: string, secret: string, form: Record<string, string> = {}) => {
    const request = { grant_type: 'client_credentials', resource: `${at.issuer}/api`, ...form };
    return post(node(), at, '/oauth/token', request, basic(id, secret));
  };
  const asBearer = (token: string) => (path: string) =>
    sender(() => node().port)('GET', path, { headers: { authorization: `Bearer ${token}` } });

  it('are made by an operator in any tenant, and do there what their scopes allow', async () => {
    const [{ as }, theirs] = [await operator(), await signIn()];
    const { tenantId } = theirs.tokens.user;
    const body = { name: 'Billing', tenantId, scopes: ['iam.nodes:read', 'read'], description: 'At night' };
    const { status, body: account } = await as('POST', ACCOUNTS, { body });
    expect([status, account.tenantId, account.description]).to.deep.equal([201, tenantId, 'At night']);
    expect(account.clientId).to.match(/^svc_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(account.scopes).to.deep.equal(['iam.nodes:read', 'read']);

    expect((await auditOf(theirs.site.call)).slice(-3)).to.deep.equal([
      'client.created',
      'role.created',
      'client.roles_changed',
    ]);

    const { access_token: token } = (await tokenOf(theirs.site, account.clientId, account.clientSecret)).body;
    expect(decodeJwt(token)).to.include({ sub: account.clientId });
    const ask = asBearer(token);
    expect((await ask(NODES)).status).to.equal(200);
    expect((await ask('/api/v1/roles')).status).to.equal(403);
    expect((await ask(ACCOUNTS)).status).to.equal(403);
    const read = await tokenOf(theirs.site, account.clientId, account.clientSecret, {
      resource: API,
      scope: 'read write',
    });
    expect(read.body.scope).to.equal('read');
    const { data } = (await as('GET', ACCOUNTS)).body;
    const { clientSecret: _, ...shown } = account;
    expect(data[0]).to.deep.equal(shown);
  });

  it('are in the operator’s own tenant unless told', async () => {
    const { as, tokens } = await operator();
    const { body } = await as('POST', ACCOUNTS, { body: { name: 'Own', scopes: [] } });
    expect([body.tenantId, body.description, body.scopes]).to.deep.equal([tokens.user.tenantId, null, []]);
  });

  it('change their secret with an overlap, and end at once', async () => {
    const [{ as }, at] = [await operator(), await site()];
    const { tenantId } = (await signIn(at)).tokens.user;
    const body = { name: 'Billing', tenantId, scopes: ['iam.nodes:read'] };
    const { id, clientSecret: first } = (await as('POST', ACCOUNTS, { body })).body;
    const works = async (secret: string) => (await tokenOf(at, id, secret)).status === 200;
    expect(await works(first)).to.equal(true);
    const second = (await as('POST', `${ACCOUNTS}/${id}/rotate`)).body;
    expect(second.clientId).to.equal(id);
    await eventually('the second works', () => works(second.clientSecret));
    expect(await works(first)).to.equal(true);
    const { access_token: token } = (await tokenOf(at, id, first)).body;
    expect((await as('DELETE', `${ACCOUNTS}/${id}`)).status).to.equal(204);
    expect((await asBearer(token)(NODES)).status).to.equal(401);
    await eventually('it gets no token', async () => !(await works(second.clientSecret)));
    expect((await node().house.services.access.list(at.call, { search: 'svc_' })).total).to.equal(0);
    for (const [method, path] of [
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const)
      expect((await as(method, `${ACCOUNTS}/${id}${path}`)).body.error).to.equal('IDENT_CLIENT_NOT_FOUND');
  });

  it('are not for anybody else, and not of what is no permission of ours', async () => {
    const [{ as }, admin] = [await operator(), await signIn()];
    for (const [method, path, more] of [
      ['GET', ACCOUNTS, {}],
      ['POST', ACCOUNTS, { body: { name: 'Mine', scopes: [] } }],
    ] as const)
      expect((await admin.as(method, path, more)).body.error).to.equal('IDENT_FORBIDDEN');
    const make = async (body: object) => (await as('POST', ACCOUNTS, { body: { name: 'X', ...body } })).status;
    expect(await make({ scopes: ['iam.nothing:read'] })).to.equal(400);
    expect(await make({ scopes: ['two words'] })).to.equal(422);
    expect(await make({ scopes: [], tenantId: 'ten_01HZX3F5T8Q2M4N6P7R9S0V1W3' })).to.equal(404);
    // A client that is none is not reached from here, whatever its tenant.
    const { body: client } = await admin.as('POST', '/api/v1/clients', {
      body: { kind: 'service', client_id: 'svc_01HZX3F5T8Q2M4N6P7R9S0V1WC' },
    });
    expect((await as('DELETE', `${ACCOUNTS}/${client.id}`)).status).to.equal(404);
  });
});
