import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { lastLetter, lettersOf } from '../support/letters.ts';
import { PASSWORD, type Site } from '../support/node.ts';
import { ask } from '../support/oauth.ts';
import { csrfOf, titleOf } from '../support/pages.ts';
import { servingV1 } from '../support/v1.ts';

const DEAD = [400, 'This link does not work any more'];

describe('the links that prove an address', () => {
  const { node, signIn, site: aSite, stranger } = servingV1();
  const userOf = ({ call, user }: Site) => node().house.services.users.get(call, user);

  /** A person who wishes another address, and the link of the letter there. */
  async function wishing() {
    const ann = await signIn();
    const email = `new@${ann.site.slug}.test`;
    const another = async (address: string) => {
      await ann.as('POST', '/api/v1/me/email', { body: { email: address } });
      const { token } = (await lastLetter(node(), ann.site, 'email-change')).values.link.query!;
      return `${ann.site.issuer}/change-email?token=${token}`;
    };
    return { ...ann, email, another, link: await another(email) };
  }

  /** A person whose address is to be proven, and the link of the letter. */
  async function unproven() {
    const site = await aSite();
    const { users, verification } = node().house.services;
    await users.setVerified(site.call, site.user, { email: false });
    await verification.resend(site.call, site.user, { base: site.issuer });
    const { token } = (await lastLetter(node(), site, 'verify-email')).values.link.query!;
    return { site, link: `${site.issuer}/verify-email?token=${token}` };
  }

  it('of a letter to the present address: once, and not by looking', async () => {
    const { site, link } = await unproven();
    for (const method of ['GET', 'HEAD', 'GET']) {
      const { status, headers } = await ask(node(), method, link, { headers: { accept: 'text/html' } });
      expect([status, headers.get('cache-control'), headers.get('referrer-policy')]).to.deep.equal([
        ...[200, 'no-store', 'no-referrer'],
      ]);
    }
    expect((await userOf(site)).emailVerified).to.equal(false);
    const browser = aBrowser(node());
    const page = await browser.go(link);
    expect([titleOf(page), page.html.includes(site.email)]).to.deep.equal(['Confirm your address', true]);
    const done = await browser.submit(page, { action: 'confirm' });
    expect([titleOf(done), done.url.pathname]).to.deep.equal([
      'Your address is confirmed',
      `/t/${site.slug}/verify-email/done`,
    ]);
    expect((await userOf(site)).emailVerified).to.equal(true);
    for (const late of [await browser.go(link), await browser.submit(page, { action: 'confirm' })])
      expect([late.status, titleOf(late)]).to.deep.equal(DEAD);
  });

  it('of a letter to a new address: then the person signs in with it, and the old one hears of it', async () => {
    const { site, email, link, as } = await wishing();
    const browser = aBrowser(node());
    for (const method of ['HEAD', 'GET']) await ask(node(), method, link, { headers: { accept: 'text/html' } });
    const page = await browser.go(link);
    expect(page.html).to.include(email);
    expect((await userOf(site)).email, 'not by looking').to.equal(site.email);
    expect(titleOf(await browser.submit(page, { action: 'confirm' }))).to.equal('Your address is changed');
    expect(await userOf(site)).to.include({ email, emailVerified: true });
    expect((await lastLetter(node(), site, 'email-changed')).to.address).to.equal(site.email);
    expect((await as('GET', '/api/v1/me')).body.email, 'the session goes on').to.equal(email);
    const login = await stranger()('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });
    expect(login.status).to.equal(200);
    const late = await browser.go(link);
    expect([late.status, titleOf(late)]).to.deep.equal(DEAD);
  });

  it('lead nowhere once somebody else has the address, or the session that asked has ended', async () => {
    const [taken, left] = [await wishing(), await wishing()];
    const browser = aBrowser(node());
    const page = await browser.go(taken.link);
    await node().house.services.users.create(taken.site.call, { email: taken.email, status: 'active' });
    const late = await browser.submit(page, { action: 'confirm' });
    expect([late.status, titleOf(late)]).to.deep.equal(DEAD);
    expect((await userOf(taken.site)).email).to.equal(taken.site.email);
    await left.as('POST', '/api/v1/auth/logout', { body: {} });
    const gone = await browser.go(left.link);
    expect([gone.status, titleOf(gone)]).to.deep.equal(DEAD);
  });

  it('change nothing where they are posted from another site, without a page, or with half a token', async () => {
    const { site, email, link, another } = await wishing();
    const browser = aBrowser(node());
    const page = await browser.go(link);
    const token = new URL(link).searchParams.get('token')!;
    const post = async (form: Record<string, string>, headers: Record<string, string> = {}) =>
      (await browser.go(`${site.issuer}/change-email`, form, headers)).status;
    const csrf = csrfOf(page);
    expect(await post({ token })).to.equal(403);
    expect(await post({ token, csrf: csrfOf(await aBrowser(node()).go(link)) })).to.equal(403);
    expect(await post({ token, csrf }, { origin: 'https://evil.example' })).to.equal(403);
    expect(await post({ token, csrf }, { 'sec-fetch-site': 'cross-site' })).to.equal(403);
    for (const wrong of ['', token.slice(0, -1), `${token}A`]) expect(await post({ token: wrong, csrf })).to.equal(400);
    expect(await post({ token, csrf, email: 'other@evil.test' }), 'nothing else is taken').to.equal(200);
    expect((await userOf(site)).email).to.equal(email);
    const other = await another(`third@${site.slug}.test`);
    const elsewhere = other.replace('/change-email', '/verify-email');
    expect((await browser.go(elsewhere)).status, 'a link is for one thing').to.equal(400);
  });

  it('let one of two through, who use one at once, and change the address once', async () => {
    const { site, link } = await wishing();
    const browsers = [aBrowser(node()), aBrowser(node())];
    const pages = await Promise.all(browsers.map((browser) => browser.go(link)));
    const ends = await Promise.all(browsers.map((browser, at) => browser.submit(pages[at]!, { action: 'confirm' })));
    expect(ends.map(({ status }) => status).sort()).to.deep.equal([200, 400]);
    expect((await lettersOf(node(), site)).map(({ template }) => template)).to.deep.equal([
      'email-change',
      'email-changed',
    ]);
  });
});
