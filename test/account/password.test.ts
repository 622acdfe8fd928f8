import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { alertOf, noteOf, servingAccounts } from '../support/account.ts';
import { aBrowser } from '../support/browser.ts';
import { PASSWORD } from '../support/node.ts';
import { isLogin } from '../support/oauth.ts';
import { settle } from '../support/settle.ts';

const NEXT = 'seven quiet rivers at dawn';
const filled = (current: string, next = NEXT, again = next) => ({
  current_password: current,
  password: next,
  password_confirmation: again,
});

describe('the password of the account', () => {
  const { node, site, enter } = servingAccounts();

  it('is changed by who knows the old one; every other place is signed out', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const elsewhere = await enter(its, aBrowser(node()));
    const page = await open('/password');
    expect(page.html).to.match(/name="end_others"[^>]*checked/);
    const done = await browser.submit(page, { ...filled(PASSWORD), end_others: '1' });
    expect([done.status, noteOf(done)]).to.deep.equal([200, 'Your password is changed.']);
    expect((await open('/profile')).status, 'this one stays').to.equal(200);
    expect(isLogin(await elsewhere.open())).to.equal(true);
    expect((await aBrowser(node()).signIn(`${its.issuer}/account`, its.email)).status, 'the old one').to.equal(401);
    expect((await aBrowser(node()).signIn(`${its.issuer}/account`, its.email, NEXT)).status).to.equal(200);
    const letters = await node().house.db('outbox').where({ tenant_id: its.tenantId, kind: 'mail' }).select('id');
    expect(letters, 'its owner is told').to.have.length(1);
  });

  it('leaves the other places signed in, where the person wishes so', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const elsewhere = await enter(its, aBrowser(node()));
    await browser.submit(await open('/password'), filled(PASSWORD));
    expect(isLogin(await elsewhere.open())).to.equal(false);
  });

  it('is not changed by who does not know the old one', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await open('/password');
    const refused = await browser.submit(page, filled('not the one'));
    expect([refused.status, alertOf(refused)]).to.deep.equal([401, 'The current password is wrong.']);
    expect(refused.html, 'no password is sent back').not.to.include('not the one').and.not.include(NEXT);
    for (const wrong of ['', 'x'.repeat(300)])
      expect((await browser.submit(page, filled(wrong))).status).to.be.oneOf([401, 422]);
    expect((await enter(its, aBrowser(node()))).site, 'it is still the old one').to.equal(its);
  });

  it('is not asked of who has none', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await open('/password');
    await inTransaction(its.call, ({ db, tenantId }) => db('passwords').where({ tenant_id: tenantId }).delete());
    expect((await open('/password')).html)
      .to.include('without a password')
      .and.not.include('<form');
    const sent = await browser.submit(page, filled(''));
    expect([sent.status, await node().house.services.passwords.has(its.call, its.user)]).to.deep.equal([401, false]);
    expect((await browser.submit(page, filled(PASSWORD))).status).to.equal(401);
  });

  it('counts wrong ones as the sign-in does', async () => {
    const its = await site({ settings: { lockout: { maxAttempts: 3 } } });
    const { browser, open } = await enter(its);
    const page = await open('/password');
    for (let wrong = 0; wrong < 3; wrong++) await browser.submit(page, filled(`wrong ${wrong}`));
    const held = await browser.submit(page, filled(PASSWORD));
    expect([held.status, alertOf(held)]).to.deep.equal([
      429,
      'Too many attempts. Please wait a few minutes, then try again.',
    ]);
  });

  it('shows the policy, and what of it was not met', async () => {
    const its = await site();
    const password = { minLength: 12, requireDigit: true, historySize: 3 };
    await settle(node(), its, { password });
    const { browser, open } = await enter(its);
    const page = await open('/password');
    expect(page.html)
      .to.include('At least 12 characters')
      .and.include('A digit')
      .and.include('None of your last 3')
      .and.not.include('A capital letter')
      .and.not.include('class="unmet"');
    const refused = await browser.submit(page, filled(PASSWORD, 'password'));
    expect([refused.status, alertOf(refused)]).to.deep.equal([
      422,
      'This password does not meet the rules. Please choose a longer or less common one.',
    ]);
    const unmet = [...refused.html.matchAll(/<strong>Not met:<\/strong> ([^<]*)</g)].map(([, rule]) => rule);
    expect(unmet).to.deep.equal([
      'At least 12 characters',
      'A digit',
      'Not one that many people use, and no simple pattern',
    ]);
    const again = await browser.submit(page, filled(PASSWORD, PASSWORD));
    expect(again.status).to.equal(422);
    const differ = await browser.submit(page, filled(PASSWORD, `${NEXT} 1`, NEXT));
    expect([differ.status, alertOf(differ)]).to.deep.equal([422, 'The two passwords are not the same.']);
  });
});
