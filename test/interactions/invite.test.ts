import { expect } from 'chai';
import { newId } from '../../src/kernel/ids.ts';
import { aBrowser } from '../support/browser.ts';
import { lastLetter } from '../support/letters.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { ask } from '../support/oauth.ts';
import { alertOf, csrfOf, linkTo, titleOf } from '../support/pages.ts';

const NEXT = 'seven quiet rivers at dawn';
const DEAD = 'This link does not work any more';

describe('an invite on a page', () => {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  const BOB = { first_name: 'Bob', last_name: 'Okri', password: NEXT, password_confirmation: NEXT };

  /** A site that has invited somebody, and the link in the letter. */
  async function invited(to: (site: Site) => string = () => `bob-${newId()}@example.com`) {
    const site = await aSite(node);
    const email = to(site);
    await node.house.services.invites.create(site.call, { email, roles: ['AUDITOR'] });
    const token = (await lastLetter(node, site, 'invite')).values.link.query!['token']!;
    const user = async () => node.house.services.users.findByIdentifier(site.call, email);
    return { site, email, token, link: `${site.issuer}/invite?token=${token}`, user };
  }

  it('asks who is new for a name and a password, and leads to the sign-in', async () => {
    const { site, email, link, user } = await invited();
    const browser = aBrowser(node);
    const page = await browser.go(link);
    expect([page.status, titleOf(page)]).to.deep.equal([200, `Join Tenant ${site.slug}`]);
    expect(page.html).to.include(email).and.include('name="password_confirmation"');
    const done = await browser.submit(page, BOB);
    expect([done.status, titleOf(done)]).to.deep.equal([200, 'Welcome']);
    const bob = await user();
    expect(bob).to.include({ firstName: 'Bob', emailVerified: true, locale: 'en', status: 'active' });
    const login = await browser.go(linkTo(done, '/account'));
    const account = await browser.submit(login, { identifier: email, password: NEXT, action: 'login' });
    expect(account.url).to.match(/\/account$/);
    const used = await browser.go(link);
    expect([used.status, titleOf(used)]).to.deep.equal([400, DEAD]);
  });

  it('asks who has an account for its password', async () => {
    const { site, link } = await invited(({ email }) => email);
    const browser = aBrowser(node);
    const page = await browser.go(link);
    expect(page.html).to.include('autocomplete="current-password"').and.not.include('name="first_name"');
    const wrong = await browser.submit(page, { password: NEXT });
    expect([wrong.status, alertOf(wrong)]).to.deep.equal([401, 'The current password is wrong.']);
    expect(titleOf(await browser.submit(wrong, { password: PASSWORD }))).to.equal('Welcome');
    const { roles } = await node.house.services.access.accessOf(site.call, site.user);
    expect(roles).to.deep.equal(['AUDITOR', 'TENANT_ADMIN']);
  });

  it('is used up by nobody who only looks', async () => {
    const { link, user } = await invited();
    for (const method of ['GET', 'HEAD', 'GET']) {
      const { status, headers } = await ask(node, method, link, { headers: { accept: 'text/html' } });
      expect([status, headers.get('cache-control'), headers.get('referrer-policy')]).to.deep.equal([
        ...[200, 'no-store', 'no-referrer'],
      ]);
    }
    expect(await user()).to.equal(undefined);
  });

  it('says what is wrong, keeps the names, and stays good', async () => {
    const { link, user } = await invited();
    const browser = aBrowser(node);
    const page = await browser.go(link);
    const problems: [Record<string, string>, string][] = [
      [{ password_confirmation: 'x' }, 'The two passwords are not the same.'],
      [{ password: 'password1', password_confirmation: 'password1' }, 'This password does not meet the rules.'],
      [{ first_name: ' ' }, 'Please enter your first and last name'],
      [{ first_name: 'Bob\u0007' }, 'Please enter your first and last name'],
    ];
    for (const [more, text] of problems) {
      const again = await browser.submit(page, { ...BOB, ...more });
      expect([more, again.status, alertOf(again)?.slice(0, text.length)]).to.deep.equal([more, 422, text]);
      expect(again.html).to.include('value="Okri"').and.not.include(NEXT);
    }
    expect(await user()).to.equal(undefined);
    expect(titleOf(await browser.submit(page, { ...BOB, roles: 'TENANT_ADMIN', email: 'eve@x.test' }))).to.equal(
      'Welcome',
    );
    expect((await user())?.firstName).to.equal('Bob');
  });

  it('is one page for every link that is no use', async () => {
    const { site, link } = await invited();
    const other = await aSite(node);
    const [invite] = (await node.house.services.invites.list(site.call)).items;
    await node.house.services.invites.revoke(site.call, invite!.id);
    const browser = aBrowser(node);
    const { searchParams } = new URL(link);
    for (const url of [
      link,
      `${site.issuer}/invite?token=x`,
      `${site.issuer}/invite`,
      `${other.issuer}/invite?${searchParams}`,
    ]) {
      const page = await browser.go(url);
      expect([page.status, titleOf(page)]).to.deep.equal([400, DEAD]);
    }
    const csrf = csrfOf(await browser.go(`${site.issuer}/recovery`));
    const posted = await browser.go(`${site.issuer}/invite`, { csrf, ...BOB, token: searchParams.get('token')! });
    expect([posted.status, titleOf(posted)]).to.deep.equal([400, DEAD]);
  });

  it('takes no form without the value of its page', async () => {
    const { link, token, user } = await invited();
    const browser = aBrowser(node);
    await browser.go(link);
    expect((await browser.go(link.split('?')[0]!, { ...BOB, token, csrf: 'x' })).status).to.equal(403);
    expect(await user()).to.equal(undefined);
  });
});
