import { expect } from 'chai';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { newId } from '../../src/kernel/ids.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { solved } from '../support/captcha.ts';
import { authorization, configured } from '../support/clients.ts';
import { lastLetter, lettersOf } from '../support/letters.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { ask, isLogin } from '../support/oauth.ts';
import { alertOf, csrfOf, hasLeft, linkTo, titleOf } from '../support/pages.ts';
import { openRegistration } from '../support/registration.ts';

describe('registration on pages', () => {
  let node: TestNode;
  let addresses = 0;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8' } });
  });
  after(() => node.stop());

  async function openSite(registration: SettingsChange['registration'] = {}): Promise<Site> {
    const site = await aSite(node);
    await openRegistration(node, site, registration);
    return site;
  }
  const asking = async (site: Site, more: Record<string, string> = {}) =>
    authorization(await configured(node, site), { more });

  const aForm = (more: Record<string, string> = {}) => ({
    first_name: 'Bob',
    last_name: 'Okri',
    email: `bob-${newId()}@example.com`,
    password: PASSWORD,
    password_confirmation: PASSWORD,
    ...more,
  });

  /** A browser with an address of its own. */
  function someone() {
    addresses += 1;
    const browser = aBrowser(node);
    const from = { 'x-forwarded-for': `198.19.${addresses >> 8}.${addresses & 255}` };
    return {
      ...browser,
      go: (url: string | URL, form?: Record<string, string>, headers = {}) =>
        browser.go(url, form, { ...from, ...headers }),
    };
  }

  /** Goes from an application to the page that says that a letter is on its way. */
  async function registering(site: Site, form = aForm(), browser = aBrowser(node)) {
    const { url, redeem } = await asking(site);
    const page = await browser.go(linkTo(await browser.go(url), '/register'));
    return { browser, page, form, redeem, sent: await browser.submit(page, form) };
  }
  const proofOf = async (site: Site) => (await lastLetter(node, site, 'verify-email')).values;
  const linkOf = async (site: Site) =>
    `${site.issuer}/register/confirm?token=${(await proofOf(site)).link.query!['token']}`;
  const usersOf = async (site: Site, email: string) => node.house.services.users.findByIdentifier(site.call, email);

  it('leads by the code of the letter to the application, without another password', async () => {
    const site = await openSite();
    const { browser, page, form, sent, redeem } = await registering(site);
    expect([page.status, titleOf(page), page.html.includes('to continue to')]).to.deep.equal([
      200,
      'Create an account',
      true,
    ]);
    expect([sent.status, titleOf(sent)]).to.deep.equal([200, 'Check your mail']);
    expect(await usersOf(site, form.email), 'nobody yet').to.equal(undefined);
    const wrong = await browser.submit(sent, { code: '00000000', action: 'verify' });
    expect(wrong.status).to.equal(401);
    const back = await browser.submit(wrong, { code: (await proofOf(site)).code!, action: 'verify' });
    const claims = (await redeem(back.url)).claims();
    const bob = await usersOf(site, form.email);
    expect(claims).to.include({ sub: bob!.id, acr: 'urn:gatehouse:acr:1fa' });
    expect(claims?.['amr']).to.deep.equal(['pwd']);
    expect(bob).to.include({ emailVerified: true, status: 'active', firstName: 'Bob', locale: 'en' });
    expect((await lettersOf(node, site)).map(({ template }) => template)).to.deep.equal(['verify-email', 'welcome']);
  });

  it('leads by the link, opened in the same browser, to the application', async () => {
    const site = await openSite();
    const { browser, form, redeem } = await registering(site);
    const page = await browser.go(await linkOf(site));
    expect([page.status, titleOf(page)]).to.deep.equal([200, 'Confirm your address']);
    expect(page.html).to.include(form.email).and.not.include('name="password"');
    const back = await browser.submit(page, { action: 'confirm' });
    expect((await redeem(back.url)).claims()?.sub).to.equal((await usersOf(site, form.email))!.id);
  });

  it('asks for the password where the link is opened elsewhere; the browser that began goes on by itself', async () => {
    const site = await openSite();
    const { browser, form, sent, redeem } = await registering(site);
    const phone = aBrowser(node);
    const page = await phone.go(await linkOf(site));
    expect(page.html).to.include('name="password"');
    const wrong = await phone.submit(page, { action: 'confirm', password: 'a guess' });
    expect([wrong.status, alertOf(wrong)]).to.deep.equal([
      401,
      'This is not the password that was chosen. Please try again.',
    ]);
    expect(await usersOf(site, form.email)).to.equal(undefined);
    const done = await phone.submit(wrong, { action: 'confirm', password: PASSWORD });
    expect([titleOf(done), done.html.includes('/interaction/')]).to.deep.equal(['Your account is ready', false]);

    const login = await browser.submit(sent, { action: 'opened' });
    expect(isLogin(login)).to.equal(true);
    const back = await browser.submit(login, { identifier: form.email, password: PASSWORD, action: 'login' });
    expect((await redeem(back.url)).claims()?.sub).to.equal((await usersOf(site, form.email))!.id);
  });

  it('answers with the same page, whoever has the address, and writes one letter to it', async () => {
    const site = await openSite();
    const pages: string[] = [];
    for (const email of [`free-${newId()}@example.com`, site.email]) {
      const { sent } = await registering(site, aForm({ email }));
      const same = sent.html
        .replaceAll(email, 'ADDRESS')
        .replace(/name="csrf" value="[^"]*"/, '')
        .replaceAll(/interaction\/[\w-]+/g, '');
      pages.push(`${sent.status} ${[...sent.headers.keys()].sort().join()} ${same}`);
    }
    expect(pages[1]).to.equal(pages[0]);
    expect((await lettersOf(node, site)).map(({ template, to }) => [template, to.address])).to.deep.include.members([
      ['account-exists', site.email],
    ]);
    expect(await lettersOf(node, site)).to.have.lengthOf(2);
  });

  it('sends the letter again, to the browser that registered', async () => {
    const site = await openSite();
    const { browser, sent } = await registering(site);
    const again = await browser.submit(sent, { action: 'resend' });
    expect([again.status, again.html.includes('We have sent it again.')]).to.deep.equal([200, true]);
    expect(await lettersOf(node, site)).to.have.lengthOf(2);
    const back = await browser.submit(again, { code: (await proofOf(site)).code!, action: 'verify' });
    expect(hasLeft(back)).to.equal(true);
  });

  it('is not there where the tenant makes its users itself', async () => {
    const site = await aSite(node);
    const browser = aBrowser(node);
    const login = await browser.go((await asking(site)).url);
    expect(login.html).not.to.include('/register');
    const page = await browser.go(`${site.issuer}/register`);
    expect([page.status, titleOf(page)]).to.deep.equal([403, 'You cannot register here yourself']);
    const recovery = await browser.go(`${site.issuer}/recovery`);
    const posted = await browser.go(`${site.issuer}/register`, { csrf: csrfOf(recovery), ...aForm() });
    expect(posted.status).to.equal(403);
    expect(await lettersOf(node, site)).to.deep.equal([]);
  });

  it('says what is wrong, keeps what was typed, and takes nothing else', async () => {
    const site = await openSite({ emailDomains: ['example.com'] });
    const browser = someone();
    const page = await browser.go(`${site.issuer}/register`);
    const post = (form: Record<string, string>) => browser.go(page.url, { csrf: csrfOf(page), ...form });
    const problems: [Record<string, string>, number, string][] = [
      [{ password_confirmation: 'x' }, 422, 'The two passwords are not the same.'],
      [{ password: 'password1', password_confirmation: 'password1' }, 422, 'This password does not meet the rules.'],
      [{ email: 'nobody' }, 422, 'This e-mail address cannot be used here.'],
      [{ email: 'a@x.test\r\nBcc: b@x.test' }, 422, 'This e-mail address cannot be used here.'],
      [{ email: 'bob@evil.test' }, 422, 'This e-mail address cannot be used here.'],
      [{ first_name: 'Bob\u0007' }, 422, 'Please enter your first and last name'],
      [{ last_name: '' }, 422, 'Please enter your first and last name'],
    ];
    for (const [more, status, text] of problems) {
      const again = await post(aForm(more));
      expect([more, again.status, alertOf(again)?.slice(0, text.length)]).to.deep.equal([more, status, text]);
      expect(again.html).to.include(`value="${more['last_name'] ?? 'Okri'}"`);
      expect(again.html).not.to.include(PASSWORD);
    }
    expect(await lettersOf(node, site)).to.deep.equal([]);
    const greedy = aForm({
      role: 'TENANT_ADMIN',
      roles: 'TENANT_ADMIN',
      status: 'active',
      email_verified: 'true',
      id: '1',
    });
    expect((await post(greedy)).status).to.equal(200);
    const { code } = await proofOf(site);
    await browser.go(`${site.issuer}/register/code`, { csrf: csrfOf(page), code: code!, action: 'verify' });
    const bob = await usersOf(site, greedy.email);
    expect(await node.house.services.access.accessOf(site.call, bob!.id)).to.deep.equal({ roles: [], permissions: [] });
  });

  it('makes the account at once where no proof is demanded, signs in, and says that an address is taken', async () => {
    const site = await openSite({ verifyEmail: false });
    const { sent, redeem, form } = await registering(site);
    expect((await redeem(sent.url)).claims()?.sub).to.equal((await usersOf(site, form.email))!.id);
    const second = await registering(site, form);
    expect([second.sent.status, alertOf(second.sent)?.startsWith('There is an account')]).to.deep.equal([409, true]);
  });

  it('begins at once for an application that asks for it (prompt=create)', async () => {
    const site = await openSite();
    const promptsOf = async ({ issuer }: Site) =>
      (await ask(node, 'GET', `${issuer}/.well-known/openid-configuration`)).body.prompt_values_supported;
    expect(await promptsOf(site)).to.deep.equal(['none', 'login', 'consent', 'select_account', 'create']);
    const { url, redeem } = await asking(site, { prompt: 'create' });
    const browser = aBrowser(node);
    const page = await browser.go(url);
    expect(titleOf(page)).to.equal('Create an account');
    const login = await browser.go(linkTo(page, '/interaction/'));
    expect(isLogin(login), 'whoever has an account can turn back').to.equal(true);
    const sent = await browser.submit(page, aForm());
    const back = await browser.submit(sent, { code: (await proofOf(site)).code!, action: 'verify' });
    expect((await redeem(back.url)).claims()?.['amr']).to.deep.equal(['pwd']);
    const closed = await aSite(node);
    expect(await promptsOf(closed)).not.to.include('create');
    expect(isLogin(await aBrowser(node).go((await asking(closed, { prompt: 'create' })).url))).to.equal(true);
  });

  describe('with a CAPTCHA', () => {
    const challengeOf = ({ html }: Visited) =>
      JSON.parse(/data-captcha-challenge="([^"]*)"/.exec(html)![1]!.replaceAll('&#34;', '"'));

    it('takes the answer to the challenge of the page, once', async () => {
      const site = await openSite({ captcha: 'altcha', verifyEmail: false });
      const browser = someone();
      const page = await browser.go(`${site.issuer}/register`);
      const captcha = await solved(challengeOf(page));
      const post = (form: Record<string, string>) => browser.go(page.url, { csrf: csrfOf(page), captcha, ...form });
      expect(titleOf(await post(aForm()))).to.equal('Your account is ready');
      const again = await post(aForm());
      expect([again.status, alertOf(again)]).to.deep.equal([
        422,
        'We could not make sure that you are no robot. Please try once more.',
      ]);
      expect(challengeOf(again).parameters.nonce, 'another challenge').not.to.equal(challengeOf(page).parameters.nonce);
      expect((await post(aForm({ captcha: 'nonsense' }))).status).to.equal(422);
    });

    it('lets people without JavaScript in, who prove their address first, and fewer of them', async () => {
      const site = await openSite({ captcha: 'altcha', verifyEmail: false });
      const browser = someone();
      const page = await browser.go(`${site.issuer}/register`);
      const post = (form: Record<string, string>) => browser.go(page.url, { csrf: csrfOf(page), captcha: '', ...form });
      for (let more = 0; more < 5; more++) expect(titleOf(await post(aForm()))).to.equal('Check your mail');
      const over = await post(aForm());
      expect([over.status, Number(over.headers.get('retry-after')) > 0]).to.deep.equal([429, true]);
    });
  });

  describe('the link of the letter', () => {
    it('makes nobody for who only looks, and is no use afterwards', async () => {
      const site = await openSite();
      const { browser, form } = await registering(site);
      const link = await linkOf(site);
      for (const method of ['GET', 'HEAD']) {
        const { status, headers } = await ask(node, method, link, { headers: { accept: 'text/html' } });
        expect([status, headers.get('cache-control'), headers.get('referrer-policy')]).to.deep.equal([
          ...[200, 'no-store', 'no-referrer'],
        ]);
      }
      expect(await usersOf(site, form.email)).to.equal(undefined);
      expect(hasLeft(await browser.submit(await browser.go(link), { action: 'confirm' }))).to.equal(true);
      const used = await browser.go(link);
      expect([used.status, titleOf(used)]).to.deep.equal([400, 'This link does not work any more']);
    });

    it('skips no step', async () => {
      const site = await openSite();
      const browser = aBrowser(node);
      const page = await browser.go(`${site.issuer}/register`);
      const post = (path: string, form: Record<string, string>) =>
        browser.go(`${site.issuer}${path}`, { csrf: csrfOf(page), ...form });
      expect((await post('/register/confirm', {})).status).to.equal(400);
      expect((await post('/register/confirm', { token: 'x', password: PASSWORD })).status).to.equal(400);
      expect((await post('/register/code', { action: 'verify', code: '12345678', email: site.email })).status).to.equal(
        401,
      );
      expect((await post('/register/code', {})).status).to.equal(401);
      expect(await lettersOf(node, site)).to.deep.equal([]);
    });
  });
});
