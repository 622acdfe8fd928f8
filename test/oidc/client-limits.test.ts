import { expect } from 'chai';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aBrowser } from '../support/browser.ts';
import {
  API,
  aSite,
  ROBOT,
  ROBOT_SECRET,
  SPA,
  startNode,
  type TestNode,
  TV,
  WEB,
  WEB_SECRET,
} from '../support/node.ts';
import { ask, authorizeUrl, basic, isLogin, post } from '../support/oauth.ts';

const MACHINE = { grant_type: 'client_credentials', resource: API };
const from = (ip: string) => ({ 'x-forwarded-for': ip });

describe('a client with a rate', () => {
  let here: TestNode;
  let there: TestNode;
  before(async () => {
    here = await startNode({ settings: { TRUSTED_PROXIES: '127.0.0.0/8' } });
    there = await startNode({ publicUrl: here.url, settings: { TRUSTED_PROXIES: '127.0.0.0/8' } });
  });
  after(() => Promise.all([here.stop(), there.stop()]));

  const limited = { ...ROBOT, rateLimitPerMinute: 2 };

  it('is told when to come again on every node, and its secret is not even looked at', async () => {
    const site = await aSite(here, { clients: [limited] });
    const take = (at: TestNode, secret = ROBOT_SECRET) =>
      post(at, site, '/oauth/token', MACHINE, basic('robot', secret));
    expect([(await take(here)).status, (await take(there)).status]).to.deep.equal([200, 200]);
    for (const answer of [await take(here), await take(there), await take(there, 'wrong'), await take(here, 'wrong')]) {
      expect([answer.status, answer.body.error]).to.deep.equal([429, 'rate_limited']);
      expect(Number(answer.headers.get('retry-after'))).to.be.within(1, 60);
    }
    const other = await aSite(here, { clients: [limited] });
    expect((await post(here, other, '/oauth/token', MACHINE, basic('robot', ROBOT_SECRET))).status).to.equal(200);
  });

  it('is held to it when all requests come at the same moment', async () => {
    const site = await aSite(here, { clients: [limited] });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, turn) =>
        post(turn % 2 ? here : there, site, '/oauth/token', MACHINE, basic('robot', ROBOT_SECRET)),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).to.have.length(2);
    expect(statuses.filter((status) => status === 429)).to.have.length(10);
  });

  it('uses it up by what it asks in vain as well, and strangers do not use it up for it', async () => {
    const site = await aSite(here, { clients: [limited, { ...SPA, rateLimitPerMinute: 1 }] });
    for (let turn = 0; turn < 3; turn++) {
      const wrong = await post(here, site, '/oauth/token', MACHINE, basic('robot', 'wrong'));
      expect(wrong.status).to.equal(401);
      const guess = { grant_type: 'authorization_code', client_id: 'spa', code: 'none', redirect_uri: 'http://x' };
      expect((await post(here, site, '/oauth/token', guess, {})).status, 'it has no secret to show').to.equal(400);
    }
    const vain = () =>
      post(here, site, '/oauth/token', { ...MACHINE, resource: 'https://else.test' }, basic('robot', ROBOT_SECRET));
    expect([(await vain()).status, (await vain()).status, (await vain()).status]).to.deep.equal([400, 400, 429]);
  });
});

describe('a client of certain networks', () => {
  let node: TestNode;
  before(async () => {
    node = await startNode({ settings: { TRUSTED_PROXIES: '127.0.0.0/8' } });
  });
  after(() => node.stop());

  const at = (...allowedIps: string[]) => ({ ...ROBOT, allowedIps });
  const take = (site: { issuer: string }, headers: Record<string, string>, secret = ROBOT_SECRET) =>
    post(node, site, '/oauth/token', MACHINE, { ...basic('robot', secret), ...headers });

  it('is refused from anywhere else as with a wrong secret, by the last address before a proxy of ours', async () => {
    const site = await aSite(node, { clients: [at('203.0.113.0/24')] });
    expect((await take(site, from('203.0.113.255'))).status).to.equal(200);
    const foreign = await take(site, from('203.0.114.0'));
    const wrong = await take(site, from('203.0.113.7'), 'wrong');
    expect([foreign.status, foreign.body]).to.deep.equal([401, wrong.body]);
    for (const headers of [
      {},
      from('203.0.113.1, 198.51.100.1'),
      { ...from('198.51.100.1'), 'x-real-ip': '203.0.113.1' },
      { ...from('198.51.100.1'), forwarded: 'for=203.0.113.1' },
    ] as Record<string, string>[])
      expect([headers, (await take(site, headers)).status]).to.deep.equal([headers, 401]);
  });

  it('is known by either spelling of its address, and to the bit', async () => {
    const inside: [network: string, inside: string[], outside: string[]][] = [
      ['198.51.100.7', ['198.51.100.7', '::ffff:198.51.100.7'], ['198.51.100.8']],
      ['::ffff:198.51.100.7', ['198.51.100.7'], ['198.51.100.8']],
      ['198.51.100.128/25', ['198.51.100.128', '198.51.100.255'], ['198.51.100.127', '198.51.101.128']],
      ['198.51.100.7/31', ['198.51.100.6'], ['198.51.100.8']],
      ['2001:db8::/33', ['2001:db8:7fff::1', '2001:DB8:0::'], ['2001:db8:8000::1']],
      ['2001:db8::1', ['2001:0db8:0:0:0:0:0:1'], ['2001:db8::2']],
      ['0.0.0.0/0', ['198.51.100.7'], ['2001:db8::1']],
      ['::/0', ['2001:db8::1'], ['198.51.100.7']],
    ];
    for (const [network, here, elsewhere] of inside) {
      const site = await aSite(node, { clients: [at(network)] });
      for (const ip of here)
        expect([network, ip, (await take(site, from(ip))).status]).to.deep.equal([network, ip, 200]);
      for (const ip of elsewhere)
        expect([network, ip, (await take(site, from(ip))).status]).to.deep.equal([network, ip, 401]);
    }
  });

  it('is refused wherever a client authenticates, one without a secret too', async () => {
    const allowedIps = ['203.0.113.0/24'];
    const site = await aSite(node, {
      clients: [
        { ...WEB, allowedIps },
        { ...TV, allowedIps },
      ],
    });
    const code = Object.fromEntries(authorizeUrl(site).searchParams);
    const attempts: [path: string, form: Record<string, string>, inside: number][] = [
      ['/oauth/token', { grant_type: 'refresh_token', refresh_token: 'x' }, 400],
      ['/oauth/par', code, 201],
      ['/oauth/introspect', { token: 'x' }, 200],
      ['/oauth/revoke', { token: 'x' }, 200],
    ];
    for (const [path, form, inside] of attempts) {
      const send = (ip: string) => post(node, site, path, form, { ...basic('web', WEB_SECRET), ...from(ip) });
      expect([path, (await send('198.51.100.1')).status]).to.deep.equal([path, 401]);
      expect([path, (await send('203.0.113.1')).status]).to.deep.equal([path, inside]);
    }
    const device = (ip: string) => post(node, site, '/oauth/device', { client_id: 'tv' }, from(ip));
    expect([(await device('198.51.100.1')).status, (await device('203.0.113.1')).status]).to.deep.equal([401, 200]);
  });

  it('may still send people, who come from anywhere, to sign in', async () => {
    const site = await aSite(node, { clients: [{ ...WEB, allowedIps: ['203.0.113.0/24'] }] });
    const page = await aBrowser(node).go(authorizeUrl(site));
    expect([page.status, isLogin(page)]).to.deep.equal([200, true]);
  });

  it('does not wear out the patience with those who guess: each address has its own', async () => {
    const site = await aSite(node, { clients: [at('203.0.113.0/24')] });
    for (let turn = 0; turn < LIMITS.clientAuthFailures; turn++) await take(site, from('198.51.100.9'));
    expect((await take(site, from('198.51.100.9'))).status).to.equal(429);
    expect((await take(site, from('203.0.113.1'))).status).to.equal(200);
    expect((await ask(node, 'GET', `${site.issuer}/.well-known/openid-configuration`)).status).to.equal(200);
  });
});
