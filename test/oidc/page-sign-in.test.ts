import '../../src/oidc/core-notices.ts';
import { expect } from 'chai';
import { Failure } from '../../src/kernel/failure.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { randomToken } from '../../src/kernel/secret.ts';
import { ACCOUNT_PAGES } from '../../src/oidc/house-clients.ts';
import type { Issuer } from '../../src/oidc/issuers.ts';
import { beginPageSignIn, endPageSignIn, type PageSignIn } from '../../src/oidc/page-sign-in.ts';
import { cookieHeader } from '../support/account.ts';
import { aSite, type Site, startNode, type TestNode } from '../support/node.ts';
import { ask, authorizeUrl, post, sha256url, someTokens } from '../support/oauth.ts';

const OTHER_PAGES = { clientId: 'gatehouse-console', path: '/console' } as const;

describe('signing in to pages of the house', () => {
  let node: TestNode;
  let site: Site;
  let issuer: Issuer;
  /** The cookies of a browser in which the site's user is signed in. */
  let cookie: string;
  before(async function () {
    this.timeout(60_000);
    node = await startNode();
    site = await aSite(node);
    issuer = (await node.core.issuers.byTenant(site.tenantId)) as Issuer;
    cookie = cookieHeader((await someTokens(node, site)).browser);
  });
  after(() => node.stop());

  /** A sign-in that has come as far as the way back: what the browser has, and the query it brings. */
  async function onTheWayBack(more: Partial<PageSignIn> = {}) {
    const browser = randomToken();
    const url = beginPageSignIn(issuer, ACCOUNT_PAGES, { returnTo: '/account/profile', browser, ...more });
    const { headers } = await ask(node, 'GET', url.href, { headers: { cookie, accept: 'text/html' } });
    const back = new URL(headers.get('location') as string, url);
    return { browser, back, query: Object.fromEntries(back.searchParams) as Record<string, unknown> };
  }

  type Given = Parameters<typeof endPageSignIn>[3];
  const end = (given: Given, { at = issuer, pages = ACCOUNT_PAGES, seconds = 0 } = {}) =>
    endPageSignIn({ ...site.call, now: new Date(Date.now() + seconds * 1000) }, at, pages, given);

  async function outcomeOf(arrival: ReturnType<typeof end>): Promise<string> {
    return arrival.then(
      (one) => ('visitor' in one ? 'signed in' : one.refused),
      (error: unknown) => {
        if (error instanceof Failure) return error.code;
        throw error;
      },
    );
  }

  it('asks the issuer as any application would: code, PKCE, state, nonce', () => {
    const proof = { maxAge: 300, acr: 'urn:gatehouse:acr:2fa', hint: site.email };
    const url = beginPageSignIn(issuer, ACCOUNT_PAGES, { returnTo: '/account', browser: randomToken(), proof });
    expect(url.href.startsWith(`${site.issuer}/oauth/authorize?`)).to.equal(true);
    const { state, nonce, code_challenge, ...rest } = Object.fromEntries(url.searchParams);
    expect(rest).to.deep.equal({
      client_id: 'gatehouse-account',
      response_type: 'code',
      redirect_uri: `${site.issuer}/account/callback`,
      scope: 'openid',
      resource: `${site.issuer}/api`,
      code_challenge_method: 'S256',
      max_age: '300',
      acr_values: 'urn:gatehouse:acr:2fa',
      login_hint: site.email,
    });
    expect([nonce, code_challenge].every((value) => /^[\w-]{43}$/.test(value!))).to.equal(true);
    expect(Buffer.from(state!, 'base64url').toString(), 'nobody reads the state').not.to.include('/account');
  });

  it('ends with the person, their session and the grant, at the page where they wanted to go', async () => {
    const arrival = await end(await onTheWayBack());
    const [session] = await node.house.services.sessions.list(site.call, site.user);
    expect(arrival).to.deep.include({ returnTo: '/account/profile', proven: false });
    const { visitor } = arrival as Extract<typeof arrival, { visitor: unknown }>;
    expect(visitor).to.include({ userId: site.user, sessionUid: session?.id });
    const grant = await node.house.db('oidc_grant').where({ tenant_id: site.tenantId, id: visitor.grantId }).first();
    expect(grant).to.include({ client_id: 'gatehouse-account', account_id: site.user });
  });

  it('tells of a refusal', async () => {
    const proof = { maxAge: 300, acr: 'urn:gatehouse:acr:2fa', hint: site.email };
    const { browser, query } = await onTheWayBack({ proof });
    expect(await outcomeOf(end({ browser, query }))).to.equal('unmet_authentication_requirements');
  });

  it('is of the browser in which it began', async () => {
    const { query } = await onTheWayBack();
    expect(await outcomeOf(end({ browser: randomToken(), query }))).to.equal('sign_in_expired');
    expect(await outcomeOf(end({ browser: undefined, query }))).to.equal('sign_in_expired');
  });

  it('is of the issuer and the pages at which it began', async () => {
    const { browser, query } = await onTheWayBack();
    const elsewhere = await aSite(node);
    const at = (await node.core.issuers.byTenant(elsewhere.tenantId)) as Issuer;
    expect(await outcomeOf(end({ browser, query: { ...query, iss: at.url } }, { at }))).to.equal('sign_in_expired');
    expect(await outcomeOf(end({ browser, query }, { pages: OTHER_PAGES as never }))).to.equal('sign_in_expired');
    for (const iss of [undefined, at.url, [query['iss'], query['iss']]])
      expect(await outcomeOf(end({ browser, query: { ...query, iss } }))).to.equal('sign_in_expired');
    expect(await outcomeOf(end({ browser, query }))).to.equal('signed in');
  });

  it('takes no state that it did not write', async () => {
    const { browser, query } = await onTheWayBack();
    const state = query['state'] as string;
    const last = state.at(-1) === 'A' ? 'B' : 'A';
    for (const forged of [undefined, '', 'x', state.slice(0, -1), state.slice(0, -2) + last + last, [state, state]])
      expect(await outcomeOf(end({ browser, query: { ...query, state: forged } }))).to.equal('sign_in_expired');
  });

  it('takes no code that was made for another sign-in, for another application, or used', async () => {
    const [one, two] = [await onTheWayBack(), await onTheWayBack()];
    const { code } = two.query;
    expect(await outcomeOf(end({ ...one, query: { ...one.query, code } })), 'of another sign-in').to.equal(
      'sign_in_expired',
    );
    const web = await ask(node, 'GET', authorizeUrl(site).href, { headers: { cookie } });
    const foreign = new URL(web.headers.get('location') as string).searchParams.get('code');
    expect(await outcomeOf(end({ ...one, query: { ...one.query, code: foreign } }))).to.equal('sign_in_expired');
    const used = await onTheWayBack();
    expect(await outcomeOf(end(used))).to.equal('signed in');
    expect(await outcomeOf(end(used))).to.equal('sign_in_expired');
    expect(await outcomeOf(end({ ...one, query: { ...one.query, code: undefined } }))).to.equal('sign_in_expired');
  });

  it('takes an hour at most (LIMITS.pageSignInSeconds)', async () => {
    const [late, inTime] = [await onTheWayBack(), await onTheWayBack()];
    expect(await outcomeOf(end(late, { seconds: LIMITS.pageSignInSeconds + 1 }))).to.equal('sign_in_expired');
    expect(await outcomeOf(end(inTime, { seconds: LIMITS.pageSignInSeconds - 30 }))).to.equal('signed in');
  });

  it('is the house’s alone: its client gets nothing over HTTP, whoever has a code of it', async () => {
    const verifier = randomToken();
    const url = authorizeUrl(site, {
      client_id: 'gatehouse-account',
      redirect_uri: `${site.issuer}/account/callback`,
      code_challenge: sha256url(verifier),
    });
    const { headers } = await ask(node, 'GET', url.href, { headers: { cookie } });
    const code = new URL(headers.get('location') as string).searchParams.get('code') as string;
    const form = {
      client_id: 'gatehouse-account',
      grant_type: 'authorization_code',
      redirect_uri: `${site.issuer}/account/callback`,
      code,
      code_verifier: verifier,
      token: 'x',
    };
    for (const path of ['/oauth/token', '/oauth/par', '/oauth/introspect', '/oauth/revoke', '/oauth/device']) {
      const answer = await post(node, site, path, form, {});
      expect([path, answer.status, answer.body.error]).to.deep.equal([path, 400, 'unauthorized_client']);
    }
    const asBasic = await post(
      node,
      site,
      '/oauth/token',
      { ...form, client_id: '' },
      {
        authorization: `Basic ${btoa('gatehouse-account:')}`,
      },
    );
    expect(asBasic.status).to.be.oneOf([400, 401]);
  });

  it('leads back to the pages and nowhere else', async () => {
    for (const uri of ['https://evil.test/', `${site.issuer}/account`, `${site.issuer}/account/callback/x`]) {
      const url = authorizeUrl(site, { client_id: 'gatehouse-account', redirect_uri: uri });
      expect((await ask(node, 'GET', url.href, { headers: { cookie } })).status, uri).to.equal(400);
    }
  });
});
