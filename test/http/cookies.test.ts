import { expect } from 'chai';
import Koa, { type Context } from 'koa';
import { cookieOf, setCookie } from '../../src/http/cookies.ts';
import { assertOwnSite } from '../../src/http/own-site.ts';
import { requestIdOf, traceparentOf } from '../../src/http/request-id.ts';
import { expectFailure } from '../support/expect.ts';

const contextOf = (headers: Record<string, string>): Context => {
  const set = new Map<string, string>();
  const res = {
    getHeader: (name: string) => set.get(name),
    setHeader: (name: string, value: string) => set.set(name, value),
    headersSent: false,
  };
  return new Koa().createContext({ headers, rawHeaders: [], socket: {} } as never, res as never);
};

describe('a cookie', () => {
  it('is read by its whole name', () => {
    const ctx = contextOf({ cookie: 'xgh=1; gh=a.b~c=; gh2=3' });
    expect(cookieOf(ctx, 'gh')).to.equal('a.b~c=');
    expect(cookieOf(ctx, 'none')).to.equal(undefined);
    expect(cookieOf(contextOf({}), 'gh')).to.equal(undefined);
  });

  it('does not count when two have its name', () => {
    expect(cookieOf(contextOf({ cookie: 'gh=mine; gh=tossed' }), 'gh')).to.equal(undefined);
  });

  it('is set with every lock, and with Secure over https', () => {
    const ctx = contextOf({});
    setCookie(ctx, {
      name: '__Secure-gh_refresh',
      value: 'a.b~c',
      path: '/api/v1/auth',
      sameSite: 'Strict',
      maxAge: 60,
      secure: true,
    });
    expect(ctx.response.get('set-cookie') || ctx.res.getHeader('Set-Cookie')).to.equal(
      '__Secure-gh_refresh=a.b~c; Path=/api/v1/auth; Max-Age=60; HttpOnly; SameSite=Strict; Secure',
    );
  });

  it('goes with the browser where it has no age', () => {
    const ctx = contextOf({});
    setCookie(ctx, { name: 'gh', value: 'v', path: '/', sameSite: 'Lax', secure: false });
    expect(ctx.res.getHeader('Set-Cookie')).to.equal('gh=v; Path=/; HttpOnly; SameSite=Lax');
  });

  it('holds no value that could become another attribute', () => {
    for (const value of ['a;b', 'a b', 'a\r\nb', 'a,b', '"a"']) {
      expect(
        () => setCookie(contextOf({}), { name: 'gh', value, path: '/', sameSite: 'Lax', maxAge: 1, secure: false }),
        value,
      ).to.throw(TypeError);
    }
  });
});

describe('a request that a cookie proves', () => {
  const asks = (headers: Record<string, string>) =>
    Promise.resolve().then(() => assertOwnSite(contextOf({ host: 'id.test', ...headers })));

  it('comes from our own origin, or from no browser', async () => {
    await asks({});
    await asks({ 'sec-fetch-site': 'same-origin' });
    await asks({ 'sec-fetch-site': 'none' });
    await asks({ origin: 'https://id.test' });
  });

  it('is refused from another site, another host of ours, and from a page without an origin', async () => {
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://id.test' },
      { origin: 'https://evil.test' },
      { origin: 'https://id.test.evil.test' },
      { origin: 'https://id.test:8443' },
      { origin: 'null' },
      { origin: '' },
    ] as Record<string, string>[]) {
      await expectFailure('forbidden', asks(headers));
    }
  });
});

describe('the id of a request', () => {
  it('is the caller’s where it can stand in a log line', () => {
    for (const id of ['a', 'Az09._-', 'x'.repeat(128)]) expect(requestIdOf(id)).to.equal(id);
  });

  it('is a new one for anything else', () => {
    for (const id of [undefined, '', 'a b', 'a\nb', '\u001b[31m', '"},{"', 'x'.repeat(129), 'ä']) {
      expect(requestIdOf(id), String(id)).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    }
  });
});

describe('the trace of a request', () => {
  const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('is passed on when it is one', () => {
    expect(traceparentOf(valid)).to.equal(valid);
  });

  it('is dropped when it is none', () => {
    const bad = [
      undefined,
      '',
      valid.toUpperCase(),
      `${valid}-x`,
      valid.slice(1),
      valid.replace('00-', 'ff-'),
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
    ];
    for (const text of bad) expect(traceparentOf(text), String(text)).to.equal(undefined);
  });
});
