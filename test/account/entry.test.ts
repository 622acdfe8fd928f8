import { expect } from 'chai';
import { alertOf, cookieHeader, headingOf, linkOf, noteOf, servingAccounts } from '../support/account.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { PASSWORD, type Site } from '../support/node.ts';
import { anotherAdmin, ask, authorizeUrl, isLogin, someTokens } from '../support/oauth.ts';

describe('the way into the account', () => {
  const { node, site, enter } = servingAccounts();
  const credentials = (of: Site) => ({ identifier: of.email, password: PASSWORD, action: 'login' });
  const isAccount = ({ html }: Visited) => html.includes('class="account"');

  it('leads through the sign-in of the issuer to the page that was wanted', async () => {
    const its = await site();
    const browser = aBrowser(node());
    const login = await browser.go(`${its.issuer}/account/profile`);
    expect([isLogin(login), login.url.pathname.startsWith(`/t/${its.slug}/interaction/`)]).to.deep.equal([true, true]);
    expect(login.html, 'no application is named').not.to.include('to continue to');

    const page = await browser.submit(login, credentials(its));
    expect([page.status, page.url.href, headingOf(page)]).to.deep.equal([
      200,
      `${its.issuer}/account/profile`,
      'Profile',
    ]);
  });

  it('is open to who is signed in already, without a question', async () => {
    const its = await site();
    const { browser } = await someTokens(node(), its);
    const page = await browser.go(`${its.issuer}/account`);
    expect([page.status, headingOf(page)]).to.deep.equal([200, 'Ann Lee']);
    expect(page.html).to.include(its.email);
  });

  it('is there for the platform too, and on a tenant’s own domain, each an issuer of its own', async () => {
    const platform = await aBrowser(node()).signIn(`${node().url}/account`, 'admin@gatehouse.localhost');
    expect([platform.status, isAccount(platform)]).to.deep.equal([200, true]);

    const its = await site();
    const domain = `login.${its.slug}.test`;
    const { tenants } = node().house.services;
    await tenants.addDomain(its.call, domain);
    await tenants.verifyDomain(its.call, domain);
    const { browser, open } = await enter(its);
    const own = `http://${domain}:${node().port}`;
    expect(isLogin(await browser.go(`${own}/account`)), 'another issuer').to.equal(true);
    const there = aBrowser(node());
    const page = await there.signIn(`${own}/account/sessions`, its.email);
    expect([page.status, page.url.href]).to.deep.equal([200, `${own}/account/sessions`]);
    expect(page.html.match(/<li>\s*<div class="badge small/g)).to.have.length(2);
    expect((await open('/sessions')).html).to.include(`/t/${its.slug}/account/sessions/`);
  });

  it('asks for the second factor where the tenant does', async () => {
    const its = await site({ settings: { mfa: { mode: 'required' } } });
    const page = await aBrowser(node()).signIn(`${its.issuer}/account`, its.email);
    expect(headingOf(page)).to.equal('Set up an authenticator app');
  });

  it('lets two tabs sign in at once', async () => {
    const its = await site();
    const browser = aBrowser(node());
    const [one, two] = [
      await browser.go(`${its.issuer}/account/profile`),
      await browser.go(`${its.issuer}/account/password`),
    ];
    expect(headingOf(await browser.submit(two, credentials(its)))).to.equal('Password');
    // The first tab's interaction belongs to the session of before; going on leads to its page all the same.
    expect(isAccount(await browser.go(`${its.issuer}/account/profile`))).to.equal(true);
    expect(one.url.href).not.to.equal(two.url.href);
  });

  it('ends where the person turns back', async () => {
    const its = await site();
    const browser = aBrowser(node());
    const page = await browser.submit(await browser.go(`${its.issuer}/account`), { action: 'cancel' });
    expect([page.status, headingOf(page)]).to.deep.equal([200, 'You are signed out']);
    expect(isLogin(await browser.go(linkOf(page, /Sign in again/)))).to.equal(true);
  });

  it('takes no answer that this browser did not ask for', async () => {
    const its = await site();
    const { browser } = await enter(its);
    const callback = `${its.issuer}/account/callback`;
    for (const query of ['', '?code=x', '?error=access_denied', `?code=x&state=y&iss=${its.issuer}`]) {
      const page = await browser.go(callback + query);
      expect([page.status, headingOf(page)], query).to.deep.equal([400, 'This page has waited too long']);
      expect(isAccount(await browser.go(linkOf(page, /Start again/)))).to.equal(true);
    }
  });

  it('does not sign a victim in as somebody else, who hands them the answer of his own sign-in', async () => {
    const its = await site();
    const thief = aBrowser(node());
    const away = await ask(node(), 'GET', `${its.issuer}/account`, { headers: { cookie: cookieHeader(thief) } });
    const cookie = away.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    await thief.signIn(authorizeUrl(its), its.email);
    const begun = new URL(away.headers.get('location') as string);
    const back = await ask(node(), 'GET', begun.href, { headers: { cookie: `${cookie}; ${cookieHeader(thief)}` } });
    const handed = back.headers.get('location') as string;
    expect(handed).to.include('/account/callback?code=');

    const page = await aBrowser(node()).go(handed);
    expect([page.status, isAccount(page)]).to.deep.equal([400, false]);
  });

  describe('closes at once', () => {
    /** Tries a page and a form after something has happened. */
    async function closes(happen: (its: Site) => Promise<unknown>): Promise<void> {
      const its = await site();
      await anotherAdmin(node(), its);
      const { browser, open } = await enter(its);
      const form = await open('/profile');
      await happen(its);
      const sent = await browser.submit(form, { first_name: 'Mallory' });
      expect(isAccount(sent), 'the form').to.equal(false);
      expect(isAccount(await open('/sessions')), 'the page').to.equal(false);
      expect((await node().house.services.users.get(its.call, its.user)).firstName).to.equal('Ann');
    }

    it('when the session is ended elsewhere', () =>
      closes((its) => node().house.services.sessions.endAll(its.call, its.user)));

    it('when the person is suspended', () => closes((its) => node().house.services.users.suspend(its.call, its.user)));

    it('when the tenant is suspended', () => closes((its) => node().house.services.tenants.suspend(its.call)));
  });

  it('closes when its grant ends, and opens again without a question while the session lives', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const before = browser.cookies();
    await node().house.db('oidc_grant').where({ tenant_id: its.tenantId, client_id: 'gatehouse-account' }).delete();
    const { headers } = await ask(node(), 'GET', `${its.issuer}/account`, {
      headers: { cookie: cookieHeader(browser) },
    });
    expect(headers.get('location')).to.include('/oauth/authorize?');
    expect(isAccount(await open())).to.equal(true);
    browser.setCookies(before.filter(({ name }) => name === 'ght_account'));
    expect(isLogin(await open()), 'the cookie alone, of the grant that ended').to.equal(true);
  });

  it('is another person’s when another signs in at the same browser', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const stale = browser.cookies().find(({ name }) => name === 'ght_account')!;
    const email = `eve@${its.slug}.test`;
    await node().house.services.users.create(its.call, {
      email,
      status: 'active',
      firstName: 'Eve',
      password: PASSWORD,
    });
    const login = await browser.go(authorizeUrl(its, { prompt: 'login' }));
    await browser.submit(login, { identifier: email, password: PASSWORD, action: 'login' });
    expect(headingOf(await open())).to.equal('Eve');
    const copied = aBrowser(node());
    copied.setCookies([stale]);
    expect(isLogin(await copied.go(`${its.issuer}/account`))).to.equal(true);
  });

  it('is closed to the cookies of another tenant, wherever they are put', async () => {
    const [acme, globex] = [await site(), await site()];
    const { browser } = await enter(acme);
    const other = aBrowser(node());
    other.setCookies(browser.cookies().map((cookie) => ({ ...cookie, path: '/' })));
    for (const path of ['', '/profile', '/sessions', '/applications', '/security'])
      expect(isLogin(await other.go(`${globex.issuer}/account${path}`)), path).to.equal(true);
  });

  it('leads out by the logout of the issuer, which asks, and lets them stay', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const before = browser.cookies();
    const question = await browser.go(linkOf(await open(), /Sign out/));
    expect([headingOf(question), question.url.pathname]).to.deep.equal(['Sign out?', `/t/${its.slug}/oauth/logout`]);
    expect(question.html).not.to.include('Gatehouse');
    expect(isAccount(await browser.go(linkOf(question, /Stay signed in/)))).to.equal(true);

    const out = await browser.submit(question, { logout: 'yes' });
    expect([out.url.pathname, headingOf(out)]).to.deep.equal([
      `/t/${its.slug}/account/signed-out`,
      'You are signed out',
    ]);
    expect(browser.cookies().map(({ name }) => name)).not.to.include('ght_account');
    browser.setCookies(before);
    expect(isLogin(await open()), 'the cookies of before').to.equal(true);
    expect(isLogin(await browser.go(linkOf(out, /Sign in again/)))).to.equal(true);
  });

  it('is named where password managers look for it', async () => {
    const { status, headers } = await ask(node(), 'GET', `${node().url}/.well-known/change-password`);
    expect([status, headers.get('location')]).to.deep.equal([302, '/account/password']);
    expect((await ask(node(), 'POST', `${node().url}/.well-known/change-password`)).status).to.equal(404);
  });

  it('is shown at the front door', async () => {
    const its = await site();
    const home = await aBrowser(node()).go(`${its.issuer}/`);
    expect(linkOf(home, /Your account/).href).to.equal(`${its.issuer}/account`);
  });

  it('says nothing of the last act twice', async () => {
    const { browser, open } = await enter(await site());
    const done = await browser.submit(await open('/profile'), { first_name: 'Ann', last_name: 'Lee' });
    expect(noteOf(done)).to.equal('Your profile is saved.');
    expect([noteOf(await open('/profile')), alertOf(done)]).to.deep.equal([undefined, undefined]);
  });
});
