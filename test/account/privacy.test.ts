import { expect } from 'chai';
import { alertOf, headingOf, noteOf, servingAccounts } from '../support/account.ts';
import { PASSWORD, type Site } from '../support/node.ts';
import { anotherAdmin } from '../support/oauth.ts';
import { linkTo } from '../support/pages.ts';

describe('privacy on the account', () => {
  const { node, site, enter } = servingAccounts();
  const services = () => node().house.services;

  /** Somebody who is not the last administrator, at their page. */
  async function somebody() {
    const its = await site();
    await anotherAdmin(node(), its);
    return { its, ...(await enter(its)) };
  }
  const granted = async ({ call, user }: Site) =>
    (await services().consents.list(call, user)).filter((each) => each.granted).map(({ type }) => type);

  it('keeps what is allowed and what is taken back, and shows what was chosen before', async () => {
    const { its, browser, open } = await somebody();
    const page = await open('/privacy');
    expect([page.status, headingOf(page)]).to.deep.equal([200, 'Privacy']);
    const saved = await browser.submit(page, { action: 'save', marketing: '1' });
    expect(noteOf(saved)).to.equal('Your choices are saved.');
    expect(await granted(its)).to.deep.equal(['marketing', 'essential']);
    const again = await browser.submit(saved, { action: 'save' });
    expect(await granted(its)).to.deep.equal(['essential']);
    expect(again.html).to.include('News and offers: not allowed since');
    const history = await services().consents.history(its.call, its.user);
    expect(history.map(({ type, source }) => [type, source])).to.deep.equal([
      ['marketing', 'page'],
      ['marketing', 'page'],
    ]);
  });

  it('hands out a copy of all that is known, as a file', async () => {
    const { its, browser, open } = await somebody();
    const page = await open('/privacy');
    const copy = await browser.submit(page, { action: 'copy' });
    expect(copy.headers.get('content-disposition')).to.equal('attachment; filename="my-data.json"');
    expect(copy.headers.get('cache-control')).to.equal('no-store');
    expect(JSON.parse(copy.html).profile.email).to.equal(its.email);
    const forged = await browser.go(`${its.issuer}/account/privacy`, { csrf: 'x', action: 'copy' });
    expect(forged.html).not.to.include('"profile"');
  });

  it('deletes the account after a question and the password, and lets it be taken back', async () => {
    const { its, browser, open } = await somebody();
    const question = await browser.go(linkTo(await open('/privacy'), '/privacy/erase'));
    expect(headingOf(question)).to.equal('Delete your account?');
    expect(question.html).to.include('is deleted in 30 days. Until then');
    const wrong = await browser.submit(question, { current_password: 'wrong' });
    expect([wrong.status, alertOf(wrong)]).to.deep.equal([401, 'The current password is wrong.']);
    const asked = await browser.submit(wrong, { current_password: PASSWORD });
    expect(noteOf(asked)).to.equal('Your account will be deleted. An e-mail tells you when.');
    expect(asked.html).to.include('Keep my account').and.not.include('/privacy/erase"');
    const open_ = await services().erasure.find(its.call, its.user);
    expect(open_?.userId).to.equal(its.user);
    const kept = await browser.submit(asked, { action: 'keep' });
    expect(noteOf(kept)).to.equal('Your account stays.');
    expect(await services().erasure.find(its.call, its.user)).to.equal(undefined);
  });

  it('says that the last administrator must stay', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const refused = await browser.submit(await open('/privacy/erase'), { current_password: PASSWORD });
    expect([refused.status, alertOf(refused)]).to.deep.equal([
      422,
      'You are the last administrator. Make somebody else one first.',
    ]);
  });
});
