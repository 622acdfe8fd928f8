import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { ageLogins, alertOf, headingOf, linkOf, noteOf, servingAccounts, typedIn } from '../support/account.ts';
import { aBrowser } from '../support/browser.ts';
import { lastLetter, lettersOf } from '../support/letters.ts';
import type { Site } from '../support/node.ts';
import { isLogin } from '../support/oauth.ts';

describe('the e-mail address of the account', () => {
  const { node, site, enter } = servingAccounts();
  const userOf = ({ call, user }: Site) => node().house.services.users.get(call, user);
  const newOf = ({ slug }: Site) => `ann.new@${slug}.test`;

  it('is changed by the code of a letter to the new one; every other place is signed out', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const elsewhere = await enter(its, aBrowser(node()));
    const page = await browser.go(linkOf(await open('/profile'), /Change the address/));
    expect(page.html).to.include(`Now it is ${its.email}`);
    const asked = await browser.submit(page, { email: newOf(its) });
    expect([asked.url.pathname, headingOf(asked)]).to.deep.equal([
      `/t/${its.slug}/account/email/code`,
      'Check your mail',
    ]);
    expect((await userOf(its)).email, 'nothing has changed').to.equal(its.email);

    const { values, to, base } = await lastLetter(node(), its, 'email-change');
    expect([to.address, base]).to.deep.equal([newOf(its), its.issuer]);
    const wrong = await browser.submit(asked, { code: '12', action: 'verify' });
    expect([wrong.status, alertOf(wrong)]).to.deep.equal([
      401,
      'This code is wrong or no use any more. Please check it, or have the e-mail sent again.',
    ]);
    const done = await browser.submit(asked, { code: values.code!, action: 'verify' });
    expect([noteOf(done), done.html.includes(newOf(its))]).to.deep.equal(['Your e-mail address is changed.', true]);
    expect(await userOf(its)).to.include({ email: newOf(its), emailVerified: true });
    expect(isLogin(await elsewhere.open())).to.equal(true);
    expect(
      (await lettersOf(node(), its)).map(({ to: { address } }) => address),
      'the old one hears of it',
    ).to.include(its.email);
  });

  it('is asked for by who has signed in lately, before anything is typed', async () => {
    const its = await site();
    const { open } = await enter(its);
    await ageLogins(node(), its, 601);
    const page = await open('/email');
    expect([isLogin(page), typedIn(page, 'identifier')]).to.deep.equal([true, its.email]);
  });

  it('is none that cannot be one, and not the present one', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await open('/email');
    for (const email of ['', 'x', 'a@b@c', its.email, 'x'.repeat(400)]) {
      const refused = await browser.submit(page, { email });
      expect([refused.status, alertOf(refused)]).to.deep.equal([
        422,
        'This e-mail address cannot be used here. Please check it.',
      ]);
    }
    expect(await lettersOf(node(), its)).to.deep.equal([]);
  });

  it('tells nobody whether another has it', async () => {
    const its = await site();
    const bob = `bob@${its.slug}.test`;
    await node().house.services.users.create(its.call, { email: bob, status: 'active' });
    const { browser, open } = await enter(its);
    const page = await open('/email');
    const [free, taken] = [
      await browser.submit(page, { email: newOf(its) }),
      await browser.submit(page, { email: bob }),
    ];
    const plain = (html: string) => html.replace(/value="[^"]*"/g, '');
    expect([taken.status, plain(taken.html)]).to.deep.equal([free.status, plain(free.html)]);
    expect((await lettersOf(node(), its)).at(-1)).to.include({ template: 'account-exists' });
  });

  it('is not confirmed in another session than it was asked in, and not after five wrong codes', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const other = await enter(its, aBrowser(node()));
    const asked = await browser.submit(await open('/email'), { email: newOf(its) });
    const { code = '' } = (await lastLetter(node(), its, 'email-change')).values;
    expect((await other.browser.submit(await other.open('/email/code'), { code })).status).to.equal(401);
    const guess = code === '00000000' ? '11111111' : '00000000';
    for (let tries = 0; tries < 5; tries++) await browser.submit(asked, { code: guess });
    expect((await browser.submit(asked, { code })).status).to.equal(401);
    expect((await userOf(its)).email).to.equal(its.email);
  });

  it('is proven by the code of a letter that a button has sent', async () => {
    const its = await site();
    await node().house.services.users.setVerified(its.call, its.user, { email: false });
    const { browser, open } = await enter(its);
    const page = await browser.go(linkOf(await open(), /Confirm the address/));
    expect(await lettersOf(node(), its), 'looking sends nothing').to.deep.equal([]);
    const sent = await browser.submit(page, { action: 'send' });
    expect(noteOf(sent)).to.equal('The letter is on its way.');
    const { code = '' } = (await lastLetter(node(), its, 'verify-email')).values;
    const other = await enter(its, aBrowser(node()));
    expect((await other.browser.submit(await other.open('/email/proof'), { code, action: 'verify' })).status).to.equal(
      401,
    );
    const done = await browser.submit(sent, { code, action: 'verify' });
    expect([noteOf(done), headingOf(done)]).to.deep.equal(['Your e-mail address is confirmed.', 'Profile']);
    expect((await userOf(its)).emailVerified).to.equal(true);
    expect(headingOf(await open('/email/proof')), 'there is no more to prove').to.equal('Profile');
    expect((await open()).html).not.to.include('not confirmed yet');
  });

  it('gets three letters an hour', async () => {
    const its = await site();
    await node().house.services.users.setVerified(its.call, its.user, { email: false });
    const { browser, open } = await enter(its);
    const page = await open('/email/proof');
    for (let letter = 0; letter < 3; letter++) await browser.submit(page, { action: 'send' });
    const refused = await browser.submit(page, { action: 'send' });
    expect([refused.status, alertOf(refused)]).to.deep.equal([
      429,
      'Too many attempts. Please wait a few minutes, then try again.',
    ]);
    const letters = await inTransaction(its.call, ({ db, tenantId }) =>
      db('outbox').where({ tenant_id: tenantId, kind: 'mail' }).select('id'),
    );
    expect(letters).to.have.length(3);
  });
});
