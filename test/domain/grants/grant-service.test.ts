import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { aBrowser } from '../../support/browser.ts';
import { expectFailure } from '../../support/expect.ts';
import { API, aSite, CALLBACK, type Site, startNode, type TestNode, WEB } from '../../support/node.ts';
import { aCode, authorizeUrl, introspect, post, refresh, someTokens } from '../../support/oauth.ts';
import { whileUncommitted } from '../../support/race.ts';

const THIRD = { ...WEB, clientId: 'third', name: 'Third Party', firstParty: false, clientUri: 'https://third.example' };

describe('what a user allowed applications', () => {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode();
  });
  after(() => node.stop());

  const grantsOf = ({ call, user }: Site) => node.house.services.grants.list(call, user);
  const auditOf = (call: TenantCall) =>
    inTransaction(call, ({ db }) =>
      db('audit_events').where({ tenant_id: call.tenantId, action: 'grant.revoked' }).select('target', 'details'),
    );

  it('is listed by application, with all scopes of its grants and since when', async () => {
    const site = await aSite(node, { clients: [WEB, THIRD] });
    const { browser } = await someTokens(node, site, { scope: 'openid email' });
    await aCode(node, site, { scope: 'openid profile read', resource: API });
    const asked = await browser.go(authorizeUrl(site, { client_id: 'third' }));
    await browser.submit(asked, { action: 'allow' });

    const [latest, first, ...rest] = await grantsOf(site);
    expect(rest).to.deep.equal([]);
    expect(latest).to.include({ clientId: 'third', name: 'Third Party', firstParty: false });
    expect(latest!.siteUrl).to.equal('https://third.example');
    expect(first).to.include({ clientId: 'web', firstParty: true });
    expect(first!.scopes).to.have.members(['openid', 'email', 'profile']);
    expect(first!.apis).to.deep.equal([{ identifier: API, scopes: ['read'] }]);
    expect(Math.abs(first!.since.getTime() - Date.now())).to.be.lessThan(60_000);
  });

  it('is not that of another user, of another tenant, or of the house’s own clients', async () => {
    const site = await aSite(node);
    const { call, slug } = site;
    const bob = await node.house.services.users.create(call, { email: `bob@${slug}.test`, status: 'active' });
    await someTokens(node, site);
    await aBrowser(node).signIn(`${site.issuer}/account`, site.email);

    expect((await grantsOf(site)).map(({ clientId }) => clientId)).to.deep.equal(['web']);
    expect(await grantsOf({ ...site, user: bob.id })).to.deep.equal([]);
    expect(await grantsOf({ ...site, call: (await aSite(node)).call })).to.deep.equal([]);
  });

  it('ends at once when it is revoked, tokens and codes; the session goes on', async () => {
    const site = await aSite(node, { clients: [WEB, THIRD] });
    const { call, user } = site;
    const { access_token, refresh_token, browser } = await someTokens(node, site);
    const pending = await aCode(node, site, {}, browser);

    await node.house.services.grants.revoke(call, user, 'web');

    expect((await introspect(node, site, access_token)).body).to.deep.equal({ active: false });
    expect((await refresh(node, site, refresh_token)).body).to.include({ error: 'invalid_grant' });
    expect((await pending.redeem()).body).to.include({ error: 'invalid_grant' });
    const [session] = await node.house.services.sessions.list(call, user);
    expect(session?.clients, 'the application has left the session').to.deep.equal([]);
    expect((await browser.go(authorizeUrl(site, { prompt: 'none' }))).url.searchParams.get('code')).to.be.a('string');
    expect(await auditOf(call)).to.deep.equal([{ target: 'client:web', details: { userId: user, grants: 1 } }]);
  });

  it('ends offline access too, whose session is long over', async () => {
    const site = await aSite(node);
    const [browser, verifier] = [aBrowser(node), 'v'.repeat(43)];
    const asked = await browser.signIn(
      authorizeUrl(site, { scope: 'openid offline_access', prompt: 'consent' }, verifier),
      site.email,
    );
    const back = await browser.submit(asked, { action: 'allow' });
    const form = {
      grant_type: 'authorization_code',
      code: back.url.searchParams.get('code')!,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    };
    const offline = (await post(node, site, '/oauth/token', form)).body.refresh_token;
    await browser.submit(await browser.go(`${site.issuer}/oauth/logout`), { logout: 'yes' });
    const next = (await refresh(node, site, offline)).body.refresh_token;

    await node.house.services.grants.revoke(site.call, site.user, 'web');
    expect((await refresh(node, site, next)).body).to.include({ error: 'invalid_grant' });
  });

  it('issues nothing more to a request that was under way', async () => {
    const site = await aSite(node);
    const pending = await aCode(node, site);
    const outcome = await whileUncommitted(
      node.house.db,
      (hold) =>
        inTransaction(site.call, async (tx) => {
          await node.house.services.grants.revoke(tx, site.user, 'web');
          await hold();
        }),
      () => pending.redeem(),
    );
    expect(outcome.status === 'fulfilled' && outcome.value.body).to.include({ error: 'invalid_grant' });
    expect(await node.house.db('oidc_grant').where({ tenant_id: site.tenantId })).to.deep.equal([]);
  });

  it('leaves other applications and other users alone', async () => {
    const site = await aSite(node, { clients: [WEB, THIRD] });
    const { call, user, slug } = site;
    const bob = `bob@${slug}.test`;
    const { id } = await node.house.services.users.create(call, {
      email: bob,
      status: 'active',
      password: 'correct horse battery staple',
    });
    const { browser } = await someTokens(node, site);
    await browser.submit(await browser.go(authorizeUrl(site, { client_id: 'third' })), { action: 'allow' });
    await someTokens(node, { ...site, email: bob });

    await node.house.services.grants.revoke(call, user, 'web');
    expect((await grantsOf(site)).map(({ clientId }) => clientId)).to.deep.equal(['third']);
    expect((await grantsOf({ ...site, user: id })).map(({ clientId }) => clientId)).to.deep.equal(['web']);
  });

  it('is told to the application that wants to hear of logouts, once a session', async () => {
    const listens = {
      ...WEB,
      backchannelLogoutUri: 'http://127.0.0.1:9/logout',
      backchannelLogoutSessionRequired: true,
    };
    const site = await aSite(node, { clients: [listens] });
    await someTokens(node, site);
    await someTokens(node, site);
    await node.house.services.grants.revoke(site.call, site.user, 'web');

    const owed = await node.house.db('outbox').where({ tenant_id: site.tenantId }).pluck('payload');
    expect(owed.map(({ clientId, accountId }) => [clientId, accountId])).to.deep.equal([
      ['web', site.user],
      ['web', site.user],
    ]);
    expect(new Set(owed.map(({ sid }) => sid)).size, 'one a session').to.equal(2);
    await node.house.services.sessions.endAll(site.call, site.user);
    expect(await node.house.db('outbox').where({ tenant_id: site.tenantId })).to.have.length(2);
  });

  it('cannot be revoked where there is nothing, twice, for a client of the house, or from another tenant', async () => {
    const site = await aSite(node);
    const { call, user } = site;
    const { grants } = node.house.services;
    await someTokens(node, site);
    await aBrowser(node).signIn(`${site.issuer}/account`, site.email);
    for (const clientId of ['none', 'gatehouse-account', "web' or true"])
      await expectFailure('grant_not_found', grants.revoke(call, user, clientId));
    await expectFailure('grant_not_found', grants.revoke((await aSite(node)).call, user, 'web'));
    await grants.revoke(call, user, 'web');
    await expectFailure('grant_not_found', grants.revoke(call, user, 'web'));
  });

  it('is listed up to a number', async () => {
    const site = await aSite(node);
    const clients = Array.from({ length: LIMITS.grantedClients + 1 }, (_, n) => `c${n}`);
    await inTransaction(site.call, async ({ db, tenantId, now }) => {
      const about = { kind: 'web', status: 'active', metadata: {}, created_at: now, updated_at: now };
      await db('clients').insert(
        clients.map((client_id) => ({ tenant_id: tenantId, client_id, name: client_id, ...about })),
      );
      const payload = { iat: 1, openid: { scope: 'openid' } };
      const grant = { tenant_id: tenantId, account_id: site.user, payload, expires_at: new Date(Date.now() + 60_000) };
      await db('oidc_grant').insert(clients.map((client_id) => ({ ...grant, id: client_id, client_id })));
    });
    expect(await grantsOf(site)).to.have.length(LIMITS.grantedClients);
  });
});
