import { expect } from 'chai';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aBrowser } from '../support/browser.ts';
import { API, aSite, ROBOT, ROBOT_SECRET, startNode, type TestNode, TV, WEB } from '../support/node.ts';
import { ask, authorizeUrl, basic, post, refresh, someTokens } from '../support/oauth.ts';

describe('what strangers can make an issuer do', () => {
  let node: TestNode;
  before(async () => {
    node = await startNode();
  });
  after(() => node.stop());

  it('ends: an address begins so many sign-ins, and no more rows are left for it', async () => {
    const site = await aSite(node, { clients: [WEB, TV] });
    const begin = () => ask(node, 'GET', authorizeUrl(site).href, { headers: { accept: 'text/html' } });
    let refused: Awaited<ReturnType<typeof begin>> | undefined;
    let begun = 0;
    while (!refused && begun <= LIMITS.pendingRequests) {
      const answers = await Promise.all(Array.from({ length: 20 }, begin));
      begun += answers.filter(({ status }) => status === 303).length;
      refused = answers.find(({ status }) => status !== 303);
    }
    expect(refused?.status).to.equal(429);
    expect(refused?.headers.get('content-type')).to.include('text/html');
    expect(Number(refused?.headers.get('retry-after'))).to.be.greaterThan(0);
    expect((await post(node, site, '/oauth/device', { client_id: 'tv' }, {})).body).to.include({
      error: 'rate_limited',
    });
    const { rows } = await node.house.db.raw('select count(*)::int as rows from oidc_transient where tenant_id = ?', [
      site.tenantId,
    ]);
    expect(rows[0].rows).to.be.within(begun, LIMITS.pendingRequests + 20);
    const elsewhere = await aSite(node);
    expect((await aBrowser(node).go(authorizeUrl(elsewhere))).status, 'another tenant').to.equal(200);
  });

  it('does not touch those who are signed in: they leave nothing behind', async () => {
    const site = await aSite(node);
    const { browser } = await someTokens(node, site);
    for (let turn = 0; turn < 30; turn++) await browser.go(authorizeUrl(site, { prompt: 'none' }));
    const { rows } = await node.house.db.raw('select count(*)::int as rows from oidc_transient where tenant_id = ?', [
      site.tenantId,
    ]);
    expect(rows[0].rows).to.be.at.most(1);
  });

  it('is counted: granted tokens by their grant, sign-ins by their end', async () => {
    const counting = await startNode({ publicUrl: node.url });
    try {
      const site = await aSite(counting, { clients: [WEB, ROBOT] });
      const { refresh_token } = await someTokens(counting, site);
      await refresh(counting, site, refresh_token);
      await refresh(counting, site, 'wrong');
      await post(
        counting,
        site,
        '/oauth/token',
        { grant_type: 'client_credentials', resource: API },
        basic('robot', ROBOT_SECRET),
      );
      await aBrowser(counting).signIn(authorizeUrl(site), site.email, 'wrong password');
      const text = await counting.house.metrics.text();
      for (const line of [
        'gatehouse_tokens_total{grant="authorization_code"} 1',
        'gatehouse_tokens_total{grant="refresh_token"} 1',
        'gatehouse_tokens_total{grant="client_credentials"} 1',
        'gatehouse_sign_ins_total{outcome="success"} 1',
        'gatehouse_sign_ins_total{outcome="failure"} 1',
      ])
        expect(text).to.include(line);
    } finally {
      await counting.stop();
    }
  });
});
