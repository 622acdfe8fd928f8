import { expect } from 'chai';
import { ageLogins, headingOf, noteOf, servingAccounts, typedIn, withOldTotp } from '../support/account.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { codeOf } from '../support/factors.ts';
import { PASSWORD, type Site } from '../support/node.ts';
import { isLogin } from '../support/oauth.ts';
import { settle } from '../support/settle.ts';

const STALE = 601;
const AUTHENTICATOR = '/security/authenticator';

describe('an act that needs a fresh login', () => {
  const { node, site, enter } = servingAccounts();
  const isFactorPage = ({ html }: Visited) => html.includes('name="code"') && html.includes('value="verify"');
  const credentials = (of: Site) => ({ identifier: of.email, password: PASSWORD, action: 'login' });

  it('asks who signed in long ago to sign in again, and leads them back to where they were', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    expect(headingOf(await open(AUTHENTICATOR)), 'a fresh login').to.equal('Set up an authenticator app');
    await ageLogins(node(), its, STALE);

    const login = await open(AUTHENTICATOR);
    expect([isLogin(login), typedIn(login, 'identifier')]).to.deep.equal([true, its.email]);
    const back = await browser.submit(login, credentials(its));
    expect([back.url.pathname, headingOf(back)]).to.deep.equal([
      `/t/${its.slug}/account${AUTHENTICATOR}`,
      'Set up an authenticator app',
    ]);
  });

  it('leaves pages alone that only show', async () => {
    const its = await site();
    const { open } = await enter(its);
    await ageLogins(node(), its, STALE);
    for (const path of ['', '/profile', '/password', '/security', '/sessions', '/applications', '/language'])
      expect(isLogin(await open(path)), path).to.equal(false);
  });

  it('asks for the second factor too, where there is one', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const { secret } = await withOldTotp(node(), its);
    await ageLogins(node(), its, STALE);

    const factor = await browser.submit(await open('/security/backup-codes'), credentials(its));
    expect(isFactorPage(factor)).to.equal(true);
    const back = await browser.submit(factor, { action: 'verify', code: await codeOf(secret) });
    expect(headingOf(back)).to.equal('Get new backup codes?');
  });

  it('asks for the factor alone of a fresh session that has not shown it', async () => {
    const its = await site();
    const { secret } = await withOldTotp(node(), its);
    await settle(node(), its, { mfa: { rememberDeviceDays: 30 } });
    const browser = aBrowser(node());
    const page = await browser.signIn(`${its.issuer}/account`, its.email);
    await browser.submit(page, { action: 'verify', code: await codeOf(secret), remember_device: '1' });
    // A remembered browser signs in with the password alone.
    await browser.submit(await browser.go(`${its.issuer}/oauth/logout`), { logout: 'yes' });
    expect(headingOf(await browser.signIn(`${its.issuer}/account`, its.email))).to.equal('Ann Lee');

    const asked = await browser.go(`${its.issuer}/account/security/backup-codes`);
    expect([isFactorPage(asked), isLogin(asked)]).to.deep.equal([true, false]);
  });

  it('is not done by a form that was sent too late, nor by itself after the login', async () => {
    const its = await site();
    const { secret, backupCodes } = await withOldTotp(node(), its);
    const browser = aBrowser(node());
    const entry = await browser.signIn(`${its.issuer}/account`, its.email);
    await browser.submit(entry, { action: 'verify', code: await codeOf(secret) });
    const [factor] = await node().house.services.factors.list(its.call, its.user);
    const question = await browser.go(`${its.issuer}/account/security/factors/${factor!.id}`);
    expect(headingOf(question)).to.equal('Remove Authenticator app?');
    await ageLogins(node(), its, STALE);

    const login = await browser.submit(question, {});
    expect(isLogin(login)).to.equal(true);
    expect(await node().house.services.factors.list(its.call, its.user)).to.have.length(1);
    const again = await browser.submit(login, credentials(its));
    expect(isFactorPage(again)).to.equal(true);
    const other = await browser.submit(again, { action: 'use:backup_code' });
    const back = await browser.submit(other, { action: 'verify', code: backupCodes[0]! });
    expect(headingOf(back)).to.equal('Remove Authenticator app?');
    expect(await node().house.services.factors.list(its.call, its.user), 'it asks again').to.have.length(1);
  });

  it('changes nothing when the person turns back', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    await ageLogins(node(), its, STALE);
    const page = await browser.submit(await open(AUTHENTICATOR), { action: 'cancel' });
    expect([headingOf(page), noteOf(page)]).to.deep.equal(['Ann Lee', 'Nothing was changed.']);
  });

  it('does not go round for ever where the proof cannot be given', async () => {
    const its = await site();
    const { secret } = await withOldTotp(node(), its);
    await settle(node(), its, { mfa: { mode: 'off' } });
    expect(secret).to.be.a('string');
    const { browser, open } = await enter(its);
    await ageLogins(node(), its, STALE);
    const page = await browser.submit(await open('/security/backup-codes'), credentials(its));
    expect(headingOf(page)).to.equal('Ann Lee');
    expect(noteOf(page)).to.include('a stronger proof than you have given');
  });
});
