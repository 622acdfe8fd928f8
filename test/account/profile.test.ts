import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { alertOf, headingOf, noteOf, servingAccounts, typedIn } from '../support/account.ts';
import { aBrowser } from '../support/browser.ts';
import type { Site } from '../support/node.ts';
import { settle } from '../support/settle.ts';

describe('the profile of the account', () => {
  const { node, site, enter } = servingAccounts();
  const userOf = ({ call, user }: Site) => node().house.services.users.get(call, user);
  const chosen = (html: string, field: string) =>
    /<option value="([^"]*)"[^>]* selected/.exec(html.slice(html.indexOf(`name="${field}"`)))?.[1];

  it('shows and changes names, phone and time zone', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await open('/profile');
    expect([typedIn(page, 'first_name'), typedIn(page, 'last_name')]).to.deep.equal(['Ann', 'Lee']);
    expect(page.html).to.include(its.email).and.include('Confirmed').and.not.include('name="username"');

    const saved = await browser.submit(page, {
      first_name: ' Zoë ',
      last_name: '',
      phone: '+44 (20) 7946-0958',
      timezone: 'Asia/Tehran',
      locale: '',
    });
    expect([saved.status, noteOf(saved), headingOf(saved)]).to.deep.equal([200, 'Your profile is saved.', 'Profile']);
    expect([typedIn(saved, 'first_name'), typedIn(saved, 'phone'), chosen(saved.html, 'timezone')]).to.deep.equal([
      'Zoë',
      '+442079460958',
      'Asia/Tehran',
    ]);
    expect(await userOf(its)).to.include({
      firstName: 'Zoë',
      lastName: null,
      phone: '+442079460958',
      phoneVerified: false,
    });
    const [line] = await inTransaction(its.call, ({ db }) =>
      db('audit_events').where({ tenant_id: its.tenantId, action: 'user.updated' }).select('actor_kind', 'actor_id'),
    );
    expect(line, 'in the person’s own name').to.deep.equal({ actor_kind: 'user', actor_id: its.user });
  });

  it('says which field cannot be kept, and keeps what was typed', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await browser.submit(await open('/profile'), { first_name: 'Zoë', phone: '0815' });
    expect([page.status, alertOf(page)]).to.deep.equal([
      422,
      'Please write the phone number with its country code, as in +44 20 7946 0958.',
    ]);
    expect([typedIn(page, 'first_name'), typedIn(page, 'phone')]).to.deep.equal(['Zoë', '0815']);
    expect(page.html).to.match(/<input[^>]*name="phone"[^>]*aria-invalid="true"/);
    for (const wrong of [
      { first_name: 'x'.repeat(101) },
      { last_name: 'a\u202eb' },
      { timezone: 'Moon/Base' },
      { locale: '!' },
    ]) {
      const refused = await browser.submit(page, wrong);
      expect([refused.status, alertOf(refused)]).to.deep.equal([
        422,
        'One of the fields has a value that cannot be kept.',
      ]);
    }
    expect(await userOf(its)).to.include({ firstName: 'Ann', phone: null, timezone: null });
  });

  it('shows what was typed as text', async () => {
    const { browser, open } = await enter(await site());
    const script = '"><script>alert(1)</script>';
    const saved = await browser.submit(await open('/profile'), { first_name: script, last_name: '<b>x' });
    expect(saved.html).not.to.include('<script>').and.not.include('<b>x');
    expect(await open())
      .to.have.property('html')
      .that.includes('&lt;script&gt;alert(1)');
  });

  it('leaves the user name to the tenant, unless it leaves it to the person', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const slipped = await browser.submit(await open('/profile'), { username: 'root' });
    expect([slipped.status, (await userOf(its)).username]).to.deep.equal([403, null]);

    await settle(node(), its, { profile: { ownUsername: true } });
    await node().house.services.users.create(its.call, { email: `bob@${its.slug}.test`, username: 'bob' });
    const page = await open('/profile');
    const taken = await browser.submit(page, { username: 'BOB' });
    expect([taken.status, alertOf(taken)]).to.deep.equal([422, 'This user name is already in use.']);
    const odd = await browser.submit(page, { username: 'a b' });
    expect(alertOf(odd)).to.equal('A user name has letters, digits and . _ - only.');
    await browser.submit(page, { username: 'ann.lee' });
    expect((await userOf(its)).username).to.equal('ann.lee');
    await settle(node(), its, { profile: { ownUsername: false } });
    const shown = await open('/profile');
    expect(shown.html).to.include('ann.lee').and.not.include('name="username"');
    expect((await browser.submit(shown, { first_name: 'Ann' })).status, 'the rest can be saved').to.equal(200);
    expect((await userOf(its)).username).to.equal('ann.lee');
  });

  it('keeps nothing that is not on it', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    await browser.submit(await open('/profile'), {
      email: 'evil@evil.test',
      email_verified: '1',
      status: 'suspended',
      phone_verified: '1',
      roles: 'SUPER_ADMIN',
    });
    expect(await userOf(its)).to.include({ email: its.email, emailVerified: true, status: 'active' });
  });
});

describe('the language of the account', () => {
  const { node, site, enter } = servingAccounts();

  it('is kept with the person and in the browser', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    const page = await browser.submit(await open('/language'), { lang: 'fr' });
    expect([headingOf(page), noteOf(page)]).to.deep.equal(['Langue', 'Votre langue est enregistrée.']);
    expect(headingOf(await open('/profile'))).to.equal('Profil');
    expect((await node().house.services.users.get(its.call, its.user)).locale).to.equal('fr');
    const elsewhere = await enter(its, aBrowser(node()));
    expect(headingOf(await elsewhere.open('/profile')), 'in another browser').to.equal('Profil');
  });

  it('is one that there is', async () => {
    const its = await site();
    const { browser, open } = await enter(its);
    for (const lang of ['xx', '', '__proto__']) {
      const page = await browser.submit(await open('/language'), { lang });
      expect(page.status, lang).to.equal(400);
    }
    expect((await node().house.services.users.get(its.call, its.user)).locale).to.equal(null);
  });

  it('follows the profile when it is changed there', async () => {
    const { browser, open } = await enter(await site());
    const page = await browser.submit(await open('/profile'), { locale: 'fa' });
    expect(page.html).to.include('<html lang="fa" dir="rtl">');
  });

  it('leaves a locale that has no pages where it was', async () => {
    const its = await site();
    await node().house.services.users.updateProfile(its.call, its.user, { locale: 'de-CH' });
    const { browser, open } = await enter(its);
    const page = await open('/profile');
    expect(page.html).to.match(/<option value="de-CH"[^>]* selected/);
    await browser.submit(page, { locale: 'de-CH', first_name: 'Ann' });
    expect((await node().house.services.users.get(its.call, its.user)).locale).to.equal('de-CH');
  });
});
