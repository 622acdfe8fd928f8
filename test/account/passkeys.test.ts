import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { inTransaction } from '../../src/kernel/call.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { ageLogins, alertOf, headingOf, linkOf, noteOf, servingAccounts, typedIn } from '../support/account.ts';
import { anAuthenticator } from '../support/authenticator.ts';
import { aBrowser } from '../support/browser.ts';
import { describeInBrowser, openChromium } from '../support/chromium.ts';
import { optionsIn, siteWithPasskey } from '../support/factors.ts';
import { PASSWORD, type Site } from '../support/node.ts';
import { isLogin } from '../support/oauth.ts';
import { openWindow } from '../support/passkey-browser.ts';

describe('the passkeys of the account', () => {
  const { node, site, enter } = servingAccounts();
  const factorsOf = ({ call, user }: Site) => node().house.services.factors.list(call, user);
  const device = ({ issuer }: Site) => anAuthenticator({ origin: new URL(issuer).origin });

  it('are added with a name, and the first brings backup codes', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await browser.go(linkOf(await open('/security'), /Add a passkey/));
    expect(page.headers.get('content-security-policy')).to.include("script-src 'self'").and.not.include('unsafe');
    const passkey = JSON.stringify(device(its).create(optionsIn(page)));
    const added = await browser.submit(page, { action: 'enrol-passkey', passkey, name: ' Ann’s phone ' });
    expect([added.status, headingOf(added)]).to.deep.equal([200, 'Save your backup codes']);
    expect((await factorsOf(its)).map(({ kind, name }) => [kind, name])).to.deep.equal([['webauthn', 'Ann’s phone']]);

    const second = await open('/security/passkey');
    const another = JSON.stringify(device(its).create(optionsIn(second)));
    const done = await browser.submit(second, { action: 'enrol-passkey', passkey: another });
    expect([headingOf(done), noteOf(done)]).to.deep.equal(['Security', 'Your passkey is added.']);
    expect(done.html).to.include('Ann’s phone').and.include('data-passkey-signal=');
  });

  it('are no more than one can have, as the list says', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await open('/security/passkey');
    await browser.submit(page, {
      action: 'enrol-passkey',
      passkey: JSON.stringify(device(its).create(optionsIn(page))),
    });
    const late = await open('/security/passkey');
    for (let count = 1; count < LIMITS.passkeysOfUser; count++) await siteWithPasskey(node(), its);
    const passkey = JSON.stringify(device(its).create(optionsIn(late)));
    for (const shown of [
      await open('/security/passkey'),
      await browser.submit(late, { action: 'enrol-passkey', passkey }),
    ])
      expect([headingOf(shown), noteOf(shown)]).to.deep.equal([
        'Security',
        'You have as many passkeys as one can have. Please remove one first.',
      ]);
  });

  it('are none that a browser made up, that was given before, or that another page asked for', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await open('/security/passkey');
    for (const passkey of ['', '{}', 'null', '[1]', `{"id":"${'A'.repeat(2_000)}"}`, '"\\u0000"']) {
      const refused = await browser.submit(page, { action: 'enrol-passkey', passkey, name: 'x' });
      expect([refused.status, alertOf(refused), typedIn(refused, 'name')]).to.deep.equal([
        422,
        'This passkey cannot be used here. Please try another one.',
        'x',
      ]);
    }
    const elsewhere = anAuthenticator({ origin: 'https://evil.test' });
    const foreign = JSON.stringify(elsewhere.create(optionsIn(page)));
    expect((await browser.submit(page, { action: 'enrol-passkey', passkey: foreign })).status).to.equal(422);
    const passkey = JSON.stringify(device(its).create(optionsIn(page)));
    const other = await enter(its, aBrowser(node()));
    const stolen = await other.browser.submit(await other.open('/security/passkey'), {
      action: 'enrol-passkey',
      passkey,
    });
    expect([stolen.status, alertOf(stolen)]).to.deep.equal([
      401,
      'That took too long, or there were too many wrong codes. Please start again.',
    ]);
    expect(await factorsOf(its)).to.deep.equal([]);
    await browser.submit(page, { action: 'enrol-passkey', passkey });
    const twice = await browser.submit(page, { action: 'enrol-passkey', passkey });
    expect(twice.status).to.be.oneOf([401, 409]);
    expect(await factorsOf(its)).to.have.length(1);
  });

  it('are added by who has signed in lately, and where the tenant has them', async () => {
    const its = await site();
    const { open } = await enter(its);
    await ageLogins(node(), its, 601);
    expect(isLogin(await open('/security/passkey'))).to.equal(true);
    const without = await site({ settings: { mfa: { allowedFactors: ['totp'] } } });
    const there = await enter(without);
    expect((await there.open('/security')).html).not.to.include('Add a passkey');
    expect((await there.open('/security/passkey')).status).to.equal(400);
  });

  it('are renamed, by names that are names', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    await siteWithPasskey(node(), its);
    const page = await browser.go(linkOf(await open('/security'), /Rename/));
    expect(headingOf(page)).to.equal('Rename: Passkey');
    for (const name of ['', ' ', 'x'.repeat(101), 'a\u202eb'])
      expect((await browser.submit(page, { name })).status, name).to.equal(422);
    const done = await browser.submit(page, { name: '<b>Key' });
    expect(noteOf(done)).to.equal('The name is saved.');
    expect(done.html).to.include('&lt;b&gt;Key').and.not.include('<b>Key');
  });

  it('are told of when a copy was noticed', async () => {
    const its = await site();
    const { open } = await enter(its);
    await siteWithPasskey(node(), its);
    await inTransaction(its.call, ({ db, tenantId }) =>
      db('factors').where({ tenant_id: tenantId }).update({ flagged_at: new Date() }),
    );
    expect((await open()).html).to.include('seems to have been copied');
    expect((await open('/security')).html).to.include('Copied: remove it');
  });

  it('are removed after a question, but for the last of who has no password', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    await siteWithPasskey(node(), its);
    const question = await browser.go(linkOf(await open('/security'), /Remove/));
    expect(headingOf(question)).to.match(/^Remove .*\?$/);
    const restore = await inTransaction(its.call, ({ db, tenantId }) =>
      db('passwords').where({ tenant_id: tenantId }).delete().returning('*'),
    );
    const refused = await browser.submit(question, {});
    expect([refused.status, alertOf(refused)]).to.deep.equal([
      422,
      'You would lock yourself out: this passkey is your only way in.',
    ]);
    await inTransaction(its.call, ({ db }) => db('passwords').insert(restore));
    expect(noteOf(await browser.submit(question, {}))).to.equal('The second factor is removed.');
    expect(await factorsOf(its)).to.deep.equal([]);
  });
});

describeInBrowser('the passkeys of the account in a browser', function (this: Mocha.Suite) {
  this.timeout(90_000);
  const { site, node } = servingAccounts();
  let chromium: Browser;
  before(async () => {
    chromium = await openChromium();
  });
  after(() => chromium?.close());

  async function opened(its: Site, javaScriptEnabled: boolean) {
    const window = await openWindow(chromium, { javaScriptEnabled });
    const { page } = window;
    if (javaScriptEnabled)
      await page.addInitScript(
        'if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false',
      );
    await page.goto(`${its.issuer}/account/security/passkey`);
    await page.getByLabel('E-mail or user name').fill(its.email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    // A browser that could keep one is offered it after the password.
    if (javaScriptEnabled) await page.getByRole('button', { name: 'Not now' }).click();
    await page.getByLabel('Name', { exact: true }).waitFor();
    return window;
  }

  it('are added by a touch, and sign in the next time', async () => {
    const its = await site();
    const { page, credentials, complaints, close } = await opened(its, true);
    await page.getByLabel('Name', { exact: true }).fill('My laptop');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByRole('link', { name: 'I have saved them' }).click();
    await page.getByText('My laptop').first().waitFor();
    expect(await credentials()).to.have.length(1);

    await page.getByRole('link', { name: 'Add a passkey' }).click();
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByText('This device already has a passkey for your account.').waitFor();

    await page
      .getByRole('link', { name: /^Sign out/ })
      .first()
      .click();
    await page.getByRole('button', { name: 'Sign out of everything' }).click();
    await page.getByRole('link', { name: 'Sign in again' }).click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Ann Lee' }).waitFor();
    expect(complaints).to.deep.equal([]);
    const [session] = await node().house.services.sessions.list(its.call, its.user);
    expect(session?.amr).to.include('mfa');
    await close();
  });

  it('are not offered without JavaScript, and the page says why', async () => {
    const { page, close } = await opened(await site(), false);
    expect(await page.locator('noscript p').textContent()).to.include('Passkeys need JavaScript');
    expect(await page.getByRole('button', { name: 'Add a passkey' }).isVisible()).to.equal(false);
    await close();
  });
});
