import { expect } from 'chai';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { sender } from '../support/api.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { authorization, configured } from '../support/clients.ts';
import { codeOf, siteWithTotp } from '../support/factors.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { settle as settled } from '../support/settle.ts';

const TWO = 'urn:gatehouse:acr:2fa';
describe('second factors on pages', () => {
  let node: TestNode;

  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  const settle = (site: Site, settings: SettingsChange) => settled(node, site, settings);

  /** An application that asks, with what is needed to redeem its answer. */
  async function asking(site: Site, more: Record<string, string> = {}) {
    return authorization(await configured(node, site), { more });
  }

  const isFactorPage = ({ html }: Visited) => html.includes('name="code"') && html.includes('value="verify"');
  const isLoginPage = ({ html }: Visited) => html.includes('name="identifier"');
  const hasLeft = ({ url }: Visited) => url.searchParams.get('code') !== null;
  const titleOf = ({ html }: Visited) => /<title>([^<]*) ·/.exec(html)?.[1];
  const alertOf = ({ html }: Visited) => /role="alert"[\s\S]*?<p>([^<]*)<\/p>/.exec(html)?.[1];

  describe('the page of the second factor', () => {
    it('stands between the password and the application, and both proofs are in the ID token', async () => {
      const site = await aSite(node);
      const { secret } = await siteWithTotp(node, site);
      const browser = aBrowser(node);
      const { url, redeem } = await asking(site);

      const page = await browser.signIn(url, site.email);
      expect([page.status, titleOf(page)]).to.deep.equal([200, 'Confirm that it is you']);
      expect(page.headers.get('cache-control')).to.equal('no-store');
      expect(
        browser.cookies().map(({ name }) => name),
        'no device is known yet',
      ).not.to.include('gh_device');
      const back = await browser.submit(page, { action: 'verify', code: await codeOf(secret) });

      const claims = (await redeem(back.url)).claims();
      expect(claims).to.include({ sub: site.user, acr: TWO });
      expect(claims?.['amr']).to.deep.equal(['pwd', 'otp', 'mfa']);
      expect(browser.cookies().map(({ name }) => name)).to.include('gh_device');
      const again = await browser.go((await asking(site)).url);
      expect(hasLeft(again), 'the session is there').to.equal(true);
    });

    it('says that a code is wrong, and leads to a backup code', async () => {
      const site = await aSite(node);
      const { usedCode, backupCodes } = await siteWithTotp(node, site);
      const browser = aBrowser(node);
      const { url } = await asking(site);
      const page = await browser.signIn(url, site.email);

      const wrong = await browser.submit(page, { action: 'verify', code: usedCode });
      expect([wrong.status, alertOf(wrong)]).to.deep.equal([
        401,
        'This code is wrong or was used before. Wait for the next one and try again.',
      ]);
      const other = await browser.submit(wrong, { action: 'use:backup_code' });
      expect(other.html).to.include('name="factor" value="backup_code"').and.include('value="use:totp"');
      const back = await browser.submit(other, { action: 'verify', code: backupCodes[0]!.toLowerCase() });
      expect(hasLeft(back)).to.equal(true);
    });

    it('is shown again when it is loaded again, and goes back to the password after five wrong codes', async () => {
      const site = await aSite(node);
      const { secret, usedCode } = await siteWithTotp(node, site);
      const browser = aBrowser(node);
      let page = await browser.signIn((await asking(site)).url, site.email);
      const reloaded = await browser.go(page.url);
      expect(isFactorPage(reloaded)).to.equal(true);
      for (let tries = 0; tries < 5; tries++)
        page = await browser.submit(reloaded, { action: 'verify', code: usedCode });
      expect(isFactorPage(page)).to.equal(true);

      const ended = await browser.submit(page, { action: 'verify', code: await codeOf(secret) });
      expect([ended.status, isLoginPage(ended)]).to.deep.equal([401, true]);
      expect(alertOf(ended)).to.include('Please start again');
    });

    it('counts wrong codes with those of programs, for the account', async () => {
      const site = await aSite(node);
      const { usedCode, secret, backupCodes } = await siteWithTotp(node, site);
      const send = sender(() => node.port);
      for (let round = 0; round < 2; round++) {
        const { body } = await send('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
        for (let tries = 0; tries < 5; tries++) {
          const answer = { challengeId: body.challengeId, factor: 'totp', code: usedCode };
          expect((await send('POST', '/api/v1/auth/mfa/verify', { body: answer })).status).to.equal(401);
        }
      }
      const browser = aBrowser(node);
      const page = await browser.signIn((await asking(site)).url, site.email);
      const held = await browser.submit(page, { action: 'verify', code: await codeOf(secret) });
      expect([held.status, alertOf(held)]).to.deep.equal([
        429,
        'Too many attempts. Please wait a few minutes, then try again.',
      ]);
      const other = await browser.submit(held, { action: 'use:backup_code' });
      expect(hasLeft(await browser.submit(other, { action: 'verify', code: backupCodes[0]! }))).to.equal(true);
    });

    it('belongs to one browser and one sign-in', async () => {
      const site = await aSite(node);
      const { secret } = await siteWithTotp(node, site);
      const [mine, theirs] = [aBrowser(node), aBrowser(node)];
      const page = await mine.signIn((await asking(site)).url, site.email);
      const stolen = await theirs.submit(page, { action: 'verify', code: await codeOf(secret) });
      expect([stolen.status, hasLeft(stolen)]).to.deep.equal([400, false]);
      const fresh = await mine.go((await asking(site)).url);
      expect(isLoginPage(fresh), 'another tab begins at the beginning').to.equal(true);
      const cheated = await mine.submit(fresh, { action: 'verify', code: await codeOf(secret), factor: 'totp' });
      expect(isLoginPage(cheated)).to.equal(true);
    });

    it('is not asked again on a browser that was told to remember, for as long as the tenant allows', async () => {
      const site = await aSite(node);
      await settle(site, { mfa: { rememberDeviceDays: 30 } });
      const { secret, backupCodes } = await siteWithTotp(node, site);
      const browser = aBrowser(node);
      const page = await browser.signIn((await asking(site)).url, site.email);
      expect(page.html).to.include('for 30 days');
      await browser.submit(page, { action: 'verify', code: await codeOf(secret), remember_device: '1' });

      const anew = await asking(site, { prompt: 'login' });
      const back = await browser.signIn(anew.url, site.email);
      expect(hasLeft(back)).to.equal(true);
      expect((await anew.redeem(back.url)).claims(), 'one factor was shown').to.include({
        acr: 'urn:gatehouse:acr:1fa',
      });
      expect(isFactorPage(await aBrowser(node).signIn((await asking(site)).url, site.email))).to.equal(true);

      await settle(site, { mfa: { rememberDeviceDays: 0 } });
      const asked = await browser.signIn((await asking(site, { prompt: 'login' })).url, site.email);
      expect(isFactorPage(asked)).to.equal(true);
      const other = await browser.submit(asked, { action: 'use:backup_code' });
      expect(hasLeft(await browser.submit(other, { action: 'verify', code: backupCodes[0]! }))).to.equal(true);
    });
  });

  describe('a session of one factor', () => {
    /** A browser that was signed in before its owner enrolled a factor elsewhere. */
    async function aWeakSession() {
      const site = await aSite(node);
      const browser = aBrowser(node);
      const first = await asking(site);
      const tokens = await first.redeem((await browser.signIn(first.url, site.email)).url);
      return { site, browser, authTime: tokens.claims()?.['auth_time'], ...(await siteWithTotp(node, site)) };
    }

    it('is asked for the factor, and for nothing else, by acr_values; the time of the login stays', async () => {
      const { site, browser, secret, authTime } = await aWeakSession();
      const { url, redeem } = await asking(site, { acr_values: TWO });
      const page = await browser.go(url);
      expect([isFactorPage(page), isLoginPage(page)]).to.deep.equal([true, false]);
      expect(isFactorPage(await browser.go(page.url)), 'loaded again').to.equal(true);
      const claims = (
        await redeem((await browser.submit(page, { action: 'verify', code: await codeOf(secret) })).url)
      ).claims();

      expect(claims).to.include({ acr: TWO, auth_time: authTime });
      expect(claims?.['amr']).to.deep.equal(['pwd', 'otp', 'mfa']);
      expect(hasLeft(await browser.go((await asking(site, { acr_values: TWO })).url)), 'once').to.equal(true);
    });

    it('is asked by an essential acr claim too, and not by a voluntary request for less', async () => {
      const { site, browser } = await aWeakSession();
      const claims = JSON.stringify({ id_token: { acr: { essential: true, values: [TWO] } } });
      expect(isFactorPage(await browser.go((await asking(site, { claims })).url))).to.equal(true);
      expect(
        hasLeft(await browser.go((await asking(site, { acr_values: `urn:gatehouse:acr:1fa ${TWO}` })).url)),
      ).to.equal(true);
    });

    it('asks for password and factor when the login is too old', async () => {
      const { site, browser, secret } = await aWeakSession();
      const { url, redeem } = await asking(site, { max_age: '0', acr_values: TWO });
      const page = await browser.signIn(url, site.email);
      expect(isFactorPage(page)).to.equal(true);
      const back = await browser.submit(page, { action: 'verify', code: await codeOf(secret) });
      expect((await redeem(back.url)).claims()).to.include({ acr: TWO });
    });

    it('gets another five tries after five wrong codes, and can turn back', async () => {
      const { site, browser, usedCode } = await aWeakSession();
      let page = await browser.go((await asking(site, { acr_values: TWO })).url);
      for (let tries = 0; tries < 6; tries++) page = await browser.submit(page, { action: 'verify', code: usedCode });
      expect(isFactorPage(page)).to.equal(true);
      const back = await browser.submit(page, { action: 'cancel' });
      expect(back.url.searchParams.get('error')).to.equal('access_denied');
    });

    it('goes on under a new name: the cookie of before is worth nothing (SE01)', async () => {
      const { site, browser, secret } = await aWeakSession();
      const before = browser.cookies();
      const page = await browser.go((await asking(site, { acr_values: TWO })).url);
      await browser.submit(page, { action: 'verify', code: await codeOf(secret) });
      const thief = aBrowser(node);
      thief.setCookies(before);
      expect(isLoginPage(await thief.go((await asking(site)).url))).to.equal(true);
    });

    it('is told by prompt=none that something is to be done', async () => {
      const { site, browser } = await aWeakSession();
      const { url } = await browser.go((await asking(site, { acr_values: TWO, prompt: 'none' })).url);
      expect(url.searchParams.get('error')).to.equal('interaction_required');
    });

    it('is asked once the tenant demands it, and a session of two factors is not', async () => {
      const { site, browser, secret } = await aWeakSession();
      expect(hasLeft(await browser.go((await asking(site)).url))).to.equal(true);
      await settle(site, { mfa: { mode: 'required' } });
      const page = await browser.go((await asking(site)).url);
      expect(isFactorPage(page)).to.equal(true);
      expect(hasLeft(await browser.submit(page, { action: 'verify', code: await codeOf(secret) }))).to.equal(true);
      expect(hasLeft(await browser.go((await asking(site)).url))).to.equal(true);
    });
  });

  describe('enrolling during a sign-in', () => {
    const secretOf = ({ html }: Visited) =>
      /<code class="secret"[^>]*>([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '');
    const codesOf = ({ html }: Visited) => [...html.matchAll(/<code>([0-9A-Z-]{17})</g)].map(([, code]) => code!);

    it('shows picture and text, takes the first code, and shows ten backup codes once', async () => {
      const site = await aSite(node);
      await settle(site, { mfa: { mode: 'required_for_roles', roles: ['TENANT_ADMIN'] } });
      const browser = aBrowser(node);
      const { url, redeem } = await asking(site, { acr_values: TWO });

      const page = await browser.signIn(url, site.email);
      expect([page.status, titleOf(page)]).to.deep.equal([200, 'Set up an authenticator app']);
      const secret = secretOf(page)!;
      expect(page.html).to.match(/src="data:image\/png;base64,/);
      expect(secretOf(await browser.go(page.url)), 'loaded again').to.equal(secret);
      const wrong = await browser.submit(page, { action: 'enrol', code: '12' });
      expect([wrong.status, secretOf(wrong)]).to.deep.equal([401, secret]);

      const codes = await browser.submit(wrong, { action: 'enrol', code: await codeOf(secret) });
      expect(codesOf(codes)).to.have.length(10);
      expect(codes.html).not.to.include(secret);
      const back = await browser.submit(codes, { action: 'seen' });
      const claims = (await redeem(back.url)).claims();
      expect(claims).to.include({ sub: site.user, acr: TWO });
      expect(claims?.['amr']).to.deep.equal(['pwd', 'otp', 'mfa']);

      const next = await aBrowser(node).signIn((await asking(site)).url, site.email);
      expect(isFactorPage(next)).to.equal(true);
    });

    it('does not show the codes again, and goes on when the page is loaded again', async () => {
      const site = await aSite(node);
      await settle(site, { mfa: { mode: 'required' } });
      const browser = aBrowser(node);
      const page = await browser.signIn((await asking(site)).url, site.email);
      const codes = await browser.submit(page, { action: 'enrol', code: await codeOf(secretOf(page)!) });
      expect(hasLeft(await browser.go(codes.url))).to.equal(true);
    });

    it('is no way around the factor for who knows the password only', async () => {
      const site = await aSite(node);
      await settle(site, { mfa: { mode: 'required' } });
      const thief = aBrowser(node);
      const page = await thief.signIn((await asking(site)).url, site.email);
      await settle(site, { mfa: { mode: 'optional' } });
      await siteWithTotp(node, site);
      const late = await thief.submit(page, { action: 'enrol', code: await codeOf(secretOf(page)!) });
      expect([hasLeft(late), isLoginPage(late)]).to.deep.equal([false, true]);
    });

    it('is asked of a session that began before the tenant demanded it', async () => {
      const site = await aSite(node);
      const browser = aBrowser(node);
      await browser.signIn((await asking(site)).url, site.email);
      await settle(site, { mfa: { mode: 'required' } });
      const page = await browser.go((await asking(site)).url);
      const codes = await browser.submit(page, { action: 'enrol', code: await codeOf(secretOf(page)!) });
      expect(codesOf(codes)).to.have.length(10);
      expect(hasLeft(await browser.submit(codes, { action: 'seen' }))).to.equal(true);
    });
  });
});
