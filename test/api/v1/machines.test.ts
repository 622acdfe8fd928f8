import { expect } from 'chai';
import { decodeJwt } from 'jose';
import * as openid from 'openid-client';
import { jobIds } from '../../../src/api/v1/ids.ts';
import { PERMISSIONS } from '../../../src/domain/access/role.ts';
import { sender } from '../../support/api.ts';
import { API, aSite, fetchAt, ROBOT, ROBOT_SECRET, type Site, WEB } from '../../support/node.ts';
import { auditOf } from '../../support/rooms.ts';
import { servingV1 } from '../../support/v1.ts';

const NODES = '/api/v1/nodes';

describe('a machine at v1', () => {
  const { node, signIn } = servingV1();
  const services = () => node().house.services;

  /** An access token that the client gets by its own credentials. */
  async function tokenOf(
    { issuer }: Site,
    options: Partial<{ resource: string; clientId: string; dpop: boolean }> = {},
  ) {
    const { resource = `${issuer}/api`, clientId = 'robot' } = options;
    const config = await openid.discovery(new URL(issuer), clientId, ROBOT_SECRET, undefined, {
      execute: [openid.allowInsecureRequests],
      [openid.customFetch]: fetchAt(node()) as never,
    });
    const DPoP = options.dpop && openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'));
    return openid.clientCredentialsGrant(config, { resource }, DPoP ? { DPoP } : undefined);
  }
  const as = (token: string) => {
    const send = sender(() => node().port);
    return (method: string, path: string, body?: object) =>
      send(method, path, { headers: { authorization: `Bearer ${token}` }, ...(body && { body }) });
  };

  it('may do what its roles allow, and its token names them', async () => {
    const site = await aSite(node(), { clients: [ROBOT] });
    await services().access.createRole(site.call, {
      name: 'gardener',
      permissions: ['iam.nodes:read', 'iam.nodes:write'],
    });
    await services().access.setClientRoles(site.call, 'robot', ['gardener']);
    const { access_token: token } = await tokenOf(site);
    expect(decodeJwt(token)).to.deep.include({ roles: ['gardener'], sub: 'robot', aud: `${site.issuer}/api` });

    const ask = as(token);
    expect((await ask('POST', NODES, { type: 'team', name: 'Night' })).status).to.equal(201);
    expect((await ask('GET', NODES)).body.total).to.equal(2);
    expect((await ask('GET', '/api/v1/roles')).body.error).to.equal('IDENT_FORBIDDEN');
    expect((await ask('GET', '/api/v1/me')).body.error).to.equal('IDENT_FORBIDDEN');
    expect(await auditOf(site.call)).to.include('node.created');
  });

  it('follows and ends its own long work, and sees nobody else’s', async () => {
    const site = await aSite(node(), { clients: [ROBOT] });
    await services().access.setClientRoles(site.call, 'robot', ['TENANT_ADMIN']);
    const ask = as((await tokenOf(site)).access_token);
    const hook = await ask('POST', '/api/v1/webhooks', { url: 'https://hooks.example/', events: ['*'] });
    const { body } = await ask('POST', `/api/v1/webhooks/${hook.body.id}/redeliver`, { since: '2026-01-01T00:00:00Z' });
    const own = `/api/v1/jobs/${body.jobId}`;
    // From here on it is its maker and no more: without the role the permission of the kind is gone.
    await services().access.setClientRoles(site.call, 'robot', []);
    expect((await ask('GET', own)).body).to.include({ id: body.jobId, state: 'queued' });
    expect((await ask('GET', '/api/v1/jobs')).body.total).to.equal(1);
    const theirs = await services().jobs.create(site.call, 'webhook-redelivery', { input: {} });
    expect((await ask('GET', `/api/v1/jobs/${jobIds.encode(theirs.id)}`)).body.error).to.equal('IDENT_JOB_NOT_FOUND');
    expect((await ask('GET', '/api/v1/jobs')).body.total).to.equal(1);
    expect((await ask('POST', `${own}/cancel`)).body.state).to.equal('cancelled');
  });

  it('may do nothing without a role, and nothing more from the moment it loses one', async () => {
    const site = await aSite(node(), { clients: [ROBOT] });
    const ask = as((await tokenOf(site)).access_token);
    expect((await ask('GET', NODES)).status).to.equal(403);
    await services().access.setClientRoles(site.call, 'robot', ['AUDITOR']);
    expect((await ask('GET', NODES)).status).to.equal(200);
    await services().access.setClientRoles(site.call, 'robot', []);
    expect((await ask('GET', NODES)).status).to.equal(403);
  });

  it('is nobody any more, the moment it is disabled or its tenant is suspended', async () => {
    const site = await aSite(node(), { clients: [ROBOT] });
    await services().access.setClientRoles(site.call, 'robot', ['AUDITOR']);
    const ask = as((await tokenOf(site)).access_token);
    await services().clients.disable(site.call, 'robot');
    expect((await ask('GET', NODES)).status).to.equal(401);
    await services().clients.enable(site.call, 'robot');
    expect((await ask('GET', NODES)).status).to.equal(200);
    await services().tenants.suspend(site.call);
    expect((await ask('GET', NODES)).status).to.equal(401);
  });

  it('grants no more than it holds, whatever its name', async () => {
    const site = await aSite(node(), { clients: [{ ...ROBOT, clientId: 'TENANT_ADMIN' }] });
    await services().access.createRole(site.call, {
      name: 'clerk',
      permissions: ['iam.roles:write', 'iam.users:read'],
    });
    await services().access.setClientRoles(site.call, 'TENANT_ADMIN', ['clerk']);
    const ask = as((await tokenOf(site, { clientId: 'TENANT_ADMIN' })).access_token);
    const make = async (permission: string) =>
      (await ask('POST', '/api/v1/roles', { name: 'mine', displayName: 'Mine', permissions: [permission] })).status;
    expect([await make('iam.users:delete'), await make('ward.beds:read'), await make('iam.users:read')]).to.deep.equal([
      403, 403, 201,
    ]);
  });

  it('with every permission there is does nothing that is for people, operators or another tenant', async () => {
    const [site, other] = [await aSite(node(), { clients: [ROBOT] }), await signIn()];
    await services().access.createRole(site.call, { name: 'all', permissions: [...PERMISSIONS] });
    await services().access.setClientRoles(site.call, 'robot', ['all']);
    const ask = as((await tokenOf(site)).access_token);
    const foreign = await other.as('POST', NODES, { body: { type: 'team', name: 'Theirs' } });
    expect((await ask('GET', `${NODES}/${foreign.body.id}`)).status).to.equal(404);
    expect((await ask('GET', `${NODES}?tenant=${other.site.slug}`)).body.error).to.equal('IDENT_CROSS_TENANT');
    expect((await ask('GET', '/api/v1/me/access-context')).status).to.equal(403);
  });

  it('shows a token that is for this API, and not bound to a key that nobody shows here', async () => {
    const site = await aSite(node(), { clients: [ROBOT] });
    await services().access.setClientRoles(site.call, 'robot', ['AUDITOR']);
    for (const options of [{ resource: API }, { dpop: true }]) {
      const { access_token: token } = await tokenOf(site, options);
      expect((await as(token)('GET', NODES)).status, JSON.stringify(options)).to.equal(401);
    }
  });

  it('gets no token for this API in the name of a person', async () => {
    const site = await aSite(node(), { clients: [WEB] });
    const url = new URL(`${site.issuer}/oauth/authorize`);
    for (const [name, value] of Object.entries({
      client_id: 'web',
      response_type: 'code',
      redirect_uri: WEB.redirectUris![0]!,
      scope: 'openid',
      resource: `${site.issuer}/api`,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }))
      url.searchParams.set(name, value);
    const answer = await fetchAt(node())(url, { redirect: 'manual' });
    expect(answer.headers.get('location')).to.include('error=invalid_target');
  });
});
