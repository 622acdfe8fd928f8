import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { servingAccounts } from '../support/account.ts';
import { aBrowser } from '../support/browser.ts';
import { describeInBrowser, openChromium } from '../support/chromium.ts';
import { codeOf } from '../support/factors.ts';
import { PASSWORD, type Site, WEB } from '../support/node.ts';
import { introspect, isLogin, someTokens } from '../support/oauth.ts';

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0';

describeInBrowser('the account in a browser without JavaScript', function (this: Mocha.Suite) {
  this.timeout(90_000);
  const { node, site, enter } = servingAccounts();
  let chromium: Browser;
  before(async () => {
    chromium = await openChromium();
  });
  after(() => chromium?.close());

  const heading = (page: Page) => page.getByRole('heading', { level: 1 }).textContent();
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
  const follow = (page: Page, name: string | RegExp) => page.getByRole('link', { name }).first().click();

  async function signIn(page: Page, its: Site): Promise<void> {
    await page.goto(`${its.issuer}/account`);
    await page.getByLabel('E-mail or user name').fill(its.email);
    await page.getByLabel('Password').fill(PASSWORD);
    await press(page, 'Sign in');
  }

  it('lets a person change their name, add a factor, end a sign-in, remove an application, and leave', async () => {
    const its = await site({ clients: [{ ...WEB, name: 'Harbour Books' }] });
    const tokens = await someTokens(node(), its);
    const other = await enter(its, aBrowser(node(), { userAgent: FIREFOX }));
    const context = await chromium.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));

    await signIn(page, its);
    expect(await heading(page)).to.equal('Ann Lee');
    await follow(page, /^Profile/);
    await page.getByLabel('First name').fill('Zoë');
    await press(page, 'Save');
    expect(await page.getByRole('status').textContent()).to.include('Your profile is saved.');

    await follow(page, 'Your account');
    expect(await heading(page)).to.equal('Zoë Lee');
    await follow(page, /^Security/);
    await follow(page, 'Set up an authenticator app');
    await press(page, 'Begin');
    await page.getByText('Type the key instead').click();
    const secret = (await page.locator('.secret').textContent())!.replaceAll(' ', '');
    expect(
      await page.locator('.qr').evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
    ).to.be.greaterThan(100);
    await page.getByLabel('Code from the app').fill(await codeOf(secret));
    await press(page, 'Confirm');
    expect(await page.locator('.codes li').count()).to.equal(10);
    await follow(page, 'I have saved them');
    expect(await page.locator('.rows').first().textContent()).to.include('Authenticator app');

    await follow(page, 'Your account');
    await follow(page, /^Sign-ins/);
    expect(await page.locator('.rows > li').count()).to.equal(3);
    await follow(page, /Sign out · Firefox on Windows/);
    expect(await heading(page)).to.equal('Sign out there?');
    await press(page, 'Sign out there');
    expect(await page.locator('.rows > li').count()).to.equal(2);
    expect(isLogin(await other.open())).to.equal(true);

    await follow(page, 'Your account');
    await follow(page, /^Applications/);
    await follow(page, /Remove · Harbour Books/);
    await press(page, 'Remove the access');
    expect(await page.getByText('No application has access to your account.').isVisible()).to.equal(true);
    expect((await introspect(node(), its, tokens.access_token)).body.active).to.equal(false);

    await follow(page, /^Sign out/);
    await press(page, 'Sign out of everything');
    expect(await heading(page)).to.equal('You are signed out');
    await page.goBack();
    await page.goto(`${its.issuer}/account/profile`);
    expect(await heading(page), 'what was there is not there for the next person').to.equal('Sign in');
    expect(complaints).to.deep.equal([]);
    await context.close();
  });

  it('can be used by keyboard alone', async () => {
    const its = await site();
    const page = await chromium.newPage({ javaScriptEnabled: false, viewport: { width: 1280, height: 800 } });
    await signIn(page, its);
    await page.goto(`${its.issuer}/account/language`);
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).to.equal('Skip to the content');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').getAttribute('value'), 'the first button of the page').to.equal('en');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/account/language?lang=ar');
    expect(await page.locator('html').getAttribute('dir')).to.equal('rtl');
    await page.close();
  });
});
