import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { inTransaction } from '../../src/kernel/call.ts';
import { describeInBrowser, openChromium } from '../support/chromium.ts';
import { authorization, configured } from '../support/clients.ts';
import { aSite as anySite, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { eventually } from '../support/oauth.ts';
import {
  type Application,
  anApplication,
  backAtApplication,
  openWindow,
  typePassword,
  type Window,
} from '../support/passkey-browser.ts';
import { settle as settled } from '../support/settle.ts';

const [ONE, TWO] = ['urn:gatehouse:acr:1fa', 'urn:gatehouse:acr:2fa'];

describeInBrowser('passkeys on pages', function (this: Mocha.Suite) {
  this.timeout(90_000);
  let node: TestNode;
  let browser: Browser;
  let application: Application;
  const windows: Window[] = [];

  before(async () => {
    const settings = { RATE_LIMITS: 'false' };
    [node, browser, application] = await Promise.all([startNode({ settings }), openChromium(), anApplication()]);
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
    await application?.stop();
  });
  afterEach(async () => {
    const complaints = windows.flatMap((one) => one.complaints);
    for (const one of windows.splice(0)) await one.close();
    expect(complaints, 'what the browser complained of').to.deep.equal([]);
  });

  async function aWindow(options: Parameters<typeof openWindow>[1] & { autofills?: boolean } = {}): Promise<Window> {
    const one = await openWindow(browser, options);
    windows.push(one);
    // The authenticator of the test answers at once; a browser that fills nothing in waits for the button.
    if (options.autofills !== true)
      await one.page.addInitScript(
        'if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false',
      );
    return one;
  }

  const aSite = () => anySite(node, { clients: [{ ...WEB, redirectUris: [application.redirectUri] }] });

  const settle = (site: Site, settings: SettingsChange) => settled(node, site, settings);

  /** Opens the sign-in of an application. */
  async function asking({ page }: Window, site: Site, more: Record<string, string> = {}) {
    const asked = await authorization(await configured(node, site), { more, redirectUri: application.redirectUri });
    await page.goto(asked.url.href);
    return {
      /** What the ID token says when the browser is back. */
      claims: async (window: Window) => (await asked.redeem(await backAtApplication(window))).claims(),
    };
  }

  const press = ({ page }: Window, name: string) => page.getByRole('button', { name, exact: true }).click();
  const heading = ({ page }: Window, name: string) => page.getByRole('heading', { name, exact: true }).waitFor();
  const alertOf = async ({ page }: Window) => (await page.getByRole('alert').textContent())?.trim();
  const statusOf = async ({ page }: Window) => {
    await page.locator('[data-passkey-status]:not(:empty)').waitFor();
    return page.locator('[data-passkey-status]').textContent();
  };
  const sees = ({ page }: Window, name: string) => page.getByRole('button', { name, exact: true }).isVisible();

  /** A window in which a passkey was added after the password. */
  async function withPasskey(site: Site, options: Parameters<typeof aWindow>[0] = {}) {
    const window = await aWindow(options);
    const asked = await asking(window, site);
    await typePassword(window, site);
    await heading(window, 'Add a passkey');
    await press(window, 'Add a passkey');
    await heading(window, 'Save your backup codes');
    const backupCodes = await window.page.locator('.codes code').allTextContents();
    await press(window, 'I have saved them');
    return { window, backupCodes, claims: await asked.claims(window) };
  }

  it('are offered after a password, and then sign in where the user name is typed', async () => {
    const site = await aSite();
    const { window, backupCodes, claims } = await withPasskey(site, { autofills: true });
    expect(claims).to.deep.include({ sub: site.user, acr: ONE, amr: ['pwd'] });
    expect(backupCodes).to.have.length(10);
    expect(await window.credentials()).to.have.length(1);

    const again = await asking(window, site, { prompt: 'login' });
    const later = await again.claims(window);
    expect(later).to.deep.include({ sub: site.user, acr: TWO, amr: ['hwk', 'user', 'mfa'] });
  });

  it('sign in by the button', async () => {
    const site = await aSite();
    const { window } = await withPasskey(site);
    const asked = await asking(window, site, { prompt: 'login' });
    await press(window, 'Sign in with a passkey');
    expect(await asked.claims(window)).to.deep.include({ sub: site.user, acr: TWO, amr: ['hwk', 'user', 'mfa'] });
  });

  it('are the second factor after the password, first of all', async () => {
    const site = await aSite();
    const { window } = await withPasskey(site);
    const asked = await asking(window, site, { prompt: 'login' });
    await typePassword(window, site);
    await press(window, 'Use my passkey');
    expect(await asked.claims(window)).to.deep.include({ acr: TWO, amr: ['pwd', 'hwk', 'user', 'mfa'] });
  });

  it('that were given up leave every other way', async () => {
    const site = await aSite();
    const { window, backupCodes } = await withPasskey(site);
    await window.setPresent(false);
    const asked = await asking(window, site, { prompt: 'login' });
    await press(window, 'Sign in with a passkey');
    expect(await statusOf(window)).to.equal('No passkey was used. Try again, or use another way.');

    await typePassword(window, site);
    await window.anotherDevice();
    await press(window, 'Use my passkey');
    expect(await statusOf(window)).to.equal('No passkey was used. Try again, or use another way.');
    await press(window, 'Use a backup code');
    await window.page.getByRole('button', { name: 'Use a passkey', exact: true }).waitFor();
    await window.page.locator('#code').fill(backupCodes[0]!);
    await press(window, 'Confirm');
    expect(await asked.claims(window)).to.deep.include({ acr: TWO, amr: ['pwd', 'otp', 'mfa'] });
  });

  it('step a session up, and sign in again where the login is too old', async () => {
    const site = await aSite();
    const { window, claims } = await withPasskey(site);
    const up = await asking(window, site, { acr_values: TWO });
    await heading(window, 'Confirm that it is you');
    await press(window, 'Use my passkey');
    expect(await up.claims(window)).to.deep.include({
      ...{ acr: TWO, amr: ['pwd', 'hwk', 'user', 'mfa'], auth_time: claims?.['auth_time'] },
    });
    const old = await asking(window, site, { max_age: '0', acr_values: TWO });
    await heading(window, 'Sign in');
    await press(window, 'Sign in with a passkey');
    expect(await old.claims(window)).to.deep.include({ acr: TWO, amr: ['hwk', 'user', 'mfa'] });
  });

  it('of one tenant are useless at another on the same host, and stay good at their own', async () => {
    const [site, other] = [await aSite(), await aSite()];
    const { window } = await withPasskey(site);
    await asking(window, other, { prompt: 'login' });
    await press(window, 'Sign in with a passkey');
    await window.page.getByRole('alert').waitFor();
    expect(await alertOf(window)).to.equal('This passkey was not accepted. Try again, or use another way.');
    expect(await window.credentials(), 'the browser was not told to forget it').to.have.length(1);
    const asked = await asking(window, site, { prompt: 'login' });
    await press(window, 'Sign in with a passkey');
    expect(await asked.claims(window)).to.include({ sub: site.user });
  });

  it('that nobody knows any more are forgotten by the browser', async () => {
    const site = await aSite();
    const { window } = await withPasskey(site);
    await inTransaction(site.call, ({ db, tenantId }) => db('factors').where({ tenant_id: tenantId }).delete());
    await asking(window, site, { prompt: 'login' });
    await press(window, 'Sign in with a passkey');
    await window.page.getByRole('alert').waitFor();
    const signal = await window.page.locator('[data-passkey-signal]').getAttribute('data-passkey-signal');
    expect(JSON.parse(signal!)).to.include({ kind: 'unknown', rpId: 'localhost' });
    await eventually('the browser has forgotten it', async () => (await window.credentials()).length === 0);
  });

  it('that were copied are refused, and the owner comes in by a backup code', async () => {
    const site = await aSite();
    const { window, backupCodes } = await withPasskey(site);
    await asking(window, site, { prompt: 'login' });
    await press(window, 'Sign in with a passkey');
    await backAtApplication(window);
    await window.setSignCount(0);
    const asked = await asking(window, site, { prompt: 'login' });
    await press(window, 'Sign in with a passkey');
    await window.page.getByRole('alert').waitFor();
    await typePassword(window, site);
    // A code is asked for at once: the passkey is none any more.
    await window.page.locator('#code').fill(backupCodes[0]!);
    await press(window, 'Confirm');
    expect(await asked.claims(window)).to.include({ sub: site.user });
  });

  it('are asked for with new options when the page has waited', async () => {
    const site = await aSite();
    const { window } = await withPasskey(site);
    await window.page.clock.install();
    const asked = await asking(window, site, { prompt: 'login' });
    const before = await window.page.locator('[data-passkey]').getAttribute('data-passkey-options');
    await window.page.clock.fastForward('06:00');
    const renewed = window.page.waitForRequest(window.page.url());
    await press(window, 'Sign in with a passkey');
    expect((await renewed).resourceType()).to.equal('fetch');
    expect(await asked.claims(window)).to.include({ sub: site.user });
    expect(before).to.include('challenge');
  });

  describe('the offer', () => {
    it('can be put off, and is made once', async () => {
      const site = await aSite();
      const window = await aWindow();
      const asked = await asking(window, site);
      await typePassword(window, site);
      await press(window, 'Not now');
      expect(await asked.claims(window)).to.deep.include({ amr: ['pwd'] });
      const again = await asking(window, site, { prompt: 'login' });
      await typePassword(window, site);
      expect(await again.claims(window)).to.deep.include({ amr: ['pwd'] });
    });

    it('stays when the page is loaded again, and when it is given up', async () => {
      const site = await aSite();
      const window = await aWindow();
      const asked = await asking(window, site);
      await typePassword(window, site);
      await heading(window, 'Add a passkey');
      await window.page.goto(window.page.url());
      await window.setPresent(false);
      await press(window, 'Add a passkey');
      expect(await statusOf(window)).to.equal('No passkey was added. You can try again.');
      await window.setPresent(true);
      await press(window, 'Add a passkey');
      await press(window, 'I have saved them');
      expect(await asked.claims(window)).to.include({ sub: site.user });
    });

    it('is made to no browser that could not keep one, and where the tenant has none', async () => {
      const site = await aSite();
      const bare = await aWindow({ device: false });
      const asked = await asking(bare, site);
      await typePassword(bare, site);
      expect(await asked.claims(bare)).to.include({ sub: site.user });

      await settle(site, { mfa: { allowedFactors: ['totp', 'backup_code'] } });
      const window = await aWindow();
      const other = await asking(window, site);
      expect(await sees(window, 'Sign in with a passkey')).to.equal(false);
      await typePassword(window, site);
      expect(await other.claims(window)).to.include({ sub: site.user });
    });
  });

  describe('where a second factor is demanded', () => {
    it('are offered beside the application, and count as the second factor', async () => {
      const site = await aSite();
      await settle(site, { mfa: { mode: 'required' } });
      const window = await aWindow();
      const asked = await asking(window, site);
      await typePassword(window, site);
      await heading(window, 'Set up an authenticator app');
      await press(window, 'Use a passkey instead');
      await press(window, 'I have saved them');
      expect(await asked.claims(window)).to.deep.include({ acr: TWO, amr: ['pwd', 'hwk', 'user', 'mfa'] });
    });

    it('are all there is where the tenant takes nothing else', async () => {
      const site = await aSite();
      await settle(site, { mfa: { mode: 'required', allowedFactors: ['webauthn'] } });
      const window = await aWindow();
      const asked = await asking(window, site);
      await typePassword(window, site);
      await press(window, 'Add a passkey');
      expect(await asked.claims(window)).to.deep.include({ acr: TWO, amr: ['pwd', 'hwk', 'user', 'mfa'] });
    });
  });

  describe('without JavaScript', () => {
    it('are nowhere to be seen, and everything else works', async () => {
      const site = await aSite();
      const { backupCodes } = await withPasskey(site);
      const plain = await openWindow(browser, { javaScriptEnabled: false, device: false });
      windows.push(plain);
      const asked = await asking(plain, site);
      expect(await sees(plain, 'Sign in with a passkey')).to.equal(false);
      await typePassword(plain, site);
      await heading(plain, 'Confirm that it is you');
      expect(await sees(plain, 'Use my passkey')).to.equal(false);
      expect(await plain.page.locator('main').textContent()).to.include('Passkeys need JavaScript');
      await press(plain, 'Use a backup code');
      await plain.page.locator('#code').fill(backupCodes[0]!);
      await press(plain, 'Confirm');
      expect(await asked.claims(plain)).to.include({ sub: site.user });
    });
  });
});
