import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { describeInBrowser, openChromium } from '../support/chromium.ts';
import { authorization, configured } from '../support/clients.ts';
import { inEmptyDatabase } from '../support/empty-database.ts';
import { linksOf, openEveryLink } from '../support/link-robot.ts';
import { aSite, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { settle } from '../support/settle.ts';
import { type Received, type Sink, smtpSink } from '../support/smtp-sink.ts';

const NEXT = 'seven quiet rivers at dawn';
const WITHOUT: BrowserContextOptions = { javaScriptEnabled: false };

describeInBrowser('by letters, in a browser', function (this: Mocha.Suite) {
  this.timeout(90_000);
  let chromium: Browser;
  let sink: Sink;
  let node: TestNode;
  let application: http.Server;
  let callback: string;
  let end: () => Promise<void>;

  before(async () => {
    chromium = await openChromium();
    sink = await smtpSink();
    application = http.createServer((_request, response) => response.end('<!doctype html><title>Welcome back</title>'));
    application.listen(0, '127.0.0.1');
    await once(application, 'listening');
    callback = `http://localhost:${(application.address() as AddressInfo).port}/cb`;
    const ended = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    // Letters go out in the background, so no other test's are in this database.
    const lasting = inEmptyDatabase(async (_db, database) => {
      node = await startNode({ settings: { SMTP_URL: sink.url, RATE_LIMITS: 'false' }, background: true, database });
      begun.resolve();
      await ended.promise;
      await node.stop();
    });
    lasting.catch(begun.reject);
    end = async () => {
      ended.resolve();
      await lasting;
    };
    await begun.promise;
  });
  after(async () => {
    await chromium?.close();
    await end?.();
    application?.closeAllConnections();
    application?.close();
    await sink?.close();
  });

  async function openSite(settings?: SettingsChange): Promise<Site> {
    const site = await aSite(node, { clients: [{ ...WEB, redirectUris: [callback] }] });
    if (settings) await settle(node, site, settings);
    return site;
  }

  /** A person's browser, on the page to which an application has sent it; and who they are for the application at the end. */
  async function visiting(site: Site, options: BrowserContextOptions = {}) {
    const context = await chromium.newContext(options);
    const complaints: string[] = [];
    context.on('console', (message) => complaints.push(message.text()));
    const page = await context.newPage();
    const { url, redeem } = await authorization(await configured(node, site), { redirectUri: callback });
    await page.goto(url.href);
    return {
      page,
      complaints,
      /** Another tab of the same browser. */
      open: async (link: string): Promise<Page> => {
        const tab = await context.newPage();
        await tab.goto(link);
        return tab;
      },
      welcomed: async (where = page) => {
        await where.waitForURL(`${callback}?**`);
        const claims = (await redeem(new URL(where.url()))).claims();
        await context.close();
        return claims;
      },
    };
  }

  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
  const titled = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor();
  const codeIn = ({ text }: Received) => /\b\d{8}\b/.exec(text)![0];

  /** The link of a letter, once every robot on its way has opened it. */
  async function linkIn(letter: Received, path: string): Promise<string> {
    await openEveryLink(node, letter);
    const link = linksOf(letter).find((each) => each.includes(path));
    if (!link) throw new Error(`no ${path} in ${letter.text}`);
    return link;
  }

  async function choose(page: Page, password: string): Promise<void> {
    await page.locator('#password').fill(password);
    await page.locator('#password_confirmation').fill(password);
    await press(page, 'Save and continue');
  }
  async function logIn(page: Page, email: string, password: string): Promise<void> {
    await page.locator('#identifier').fill(email);
    await page.locator('#password').fill(password);
    await press(page, 'Sign in');
  }
  async function register(page: Page, email: string): Promise<void> {
    await page.getByRole('link', { name: 'Create an account' }).click();
    await titled(page, 'Create an account');
    await page.locator('#first_name').fill('Bob');
    await page.locator('#last_name').fill('Okri');
    await page.locator('#email').fill(email);
    await page.locator('#password').fill(NEXT);
    await page.locator('#password_confirmation').fill(NEXT);
    await press(page, 'Create account');
  }

  describe('a forgotten password', () => {
    async function forgetting(page: Page, { email }: Site): Promise<Received> {
      await page.getByRole('link', { name: 'Forgot your password?' }).click();
      await page.locator('#identifier').fill(email);
      await press(page, 'Send the e-mail');
      await titled(page, 'Check your mail');
      return sink.letterTo(email);
    }

    it('is replaced by the link, and the person goes on to the application', async () => {
      const site = await openSite();
      const ann = await visiting(site, WITHOUT);
      const link = await linkIn(await forgetting(ann.page, site), '/recovery/confirm');
      const tab = await ann.open(link);
      await choose(tab, NEXT);
      await titled(tab, 'Your password is changed');
      await tab.getByRole('link', { name: 'Continue to' }).click();
      await logIn(tab, site.email, NEXT);
      expect((await ann.welcomed(tab))?.sub).to.equal(site.user);
    });

    it('is replaced by the code, in the page that waits', async () => {
      const site = await openSite();
      const ann = await visiting(site, WITHOUT);
      const code = codeIn(await forgetting(ann.page, site));
      await ann.page.locator('#code').fill(code);
      await press(ann.page, 'Continue');
      await choose(ann.page, NEXT);
      await ann.page.getByRole('link', { name: 'Continue to' }).click();
      await logIn(ann.page, site.email, NEXT);
      expect((await ann.welcomed())?.sub).to.equal(site.user);
    });
  });

  describe('an account of one’s own', () => {
    const OPEN: SettingsChange = { registration: { selfService: true } };

    it('is made by the link, after the browser has done its proof of work', async () => {
      const site = await openSite(OPEN);
      const email = `bob@${site.slug}.test`;
      const bob = await visiting(site);
      await register(bob.page, email);
      await titled(bob.page, 'Check your mail');
      const link = await linkIn(await sink.letterTo(email), '/register/confirm');
      const tab = await bob.open(link);
      await titled(tab, 'Confirm your address');
      await press(tab, 'Confirm');
      const claims = await bob.welcomed(tab);
      const made = await node.house.services.users.findByIdentifier(site.call, email);
      expect(claims?.sub).to.equal(made?.id);
      expect((await sink.letterTo(email)).subject).to.include('Welcome');
      expect(bob.complaints).to.deep.equal([]);
    });

    it('is made at once where the browser has done its proof of work and no letter is asked for', async () => {
      const site = await openSite({ registration: { selfService: true, verifyEmail: false } });
      const email = `bob@${site.slug}.test`;
      const bob = await visiting(site);
      await register(bob.page, email);
      const claims = await bob.welcomed();
      expect(claims?.sub).to.equal((await node.house.services.users.findByIdentifier(site.call, email))?.id);
    });

    it('is made by the code, without JavaScript, though no letter is asked for', async () => {
      const site = await openSite({ registration: { selfService: true, verifyEmail: false } });
      const email = `bob@${site.slug}.test`;
      const bob = await visiting(site, WITHOUT);
      await register(bob.page, email);
      await titled(bob.page, 'Check your mail');
      expect(await node.house.services.users.findByIdentifier(site.call, email)).to.equal(undefined);
      await bob.page.locator('#code').fill(codeIn(await sink.letterTo(email)));
      await press(bob.page, 'Continue');
      const claims = await bob.welcomed();
      expect(claims?.sub).to.equal((await node.house.services.users.findByIdentifier(site.call, email))?.id);
    });
  });

  it('an invite is accepted by who is new, without JavaScript', async () => {
    const site = await openSite();
    const email = `bob@${site.slug}.test`;
    await node.house.services.invites.create({ ...site.call, now: new Date() }, { email, roles: ['AUDITOR'] });
    const bob = await visiting(site, WITHOUT);
    const tab = await bob.open(await linkIn(await sink.letterTo(email), '/invite'));
    await titled(tab, `Join Tenant ${site.slug}`);
    await tab.locator('#first_name').fill('Bob');
    await tab.locator('#last_name').fill('Okri');
    await tab.locator('#password').fill(NEXT);
    await tab.locator('#password_confirmation').fill(NEXT);
    await press(tab, 'Accept the invitation');
    await titled(tab, 'Welcome');
    await tab.getByRole('link', { name: 'Sign in' }).click();
    await logIn(tab, email, NEXT);
    await tab.waitForURL(`${site.issuer}/account`);
    expect(bob.complaints).to.deep.equal([]);
  });

  it('an account is asked to be deleted, and kept after all, without JavaScript', async () => {
    const site = await openSite();
    const email = `eve@${site.slug}.test`;
    await node.house.services.users.create(site.call, { email, emailVerified: true, password: NEXT });
    const eve = await visiting(site, WITHOUT);
    const tab = await eve.open(`${site.issuer}/account/privacy`);
    await logIn(tab, email, NEXT);
    await titled(tab, 'Privacy');
    await tab.getByLabel('Tell me about news and offers').check();
    await press(tab, 'Save');
    await tab.getByText('News and offers: allowed on').waitFor();
    await tab.getByRole('link', { name: 'Delete my account' }).click();
    await tab.locator('#current_password').fill(NEXT);
    await press(tab, 'Delete my account');
    await titled(tab, 'Privacy');
    expect((await sink.letterTo(email)).subject).to.include('will be deleted');
    await press(tab, 'Keep my account');
    await tab.getByText('Your account stays.').waitFor();
    const download = tab.waitForEvent('download');
    await press(tab, 'Download my data');
    expect((await download).suggestedFilename()).to.equal('my-data.json');
    expect(eve.complaints).to.deep.equal([]);
  });

  it('a proven address and accepted terms stand between the password and the application', async () => {
    const terms = { versions: [{ version: '1', documents: { en: { text: 'Be kind.' } } }] };
    const site = await openSite({ signIn: { requireVerifiedEmail: true }, terms });
    await node.house.services.users.setVerified(site.call, site.user, { email: false });
    const ann = await visiting(site, WITHOUT);
    await logIn(ann.page, site.email, 'correct horse battery staple');
    await titled(ann.page, 'Check your mail');
    await ann.page.locator('#code').fill(codeIn(await sink.letterTo(site.email)));
    await press(ann.page, 'Continue');
    await titled(ann.page, 'Terms of use');
    await press(ann.page, 'Accept and continue');
    expect((await ann.welcomed())?.sub).to.equal(site.user);
  });
});
