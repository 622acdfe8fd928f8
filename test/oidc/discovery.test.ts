import { expect } from 'chai';
import { raw } from '../support/http.ts';
import { aSite, fetchAt, type Site, startNode, type TestNode } from '../support/node.ts';
import { ask, authorizeUrl, post } from '../support/oauth.ts';

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth', 'priv'];

describe('discovery', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node);
  });
  after(() => node.stop());

  const get = (url: string, headers: Record<string, string> = {}) => ask(node, 'GET', url, { headers });
  const OPENID = '/.well-known/openid-configuration';

  it('is found by both forms, and every address in it begins with the issuer', async () => {
    const wellKnown = [
      `${site.issuer}${OPENID}`,
      `${site.issuer}/.well-known/oauth-authorization-server`,
      `${node.url}/.well-known/oauth-authorization-server/t/${site.slug}`,
      `${node.url}${OPENID}/t/${site.slug}`,
    ];
    for (const url of wellKnown) {
      const { status, body } = await get(url);
      expect([url, status, body?.issuer]).to.deep.equal([url, 200, site.issuer]);
      for (const [name, value] of Object.entries(body))
        if (typeof value === 'string' && name !== 'issuer' && value.startsWith('http'))
          expect(value, name).to.match(new RegExp(`^${site.issuer}/`));
    }
    expect((await get(`${node.url}${OPENID}`)).body.issuer).to.equal(node.url);
    for (const path of [
      `${OPENID}/t/nobody`,
      `/t/nobody${OPENID}`,
      `/t/platform${OPENID}`,
      `/t/${site.slug.toUpperCase()}${OPENID}`,
    ])
      expect((await get(`${node.url}${path}`)).status, path).to.equal(404);
  });

  it('promises what is so: no symmetric or missing signature, S256 alone, code alone', async () => {
    const { body } = await get(`${site.issuer}${OPENID}`);
    expect(body).to.deep.include({
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    });
    for (const [name, value] of Object.entries(body as Record<string, unknown>))
      if (/_alg_values_supported$/.test(name))
        for (const alg of value as string[]) expect(alg, name).to.not.match(/^(HS|none)/);
    expect(body.token_endpoint_auth_methods_supported).to.not.include('client_secret_jwt');
    expect(JSON.stringify(body)).to.not.include('gatehouse:params');
  });

  it('may be kept for a while, and read by any page', async () => {
    for (const [path, age] of [
      [OPENID, 300],
      ['/.well-known/jwks.json', 3600],
    ] as const) {
      const { headers } = await get(`${site.issuer}${path}`);
      expect(headers.get('cache-control')).to.equal(`public, max-age=${age}`);
      expect(headers.get('access-control-allow-origin')).to.equal('*');
    }
  });

  it('says the same whatever the headers name; a Host that is not ours is misdirected (OA57)', async () => {
    const plain = (await get(`${site.issuer}${OPENID}`)).text;
    for (const headers of [
      { 'x-forwarded-host': 'evil.test' },
      { forwarded: 'host=evil.test;proto=https' },
      { 'x-forwarded-proto': 'https' },
      { 'x-original-url': '/evil' },
      { 'x-forwarded-prefix': '/evil' },
    ] as Record<string, string>[])
      expect((await get(`${site.issuer}${OPENID}`, headers)).text).to.equal(plain);
    const path = `/t/${site.slug}${OPENID}`;
    const asked = (line: string, ...headers: string[]) =>
      raw(node.port, `${line}\r\n${headers.join('\r\n')}\r\nConnection: close\r\n\r\n`);
    const own = `Host: localhost:${node.port}`;
    const refused: [number, Awaited<ReturnType<typeof raw>>][] = [
      [421, await asked(`GET ${path} HTTP/1.1`, 'Host: evil.test')],
      [421, await asked(`GET ${path} HTTP/1.1`, `Host: evil.test:${node.port}`)],
      [421, await asked(`GET ${path} HTTP/1.1`, 'Host: localhost:1')],
      [400, await asked(`GET ${path} HTTP/1.1`, own, 'Host: evil.test')],
      [400, await asked(`GET http://evil.test${path} HTTP/1.1`, own)],
      [400, await asked(`GET ${path} HTTP/1.1`, 'Host: evil@localhost')],
      [400, await asked(`GET ${path} HTTP/1.1`, 'Host: ')],
      [400, await asked(`GET //evil.test${path} HTTP/1.1`, own)],
    ];
    for (const [expected, { status, body }] of refused) {
      expect(status).to.equal(expected);
      expect(body).to.not.include('evil');
    }
    expect((await get(`${site.issuer}${OPENID}`)).text).to.equal(plain);
  });

  it('publishes no private half of a key (OA58)', async () => {
    const { body } = await get(`${site.issuer}/.well-known/jwks.json`);
    expect(body.keys).to.have.length.greaterThan(1);
    for (const key of body.keys) {
      expect(Object.keys(key).filter((name) => PRIVATE.includes(name))).to.deep.equal([]);
      expect(key).to.include({ use: 'sig' });
    }
    const platform = (await get(`${node.url}/.well-known/jwks.json`)).body.keys.map(({ kid }: { kid: string }) => kid);
    for (const { kid } of body.keys) expect(platform).to.not.include(kid);
  });

  it('of a tenant with its own verified domain is there too; of a domain that nobody proved it is not', async () => {
    const { services, directory } = node.house;
    const domain = `${site.slug}.example`;
    const at = (host: string, path = OPENID) => fetchAt(node)(`http://${host}:${node.port}${path}`);
    expect((await at(domain)).status).to.equal(421);
    await services.tenants.addDomain(site.call, domain);
    expect((await at(`x.${domain}`)).status).to.equal(421);
    await services.tenants.verifyDomain(site.call, domain);
    const second = await startNode({ publicUrl: node.url });
    try {
      const own = (path: string, init?: RequestInit) => fetchAt(second)(`http://${domain}:${node.port}${path}`, init);
      const found = (await (await own(OPENID)).json()) as Record<string, string>;
      expect(found['issuer']).to.equal(`http://${domain}:${node.port}`);
      expect(found['token_endpoint']).to.equal(`http://${domain}:${node.port}/oauth/token`);
      const { pathname, search } = authorizeUrl({ issuer: found['issuer'] as string });
      const page = await own(pathname + search);
      expect(page.headers.get('location')).to.match(/^\/interaction\//);
      for (const cookie of page.headers.getSetCookie()) expect(cookie).to.not.match(/domain=/i);
      expect((await own(`/t/${site.slug}${OPENID}`)).status, 'no other tenant below it').to.equal(404);
      expect((await fetchAt(second)(`http://evil.${domain}:${node.port}${OPENID}`)).status).to.equal(421);
    } finally {
      await second.stop();
      directory.forget(site.tenantId);
    }
  });

  it('answers nobody at a tenant that is suspended', async () => {
    const its = await aSite(node);
    await node.house.services.tenants.suspend(its.call);
    node.house.directory.forget(its.tenantId);
    for (const path of [OPENID, '/.well-known/jwks.json', '/oauth/authorize'])
      expect((await get(`${its.issuer}${path}`)).status).to.equal(404);
    expect((await post(node, its, '/oauth/token', { grant_type: 'client_credentials' })).status).to.equal(404);
  });
});
