import { expect } from 'chai';
import type { TenantCall } from '../../src/kernel/call.ts';
import { inTransaction } from '../../src/kernel/call.ts';
import { API, aSite, type Site, startNode, type TestNode, WEB, WEB_SECRET } from '../support/node.ts';
import {
  AS_WEB,
  anotherAdmin,
  authorizeUrl,
  basic,
  introspect,
  isLogin,
  refresh,
  someTokens,
} from '../support/oauth.ts';

describe('refresh tokens', () => {
  let node: TestNode;
  let second: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    second = await startNode({ publicUrl: node.url });
    site = await aSite(node, { clients: [WEB, { ...WEB, clientId: 'other' }] });
  });
  after(async () => {
    await second.stop();
    await node.stop();
  });

  const login = (at: Site = site, changes = {}) => someTokens(node, at, changes);
  const auditOf = (call: TenantCall) =>
    inTransaction(call, ({ db }) => db('audit_events').where({ tenant_id: call.tenantId }).pluck('action')) as Promise<
      string[]
    >;

  /** As if the last rotation of every family of the tenant had been so long ago. */
  const age = (seconds: number, tenantId = site.tenantId) =>
    node.house
      .db('oidc_refresh_chain')
      .where({ tenant_id: tenantId })
      .update({ rotated_at: node.house.db.raw('now() - make_interval(secs => ?)', [seconds]) });

  it('change with each use', async () => {
    const { refresh_token } = await login();
    const next = (await refresh(node, site, refresh_token)).body.refresh_token;
    expect(next).to.be.a('string').and.not.equal(refresh_token);
    expect((await refresh(node, site, next)).status).to.equal(200);
  });

  it('that are repeated inside the grace by the same device give the same successor', async () => {
    const { refresh_token } = await login();
    const [first, again] = [await refresh(node, site, refresh_token), await refresh(second, site, refresh_token)];
    expect([first.status, again.status]).to.deep.equal([200, 200]);
    expect(again.body.refresh_token).to.equal(first.body.refresh_token);
  });

  it('that are repeated inside the grace by another device are a replay', async () => {
    const { refresh_token } = await login();
    const { refresh_token: next } = (await refresh(node, site, refresh_token, {}, { ...AS_WEB, 'user-agent': 'owner' }))
      .body;
    expect((await refresh(node, site, refresh_token, {}, { ...AS_WEB, 'user-agent': 'thief' })).body).to.include({
      error: 'invalid_grant',
    });
    expect((await refresh(node, site, next, {}, { ...AS_WEB, 'user-agent': 'owner' })).body).to.include({
      error: 'invalid_grant',
    });
  });

  it('that come again after the grace end the family and its session (OA29)', async () => {
    const its = await aSite(node);
    const { refresh_token, browser } = await login(its);
    const next = (await refresh(node, its, refresh_token)).body;
    await age(11, its.tenantId);
    expect((await refresh(node, its, refresh_token)).body).to.include({ error: 'invalid_grant' });
    expect((await refresh(node, its, next.refresh_token)).body).to.include({ error: 'invalid_grant' });
    expect((await introspect(node, its, next.access_token)).body).to.deep.equal({ active: false });
    expect(isLogin(await browser.go(authorizeUrl(its)))).to.equal(true);
    expect(await auditOf(its.call)).to.include('session.ended');
  });

  it('two generations old are a replay also inside the grace', async () => {
    const { refresh_token } = await login();
    const next = (await refresh(node, site, refresh_token)).body.refresh_token;
    const newest = (await refresh(node, site, next)).body.refresh_token;
    expect((await refresh(node, site, refresh_token)).status).to.equal(400);
    expect((await refresh(node, site, newest)).status).to.equal(400);
  });

  it('used two hundred times at once on two nodes have one successor (OA30)', async function () {
    this.timeout(20_000);
    const its = await aSite(node);
    const { refresh_token } = await login(its);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => refresh(index % 2 ? node : second, its, refresh_token)),
    );
    const successors = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.refresh_token));
    expect(answers.filter(({ status }) => status >= 500).map(({ text }) => text)).to.deep.equal([]);
    expect(successors.size).to.equal(1);
    const chains = await node.house.db('oidc_refresh_chain').where({ tenant_id: its.tenantId }).pluck('generation');
    expect(chains).to.deep.equal([1]);
    const [successor] = successors;
    expect((await refresh(second, its, successor as string)).status).to.equal(200);
  });

  it('used at once where there is no grace have at most one successor, and the family ends', async () => {
    const strict = await aSite(node, { settings: { tokens: { refreshGraceSeconds: 0 } } });
    const { refresh_token } = await login(strict);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => refresh(index % 2 ? node : second, strict, refresh_token)),
    );
    const won = answers.filter(({ status }) => status === 200);
    expect(won.length).to.be.at.most(1);
    for (const { body } of won) expect((await refresh(node, strict, body.refresh_token)).status).to.equal(400);
  });

  it('are for their own client and their own tenant (OA32)', async () => {
    const elsewhere = await aSite(node);
    const { refresh_token } = await login();
    for (const answer of [
      await refresh(node, site, refresh_token, {}, basic('other', WEB_SECRET)),
      await refresh(node, elsewhere, refresh_token),
    ])
      expect([answer.status, answer.body.error]).to.deep.equal([400, 'invalid_grant']);
    expect((await refresh(node, site, refresh_token)).status, 'nothing was turned').to.equal(200);
  });

  it('cannot be made up: a changed value is unknown, and ends nobody’s family', async () => {
    const { refresh_token } = await login();
    const [head = '', generation = '', mac = ''] = refresh_token.split('.');
    for (const forged of [
      `${head}.${generation}.${mac.slice(0, -2)}AA`,
      `${head}.1.${mac}`,
      `${head}.zzzzzz.${mac}`,
      `${head}.${generation}`,
      `${refresh_token}x`,
      `${head}.-1.${mac}`,
    ])
      expect((await refresh(node, site, forged)).body, forged).to.include({ error: 'invalid_grant' });
    expect((await refresh(node, site, refresh_token)).status).to.equal(200);
  });

  const ends: Record<string, (its: Site) => Promise<unknown>> = {
    'the user is suspended': ({ call, user }) => node.house.services.users.suspend(call, user),
    'the user is deactivated': ({ call, user }) => node.house.services.users.deactivate(call, user),
    'the password is set anew': ({ call, user }) =>
      node.house.services.users.setPassword(call, user, 'another horse battery staple'),
    'the user is signed out everywhere': ({ call, user }) => node.house.services.sessions.endAll(call, user),
    'the client is disabled': ({ call }) => node.house.services.clients.disable(call, 'web'),
    'the client was disabled for a moment': async ({ call }) => {
      await node.house.services.clients.disable(call, 'web');
      await node.house.services.clients.enable(call, 'web');
    },
    'the grant is revoked': ({ tenantId }) => node.house.db('oidc_grant').where({ tenant_id: tenantId }).delete(),
  };
  for (const [what, end] of Object.entries(ends))
    for (const scope of ['openid', 'openid offline_access'])
      it(`are worth nothing once ${what} (${scope}) (OA32)`, async () => {
        const its = await aSite(node);
        await anotherAdmin(node, its);
        const { refresh_token } = await login(its, scope === 'openid' ? {} : { scope, prompt: 'consent' }).catch(() =>
          login(its),
        );
        await end(its);
        const { status, body } = await refresh(node, its, refresh_token);
        expect(status).to.be.oneOf([400, 401]);
        expect(body.error).to.be.oneOf(['invalid_grant', 'invalid_client']);
        const rows = await node.house
          .db('oidc_refresh_chain')
          .where({ tenant_id: its.tenantId })
          .where('generation', '>', 0)
          .pluck('chain');
        expect(rows).to.deep.equal([]);
      });

  it('are not found once the tenant is suspended (OA32)', async () => {
    const its = await aSite(node);
    const { refresh_token } = await login(its);
    await node.house.services.tenants.suspend(its.call);
    node.house.directory.forget(its.tenantId);
    expect((await refresh(node, its, refresh_token)).status).to.equal(404);
  });

  it('give no more than was granted: neither scope nor resource (OA33)', async () => {
    const { refresh_token } = await login();
    expect((await refresh(node, site, refresh_token, { scope: 'openid email' })).body).to.include({
      error: 'invalid_scope',
    });
    expect((await refresh(node, site, refresh_token, { resource: API })).body).to.include({ error: 'invalid_target' });
    expect((await refresh(node, site, refresh_token, { resource: 'https://unknown.test' })).body).to.include({
      error: 'invalid_target',
    });
    expect((await refresh(node, site, refresh_token)).status).to.equal(200);
  });

  it('end a month after their family began, however fresh each was (OA34)', async () => {
    const its = await aSite(node);
    const { refresh_token } = await login(its);
    const db = node.house.db;
    await db('oidc_refresh_chain')
      .where({ tenant_id: its.tenantId })
      .update({
        payload: db.raw(`jsonb_set(payload, '{iiat}', to_jsonb(extract(epoch from now())::bigint - 30 * 86400 + 60))`),
      });
    const { body } = await refresh(node, its, refresh_token);
    const [{ left }] = (
      await db.raw(
        `select extract(epoch from expires_at - now())::int as left from oidc_refresh_chain where tenant_id = ?`,
        [its.tenantId],
      )
    ).rows;
    expect(left).to.be.within(1, 60);
    await db('oidc_refresh_chain')
      .where({ tenant_id: its.tenantId })
      .update({ payload: db.raw(`jsonb_set(payload, '{exp}', to_jsonb(extract(epoch from now())::bigint - 1))`) });
    expect((await refresh(node, its, body.refresh_token)).body).to.include({ error: 'invalid_grant' });
  });

  it('are nowhere in the database (KY01)', async () => {
    const { refresh_token, access_token } = await login();
    const { rows } = await node.house.db.raw(
      `select string_agg(t::text, '') as all from (select row_to_json(c) as t from oidc_refresh_chain c union all select row_to_json(k) from oidc_token k union all select row_to_json(s) from oidc_session s) x`,
    );
    for (const value of [refresh_token, refresh_token.split('.')[2], access_token, access_token.slice(4)])
      expect(rows[0].all).to.not.include(value as string);
  });
});
