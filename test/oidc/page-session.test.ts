import { expect } from 'chai';
import Koa from 'koa';
import { LIMITS } from '../../src/kernel/limits.ts';
import { ACCOUNT_PAGES } from '../../src/oidc/house-clients.ts';
import type { Issuer } from '../../src/oidc/issuers.ts';
import { isDueAgain, keepPageSession, type PageSession, readPageSession } from '../../src/oidc/page-session.ts';
import { aSite, startNode, type TestNode } from '../support/node.ts';

describe('the cookie of pages of the house', () => {
  let node: TestNode;
  let issuer: Issuer;
  before(async function () {
    this.timeout(60_000);
    node = await startNode();
    issuer = await issuerOf();
  });
  after(() => node.stop());

  const issuerOf = async () => (await node.core.issuers.byTenant((await aSite(node)).tenantId)) as Issuer;
  const at = (one = issuer, pages = ACCOUNT_PAGES) => ({ issuer: one, pages });
  const session = (since = Date.now()): PageSession => ({
    userId: 'u' as PageSession['userId'],
    sessionUid: 's',
    grantId: 'g',
    proven: false,
    since,
  });

  function contextWith(cookie?: string): Koa.Context {
    const set = new Map<string, unknown>();
    const res = {
      getHeader: (name: string) => set.get(name.toLowerCase()),
      setHeader: (name: string, value: unknown) => set.set(name.toLowerCase(), value),
      headersSent: false,
    };
    return new Koa().createContext({ headers: { cookie }, rawHeaders: [], socket: {} } as never, res as never);
  }

  /** The cookie that a browser gets. */
  function given(one: PageSession, where = at()): { header: string; pair: string } {
    const ctx = contextWith();
    keepPageSession(ctx, where, one);
    const header = String(ctx.res.getHeader('Set-Cookie'));
    return { header, pair: header.split(';')[0]! };
  }

  it('is read by the pages that gave it', () => {
    const { pair } = given(session());
    expect(readPageSession(contextWith(pair), at())).to.deep.include({ sessionUid: 's', grantId: 'g' });
    expect(readPageSession(contextWith(), at())).to.equal(undefined);
  });

  it('has every lock, and goes with the browser', () => {
    const { header } = given(session());
    expect(header).to.match(new RegExp(`^ght_account=[\\w-]+; Path=${issuer.mount}/account; HttpOnly; SameSite=Lax$`));
    const secure = at({ ...issuer, url: `https://id.example${issuer.mount}` });
    expect(given(session(), secure).header).to.match(/^__Secure-ght_account=.*; Secure$/);
    const root = at({ ...issuer, mount: '', url: 'https://login.acme.example' });
    expect(given(session(), root).header).to.match(/^__Host-gh_account=[\w-]+; Path=\/; .*; Secure$/);
  });

  it('says nothing to who has it, and nothing when it is changed', () => {
    const { pair } = given(session());
    const value = pair.slice(pair.indexOf('=') + 1);
    expect(Buffer.from(value, 'base64url').toString()).not.to.include('session');
    const last = value.endsWith('A') ? 'B' : 'A';
    for (const forged of ['', 'x', value.slice(0, 20), value.slice(0, -2) + last + last])
      expect(readPageSession(contextWith(`ght_account=${forged}`), at())).to.equal(undefined);
    expect(readPageSession(contextWith(`${pair}; ${pair}`), at()), 'twice').to.equal(undefined);
  });

  it('is of one tenant, one issuer and one kind of page', async () => {
    const { pair } = given(session());
    expect(readPageSession(contextWith(pair), at(await issuerOf()))).to.equal(undefined);
    const otherIssuer = { ...issuer, url: 'http://login.acme.example' };
    expect(readPageSession(contextWith(pair), at(otherIssuer))).to.equal(undefined);
    const console = at(issuer, { clientId: 'gatehouse-console', path: '/account' } as never);
    expect(readPageSession(contextWith(pair), console)).to.equal(undefined);
  });

  it('is good for an hour (LIMITS.pageSessionSeconds)', () => {
    const began = (secondsAgo: number) =>
      readPageSession(contextWith(given(session(Date.now() - secondsAgo * 1000)).pair), at());
    expect(began(LIMITS.pageSessionSeconds)).to.equal(undefined);
    expect(began(LIMITS.pageSessionSeconds - 30)).to.not.equal(undefined);
  });

  it('is renewed in the middle of its life, and before the core’s session has been idle for too long', () => {
    const dueAfter = (seconds: number, one = issuer) => isDueAgain(session(Date.now() - seconds * 1000), at(one));
    const half = LIMITS.pageSessionSeconds / 2;
    expect([dueAfter(half - 30), dueAfter(half + 30)]).to.deep.equal([false, true]);
    const { tenant } = issuer;
    const settings = { ...tenant.settings, sessions: { idleSeconds: 300, absoluteSeconds: 3_600 } };
    const strict = { ...issuer, tenant: { ...tenant, settings } };
    expect([dueAfter(120, strict), dueAfter(180, strict)]).to.deep.equal([false, true]);
  });
});
