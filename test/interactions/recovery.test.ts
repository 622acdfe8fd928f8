import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { authorization, configured } from '../support/clients.ts';
import { codeOf, siteWithTotp } from '../support/factors.ts';
import { lastLetter, lettersOf } from '../support/letters.ts';
import { aSite, fetchAt, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { ask, isLogin } from '../support/oauth.ts';
import { alertOf, choose, hasLeft, linkTo, titleOf } from '../support/pages.ts';

const NEXT = 'seven quiet rivers at dawn';

describe('a forgotten password on pages', () => {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8' } });
  });
  after(() => node.stop());

  const asking = async (site: Site, more: Record<string, string> = {}) =>
    authorization(await configured(node, site), { more });
  /** Goes from an application to the page that says that a letter is on its way. */
  async function forgotten(site: Site, browser = aBrowser(node), identifier = site.email) {
    const { url, redeem } = await asking(site);
    const login = await browser.go(url);
    const page = await browser.go(linkTo(login, '/recovery'));
    const sent = await browser.submit(page, { identifier, action: 'send' });
    return { browser, login, page, sent, redeem };
  }

  const letterOf = async (site: Site) => (await lastLetter(node, site, 'password-reset')).values;
  const linkOf = async (site: Site) =>
    `${site.issuer}/recovery/confirm?token=${(await letterOf(site)).link.query!['token']}`;

  it('is replaced by the link of a letter, and leads back to the application', async () => {
    const site = await aSite(node);
    const { browser, sent, redeem } = await forgotten(site);
    expect([sent.status, titleOf(sent)]).to.deep.equal([200, 'Check your mail']);

    const page = await browser.go(await linkOf(site));
    expect([page.status, titleOf(page)]).to.deep.equal([200, 'Choose a new password']);
    expect(page.html).to.include(site.email);
    const done = await browser.submit(page, choose(NEXT));
    expect([done.status, titleOf(done), done.url.pathname]).to.deep.equal([
      200,
      'Your password is changed',
      `/t/${site.slug}/recovery/done`,
    ]);
    const login = await browser.go(linkTo(done, '/interaction/'));
    expect(isLogin(login), 'nobody is signed in by a letter').to.equal(true);
    const refused = await browser.submit(login, { identifier: site.email, password: PASSWORD, action: 'login' });
    expect(refused.status).to.equal(401);
    const back = await browser.submit(refused, { identifier: site.email, password: NEXT, action: 'login' });
    expect((await redeem(back.url)).claims()).to.include({ sub: site.user });
  });

  it('is replaced by the code on the browser that asked, and by the link on any', async () => {
    const site = await aSite(node);
    const { browser, sent, redeem } = await forgotten(site);
    const { code } = await letterOf(site);
    const wrong = await browser.submit(sent, { code: '00000000', action: 'verify' });
    expect([wrong.status, alertOf(wrong)]).to.deep.equal([
      401,
      'This code is wrong or no use any more. Please check it, or have the e-mail sent again.',
    ]);
    const stranger = aBrowser(node);
    const theirs = await stranger.submit(await stranger.go(`${site.issuer}/recovery`), { identifier: 'x@x.test' });
    expect((await stranger.submit(theirs, { code: code!, action: 'verify' })).status).to.equal(401);

    const page = await browser.submit(wrong, { code: code!, action: 'verify' });
    expect(titleOf(page)).to.equal('Choose a new password');
    const again = await browser.submit(page, choose(NEXT, 'another'));
    expect([again.status, alertOf(again)]).to.deep.equal([422, 'The two passwords are not the same.']);
    const weak = await browser.submit(again, choose('password1'));
    expect([weak.status, alertOf(weak)?.startsWith('This password does not meet the rules')]).to.deep.equal([
      422,
      true,
    ]);
    const done = await browser.submit(weak, choose(NEXT));
    const back = await browser.signIn(linkTo(done, '/interaction/'), site.email, NEXT);
    expect((await redeem(back.url)).claims()).to.include({ sub: site.user });

    const other = await aSite(node);
    await forgotten(other);
    const phone = aBrowser(node);
    const elsewhere = await phone.submit(await phone.go(await linkOf(other)), choose(NEXT));
    expect(titleOf(elsewhere)).to.equal('Your password is changed');
    expect(elsewhere.html).to.include('go back to where you came from').and.not.include('/interaction/');
  });

  it('ends the session of the browser that asks, whose sign-in can go on all the same', async () => {
    const site = await aSite(node);
    const browser = aBrowser(node);
    await browser.signIn((await asking(site)).url, site.email);
    const { url, redeem } = await asking(site, { prompt: 'login' });
    const page = await browser.go(linkTo(await browser.go(url), '/recovery'));
    await browser.submit(page, { identifier: site.email, action: 'send' });
    const done = await browser.submit(await browser.go(await linkOf(site)), choose(NEXT));
    expect(await node.house.services.sessions.list(site.call, site.user)).to.deep.equal([]);
    const back = await browser.signIn(linkTo(done, '/interaction/'), site.email, NEXT);
    expect((await redeem(back.url)).claims()).to.include({ sub: site.user });
  });

  it('leaves second factors as they are', async () => {
    const site = await aSite(node);
    const { secret } = await siteWithTotp(node, site);
    const { browser, redeem, page } = await forgotten(site);
    expect(page.html).to.include('your administrator can reset it');
    const done = await browser.submit(await browser.go(await linkOf(site)), choose(NEXT));
    const factor = await browser.signIn(linkTo(done, '/interaction/'), site.email, NEXT);
    expect([titleOf(factor), hasLeft(factor)]).to.deep.equal(['Confirm that it is you', false]);
    expect(factor.html).to.include('Your administrator can reset your second step.');
    const back = await browser.submit(factor, { action: 'verify', code: await codeOf(secret) });
    expect((await redeem(back.url)).claims()?.['amr']).to.deep.equal(['pwd', 'otp', 'mfa']);
  });

  it('is answered with the same page, whoever it is about', async () => {
    const site = await aSite(node);
    const suspended = `gone@${site.slug}.test`;
    const { users } = node.house.services;
    const { id } = await users.create(site.call, { email: suspended, password: PASSWORD });
    await users.suspend(site.call, id);
    const pages: string[] = [];
    for (const identifier of [site.email, `nobody@${site.slug}.test`, suspended, 'nobody']) {
      const { sent } = await forgotten(site, aBrowser(node), identifier);
      const same = sent.html
        .replaceAll(identifier, 'NAME')
        .replace(/name="csrf" value="[^"]*"/, '')
        .replace(/interaction\/[\w-]+/, '');
      pages.push(`${sent.status} ${[...sent.headers.keys()].sort().join()} ${same}`);
    }
    expect(new Set(pages).size).to.equal(1);
    expect((await lettersOf(node, site)).map(({ to }) => to.address)).to.deep.equal([site.email]);
  });

  it('is sent again, and no more than three times an hour for one name', async () => {
    const site = await aSite(node);
    const { browser, sent } = await forgotten(site);
    let page = sent;
    for (let more = 0; more < 2; more++) {
      page = await browser.submit(page, { action: 'resend' });
      expect([page.status, page.html.includes('We have sent it again.')]).to.deep.equal([200, true]);
    }
    const over = await browser.submit(page, { action: 'resend' });
    expect([over.status, Number(over.headers.get('retry-after')) > 0]).to.deep.equal([429, true]);
    expect(await lettersOf(node, site)).to.have.lengthOf(3);
  });

  it('asks for a name that somebody could have', async () => {
    const site = await aSite(node);
    const browser = aBrowser(node);
    const page = await browser.go(`${site.issuer}/recovery`);
    expect((await browser.submit(page, { identifier: '  ' })).status).to.equal(422);
    const long = await browser.submit(page, { identifier: 'x'.repeat(1_000) });
    expect([long.status, alertOf(long)?.includes('Please check it')]).to.deep.equal([422, true]);
  });

  describe('the link of a letter', () => {
    it('is used up by nobody who only looks: neither a robot nor a reload', async () => {
      const site = await aSite(node);
      await forgotten(site);
      const link = await linkOf(site);
      for (const method of ['GET', 'HEAD', 'GET', 'HEAD']) {
        const { status, headers } = await ask(node, method, link, { headers: { accept: 'text/html' } });
        expect([status, headers.get('cache-control'), headers.get('referrer-policy')]).to.deep.equal([
          200,
          'no-store',
          'no-referrer',
        ]);
      }
      const browser = aBrowser(node);
      const page = await browser.go(link);
      await browser.go(link);
      expect(titleOf(await browser.submit(page, choose(NEXT)))).to.equal('Your password is changed');
      const used = await browser.go(link);
      expect([used.status, titleOf(used)]).to.deep.equal([400, 'This link does not work any more']);
      expect(linkTo(used, '/recovery').pathname).to.equal(`/t/${site.slug}/recovery`);
      const late = await browser.submit(page, choose('another good sentence'));
      expect([late.status, titleOf(late)]).to.deep.equal([400, 'This link does not work any more']);
    });

    it('opens nothing without a token, with half of one, or at another tenant', async () => {
      const [site, other] = [await aSite(node), await aSite(node)];
      await forgotten(site);
      const token = (await letterOf(site)).link.query!['token']!;
      const browser = aBrowser(node);
      for (const query of ['', '?token=', `?token=${token.slice(0, -1)}`, `?token=${token}&token=${token}`]) {
        const page = await browser.go(`${site.issuer}/recovery/confirm${query}`);
        expect([query, page.status, titleOf(page)]).to.deep.equal([query, 400, 'This link does not work any more']);
      }
      expect((await browser.go(`${other.issuer}/recovery/confirm?token=${token}`)).status).to.equal(400);
    });

    it('goes out with the address that is configured, whatever the headers say', async () => {
      const site = await aSite(node);
      const browser = aBrowser(node);
      const page = await browser.go(`${site.issuer}/recovery`);
      const lies = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        forwarded: 'host=evil.example;proto=https',
        'x-original-url': 'https://evil.example/',
      };
      const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)![1]!;
      await browser.go(page.url, { csrf, identifier: site.email }, lies);
      const letter = await lastLetter(node, site, 'password-reset');
      expect(letter.base).to.equal(site.issuer);
      expect(JSON.stringify(letter)).not.to.include('evil');
      const poisoned = await fetchAt(node)(`http://evil.example/t/${site.slug}/recovery`);
      expect(poisoned.status).to.equal(421);
    });

    it('lets one of two in, who use it at once', async () => {
      const site = await aSite(node);
      await forgotten(site);
      const link = await linkOf(site);
      const browsers = [aBrowser(node), aBrowser(node)];
      const pages = await Promise.all(browsers.map((browser) => browser.go(link)));
      const ends = await Promise.all(
        browsers.map((browser, at) => browser.submit(pages[at]!, choose(`the password of browser ${at}`))),
      );
      expect(ends.map(({ status }) => status).sort()).to.deep.equal([200, 400]);
      expect((await lettersOf(node, site)).map(({ template }) => template)).to.deep.equal([
        'password-reset',
        'password-changed',
      ]);
    });
  });
});
