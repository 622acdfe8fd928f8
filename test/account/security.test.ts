import { expect } from 'chai';
import { alertOf, headingOf, linkOf, noteOf, servingAccounts, withOldTotp } from '../support/account.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { codeOf } from '../support/factors.ts';
import { PASSWORD } from '../support/node.ts';
import { settle } from '../support/settle.ts';

const secretOf = ({ html }: Visited) => /<code class="secret"[^>]*>([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '');
const codesOf = ({ html }: Visited) => [...html.matchAll(/<code>([0-9A-Z-]{17})</g)].map(([, code]) => code!);
const isFactorPage = ({ html }: Visited) => html.includes('name="code"') && html.includes('value="verify"');

describe('the security of the account', () => {
  const { node, site, enter } = servingAccounts();
  type Its = Awaited<ReturnType<typeof site>>;

  /** Signs in where a factor is asked for. */
  async function enterWithTotp(its: Its, secret: string, more: Record<string, string> = {}) {
    const browser = aBrowser(node());
    const asked = await browser.signIn(`${its.issuer}/account`, its.email);
    const page = await browser.submit(asked, { action: 'verify', code: await codeOf(secret), ...more });
    expect(headingOf(page)).to.equal('Ann Lee');
    return { browser, open: (path: string) => browser.go(`${its.issuer}/account${path}`) };
  }

  describe('an authenticator application', () => {
    it('is set up with picture and text, and brings backup codes that are shown once', async () => {
      const its = await site();
      const { browser, open } = await enter(its);
      const before = await open('/security');
      expect(before.html).to.include('You have none yet');
      const start = await browser.go(linkOf(before, /Set up an authenticator app/));
      expect(secretOf(start), 'looking makes no secret').to.equal(undefined);

      const begun = await browser.submit(start, { action: 'begin' });
      const secret = secretOf(begun)!;
      expect(begun.html).to.match(/src="data:image\/png;base64,/);
      expect(begun.headers.get('cache-control')).to.equal('no-store');
      expect(secretOf(await open('/security/authenticator')), 'loaded again').to.equal(secret);
      const wrong = await browser.submit(begun, { action: 'enrol', code: '12' });
      expect([wrong.status, secretOf(wrong), alertOf(wrong)]).to.deep.equal([
        401,
        secret,
        'This code is wrong or was used before. Wait for the next one and try again.',
      ]);

      const codes = await browser.submit(begun, { action: 'enrol', code: await codeOf(secret) });
      expect([codes.status, codesOf(codes).length, codes.html.includes(secret)]).to.deep.equal([200, 10, false]);
      const security = await browser.go(linkOf(codes, /I have saved them/));
      expect(security.html).to.include('Authenticator app').and.include('Codes left: 10');
      for (const code of codesOf(codes)) expect(security.html).not.to.include(code);
      const again = await browser.submit(begun, { action: 'enrol', code: await codeOf(secret) });
      expect(codesOf(again), 'sent again').to.deep.equal([]);

      const next = await aBrowser(node()).signIn(`${its.issuer}/account`, its.email);
      expect(isFactorPage(next)).to.equal(true);
    });

    it('takes the place of the one before, when it is confirmed', async () => {
      const its = await site();
      const { secret } = await withOldTotp(node(), its);
      const { browser, open } = await enterWithTotp(its, secret);
      const start = await browser.go(linkOf(await open('/security'), /Use another authenticator app/));
      expect(start.html).to.include('will stop working');
      const begun = await browser.submit(start, { action: 'begin' });
      const done = await browser.submit(begun, { action: 'enrol', code: await codeOf(secretOf(begun)!) });
      expect([headingOf(done), noteOf(done)?.startsWith('Your authenticator app is set up')]).to.deep.equal([
        'Security',
        true,
      ]);
      expect(await node().house.services.factors.list(its.call, its.user)).to.have.length(1);
    });

    it('is not confirmed in another session than it was begun in', async () => {
      const its = await site();
      const [one, two] = [await enter(its), await enter(its, aBrowser(node()))];
      const begun = await one.browser.submit(await one.open('/security/authenticator'), { action: 'begin' });
      const secret = secretOf(begun)!;
      expect(secretOf(await two.open('/security/authenticator'))).to.equal(undefined);
      const other = await two.browser.submit(await two.open('/security/authenticator'), {
        action: 'enrol',
        code: await codeOf(secret),
      });
      expect(noteOf(other)).to.equal('That took too long. Please begin again.');
      expect(await node().house.services.factors.list(its.call, its.user)).to.deep.equal([]);
    });

    it('is not offered where the tenant uses none', async () => {
      const its = await site({ settings: { mfa: { mode: 'off' } } });
      const { browser, open } = await enter(its);
      expect((await open('/security')).html)
        .to.include('does not use second factors')
        .and.not.include('Set up');
      const forced = await browser.submit(await open('/security/authenticator'), { action: 'begin' });
      expect([forced.status, secretOf(forced)]).to.deep.equal([400, undefined]);
    });

    it('is removed after a question, and with it the backup codes', async () => {
      const its = await site();
      const { secret } = await withOldTotp(node(), its);
      const { browser, open } = await enterWithTotp(its, secret);
      const question = await browser.go(linkOf(await open('/security'), /Remove/));
      expect(headingOf(question)).to.equal('Remove Authenticator app?');
      expect(await node().house.services.factors.list(its.call, its.user), 'looking removes nothing').to.have.length(1);
      const done = await browser.submit(question, {});
      expect([noteOf(done), done.html.includes('You have none yet')]).to.deep.equal([
        'The second factor is removed.',
        true,
      ]);
      expect(await node().house.services.factors.backupCodesLeft(its.call, its.user)).to.equal(0);
      const twice = await browser.submit(question, {});
      expect([twice.status, noteOf(twice)]).to.deep.equal([200, 'That was no longer there.']);
    });

    it('stays where the tenant demands it and it is the last', async () => {
      const its = await site();
      const { secret } = await withOldTotp(node(), its);
      await settle(node(), its, { mfa: { mode: 'required' } });
      const { browser, open } = await enterWithTotp(its, secret);
      const refused = await browser.submit(await browser.go(linkOf(await open('/security'), /Remove/)), {});
      expect([refused.status, alertOf(refused)]).to.deep.equal([
        422,
        'Your organisation asks for a second factor, and this is your last one.',
      ]);
      expect(await node().house.services.factors.list(its.call, its.user)).to.have.length(1);
    });

    it('of somebody else is not there', async () => {
      const [its, other] = [await site(), await site()];
      await withOldTotp(node(), other);
      const [foreign] = await node().house.services.factors.list(other.call, other.user);
      const { browser, open } = await enter(its);
      for (const id of [foreign!.id, 'x', '%2e%2e', '%ff'])
        expect((await open(`/security/factors/${id}`)).status, id).to.equal(404);
      const form = await open('/security/authenticator');
      const csrf = /name="csrf" value="([^"]+)"/.exec(form.html)![1]!;
      const sent = await browser.go(`${its.issuer}/account/security/factors/${foreign!.id}`, { csrf });
      expect(noteOf(sent)).to.equal('That was no longer there.');
      expect(await node().house.services.factors.list(other.call, other.user)).to.have.length(1);
    });
  });

  describe('backup codes', () => {
    it('are renewed after a question: the old ones are dead, the new ones are shown once', async () => {
      const its = await site();
      const { secret, backupCodes } = await withOldTotp(node(), its);
      const { browser, open } = await enterWithTotp(its, secret);
      const question = await browser.go(linkOf(await open('/security'), /Get new codes/));
      expect(headingOf(question)).to.equal('Get new backup codes?');
      const page = await browser.submit(question, {});
      expect(codesOf(page)).to.have.length(10);
      expect(page.headers.get('cache-control')).to.equal('no-store');
      expect((await open('/security')).html).to.include('Codes left: 10');

      const used = await aBrowser(node()).signIn(`${its.issuer}/account`, its.email);
      const other = aBrowser(node());
      const asked = await other.signIn(`${its.issuer}/account`, its.email);
      const byCode = await other.submit(asked, { action: 'use:backup_code' });
      expect(isFactorPage(used)).to.equal(true);
      expect((await other.submit(byCode, { action: 'verify', code: backupCodes[0]! })).status).to.equal(401);
      const inside = await other.submit(byCode, { action: 'verify', code: codesOf(page)[0]! });
      expect(headingOf(inside)).to.equal('Ann Lee');
    });

    it('are not there for who has no factor', async () => {
      const { browser, open } = await enter(await site());
      expect((await open('/security')).html).not.to.include('Backup codes');
      const page = await browser.submit(await open('/security/backup-codes'), {});
      expect(codesOf(page)).to.deep.equal([]);
    });
  });

  describe('remembered browsers', () => {
    async function remembering() {
      const its = await site({ settings: { mfa: { rememberDeviceDays: 30 } } });
      const { secret, backupCodes } = await withOldTotp(node(), its);
      const own = await enterWithTotp(its, secret, { remember_device: '1' });
      const second = aBrowser(node(), {
        userAgent: 'Mozilla/5.0 (Windows NT 10.0; rv:146.0) Gecko/20100101 Firefox/146.0',
      });
      const asked = await second.submit(await second.signIn(`${its.issuer}/account`, its.email), {
        action: 'use:backup_code',
      });
      await second.submit(asked, { action: 'verify', code: backupCodes[0]!, remember_device: '1' });
      /** Signs out and in with the password alone. */
      const isAsked = async (browser: typeof second) => {
        await browser.submit(await browser.go(`${its.issuer}/oauth/logout`), { logout: 'yes' });
        return isFactorPage(await browser.signIn(`${its.issuer}/account`, its.email, PASSWORD));
      };
      return { its, own, second, isAsked };
    }

    it('are shown, this one marked, and one is forgotten after a question', async () => {
      const { own, second, isAsked } = await remembering();
      const page = await own.open('/security');
      expect(page.html.match(/This browser/g)).to.have.length(1);
      const question = await own.browser.go(linkOf(page, /Forget · Firefox on Windows/));
      expect([headingOf(question), question.html.includes('Firefox on Windows')]).to.deep.equal([
        'Forget this browser?',
        true,
      ]);
      const done = await own.browser.submit(question, {});
      expect(noteOf(done)).to.equal('The browser is forgotten.');
      expect(await isAsked(second)).to.equal(true);
      expect(await isAsked(own.browser), 'the other is remembered').to.equal(false);
    });

    it('are forgotten all at once', async () => {
      const { own, second, isAsked } = await remembering();
      const question = await own.browser.go(linkOf(await own.open('/security'), /Forget all of them/));
      const done = await own.browser.submit(question, {});
      expect(noteOf(done)).to.equal('All browsers are forgotten.');
      expect([await isAsked(own.browser), await isAsked(second)]).to.deep.equal([true, true]);
    });
  });
});
