import { expect } from 'chai';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { sender } from '../support/api.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { authorization, configured } from '../support/clients.ts';
import { codeOf, siteWithTotp } from '../support/factors.ts';
import { lastLetter, lettersOf } from '../support/letters.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { isLogin } from '../support/oauth.ts';
import { alertOf, hasLeft, linkTo, titleOf } from '../support/pages.ts';
import { settle } from '../support/settle.ts';

const VERIFIED: SettingsChange = { signIn: { requireVerifiedEmail: true } };
const TERMS: SettingsChange = {
  terms: {
    versions: [
      {
        version: '2026-01',
        documents: {
          en: { text: 'Be kind.\n\nAsk first.', url: 'https://example.test/terms' },
          fr: { text: 'Soyez aimables.' },
        },
      },
    ],
  },
};
const NEWER: SettingsChange = {
  terms: { versions: [...TERMS.terms!.versions!, { version: '2026-02', documents: { en: { text: 'Be kinder.' } } }] },
};

describe('what is to be done first, on pages', () => {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  const asking = async (site: Site, more: Record<string, string> = {}) =>
    authorization(await configured(node, site), { more });
  /** A site whose tenant demands this, and whose user has proven no address. */
  async function demanding(settings: SettingsChange): Promise<Site> {
    const site = await aSite(node);
    await unproven(site);
    await settle(node, site, settings);
    return site;
  }
  const unproven = ({ call, user }: Site) => node.house.services.users.setVerified(call, user, { email: false });
  async function signingIn(site: Site, browser = aBrowser(node)) {
    const { url, redeem } = await asking(site);
    return { browser, redeem, page: await browser.signIn(url, site.email) };
  }
  const proofOf = async (site: Site) => (await lastLetter(node, site, 'verify-email')).values;
  const linkOf = async (site: Site) =>
    `${site.issuer}/verify-email?token=${(await proofOf(site)).link.query!['token']}`;
  const isCodePage = (page: Visited) => titleOf(page)?.includes('Check your mail') ?? false;
  const isTermsPage = (page: Visited) => titleOf(page) === 'Terms of use';
  const verify = (code: string) => ({ action: 'verify', code });
  const accept = { action: 'accept' };

  describe('a proven address', () => {
    it('is proven by the code of the letter, on the way to the application', async () => {
      const site = await demanding(VERIFIED);
      const { browser, redeem, page } = await signingIn(site);
      expect([page.status, titleOf(page), page.headers.get('cache-control')]).to.deep.equal([
        ...[200, 'Check your mail', 'no-store'],
      ]);
      expect(page.html).to.include(site.email);
      const wrong = await browser.submit(page, verify('00000000'));
      expect([wrong.status, isCodePage(wrong), Boolean(alertOf(wrong))]).to.deep.equal([401, true, true]);
      const reloaded = await browser.go(wrong.url);
      expect(isCodePage(reloaded), 'loaded again').to.equal(true);
      const back = await browser.submit(reloaded, verify((await proofOf(site)).code!));
      expect((await redeem(back.url)).claims()?.sub).to.equal(site.user);
      expect(await lettersOf(node, site)).to.have.lengthOf(1);
      expect(hasLeft((await signingIn(site)).page), 'once').to.equal(true);
    });

    it('is proven by the link, opened in the same browser, which leads back to the sign-in', async () => {
      const site = await demanding(VERIFIED);
      const { browser, redeem } = await signingIn(site);
      const asked = await browser.go(await linkOf(site));
      expect([asked.status, titleOf(asked)]).to.deep.equal([200, 'Confirm your address']);
      const done = await browser.submit(asked, { action: 'confirm' });
      expect(titleOf(done)).to.equal('Your address is confirmed');
      const back = await browser.go(linkTo(done, '/interaction/'));
      expect((await redeem(back.url)).claims()?.sub).to.equal(site.user);
    });

    it('is proven by the link, opened elsewhere; the browser that waits goes on when it is told to', async () => {
      const site = await demanding(VERIFIED);
      const { browser, page } = await signingIn(site);
      const early = await browser.submit(page, { action: 'opened' });
      expect([early.status, isCodePage(early)]).to.deep.equal([401, true]);
      const phone = aBrowser(node);
      const done = await phone.submit(await phone.go(await linkOf(site)), { action: 'confirm' });
      expect(done.html).not.to.include('/interaction/');
      expect(hasLeft(await browser.submit(early, { action: 'opened' }))).to.equal(true);
    });

    it('is asked for by another letter, three an hour, and not at all by who turns back', async () => {
      const site = await demanding(VERIFIED);
      const { browser, page } = await signingIn(site);
      const first = (await proofOf(site)).code!;
      const again = await browser.submit(page, { action: 'resend' });
      expect([again.status, isCodePage(again)]).to.deep.equal([200, true]);
      const last = await browser.submit(again, { action: 'resend' });
      const over = await browser.submit(last, { action: 'resend' });
      expect([over.status, Number(over.headers.get('retry-after')) > 0]).to.deep.equal([429, true]);
      expect(await lettersOf(node, site)).to.have.lengthOf(3);
      const other = await signingIn(site);
      const turned = await other.browser.submit(other.page, { action: 'cancel' });
      expect(turned.url.searchParams.get('error')).to.equal('access_denied');
      expect(hasLeft(await browser.submit(over, verify(first))), 'a letter that came late').to.equal(true);
    });

    it('is guessed by nobody: five wrong codes end a letter', async () => {
      const site = await demanding(VERIFIED);
      const { browser, page } = await signingIn(site);
      const { code } = await proofOf(site);
      const wrong = verify(code === '00000000' ? '00000001' : '00000000');
      for (let tries = 0; tries < 5; tries++) expect((await browser.submit(page, wrong)).status).to.equal(401);
      const late = await browser.submit(page, verify(code!));
      expect([late.status, hasLeft(late)]).to.deep.equal([401, false]);
    });

    it('is asked of one browser: the page of another takes no code', async () => {
      const site = await demanding(VERIFIED);
      const { page } = await signingIn(site);
      const stolen = await aBrowser(node).submit(page, verify((await proofOf(site)).code!));
      expect([stolen.status, hasLeft(stolen)]).to.deep.equal([400, false]);
      const stranger = aBrowser(node);
      const fresh = await stranger.go((await asking(site)).url);
      const skipped = await stranger.submit(fresh, verify((await proofOf(site)).code!));
      expect([isLogin(skipped), hasLeft(skipped)]).to.deep.equal([true, false]);
    });
  });

  describe('terms of use', () => {
    it('are shown in the language of the reader, and accepted once', async () => {
      const site = await demanding(TERMS);
      const french = await asking(site, { ui_locales: 'fr' });
      const inFrench = await aBrowser(node).signIn(french.url, site.email);
      expect(inFrench.html).to.include('Soyez aimables.').and.not.include('Be kind.');
      const { browser, page, redeem } = await signingIn(site);
      expect([page.status, isTermsPage(page), page.html.includes('<p>Ask first.</p>')]).to.deep.equal([
        200,
        true,
        true,
      ]);
      expect(page.html).to.include('href="https://example.test/terms"');
      const back = await browser.submit(page, accept);
      expect((await redeem(back.url)).claims()?.sub).to.equal(site.user);
      const [accepted] = await node.house.services.duties.listAcceptances(site.call, site.user);
      expect(accepted).to.include({ version: '2026-01', language: 'en' });
      expect(hasLeft((await signingIn(site)).page), 'once').to.equal(true);
    });

    it('let nobody by who does not accept them, or accepts others', async () => {
      const site = await demanding(TERMS);
      const { browser, page } = await signingIn(site);
      for (const forged of [{ version: '2025-01' }, { version: '' }, { language: 'de' }, { action: 'verify' }]) {
        const again = await browser.submit(page, { ...accept, ...forged });
        expect([forged, isTermsPage(again), hasLeft(again)]).to.deep.equal([forged, true, false]);
      }
      const fresh = await browser.go((await asking(site)).url);
      expect(isLogin(fresh), 'there is no session').to.equal(true);
      const turned = await browser.submit(page, { action: 'cancel' });
      expect(turned.url.searchParams.get('error')).to.equal('access_denied');
      expect(await node.house.services.duties.listAcceptances(site.call, site.user)).to.deep.equal([]);
    });

    it('come after the second factor', async () => {
      const site = await aSite(node);
      const { secret } = await siteWithTotp(node, site);
      await settle(node, site, TERMS);
      const { browser, page } = await signingIn(site);
      expect(isTermsPage(page)).to.equal(false);
      const terms = await browser.submit(page, verify(await codeOf(secret)));
      expect(isTermsPage(terms)).to.equal(true);
      expect(hasLeft(await browser.submit(terms, accept))).to.equal(true);
    });
  });

  describe('a session that began before', () => {
    async function aSession() {
      const site = await aSite(node);
      const { browser, page, redeem } = await signingIn(site);
      const authTime = (await redeem(page.url)).claims()?.['auth_time'];
      return { site, browser, authTime };
    }

    it('is asked for terms that came into force since, and for nothing else; the time of the login stays', async () => {
      const { site, browser, authTime } = await aSession();
      for (const [settings, text] of [
        [TERMS, 'Ask first.'],
        [NEWER, 'Be kinder.'],
      ] as const) {
        await settle(node, site, settings);
        const none = await browser.go((await asking(site, { prompt: 'none' })).url);
        expect(none.url.searchParams.get('error')).to.equal('interaction_required');
        const { url, redeem } = await asking(site);
        const page = await browser.go(url);
        expect([isTermsPage(page), page.html.includes(text)]).to.deep.equal([true, true]);
        const claims = (await redeem((await browser.submit(page, accept)).url)).claims();
        expect(claims).to.include({ sub: site.user, auth_time: authTime });
        expect(claims?.['amr']).to.deep.equal(['pwd']);
        expect(hasLeft(await browser.go((await asking(site, { prompt: 'none' })).url))).to.equal(true);
      }
    });

    it('is asked for a proven address, then for terms', async () => {
      const { site, browser } = await aSession();
      await unproven(site);
      await settle(node, site, { ...VERIFIED, ...TERMS });
      const page = await browser.go((await asking(site)).url);
      expect(isCodePage(page)).to.equal(true);
      const terms = await browser.submit(page, verify((await proofOf(site)).code!));
      expect(isTermsPage(terms)).to.equal(true);
      expect(hasLeft(await browser.submit(terms, accept))).to.equal(true);
    });

    it('can turn back, and is asked again', async () => {
      const { site, browser } = await aSession();
      await settle(node, site, TERMS);
      const turned = await browser.submit(await browser.go((await asking(site)).url), { action: 'cancel' });
      expect(turned.url.searchParams.get('error')).to.equal('access_denied');
      expect(isTermsPage(await browser.go((await asking(site)).url))).to.equal(true);
    });
  });

  it('are told to programs by a code of their own, after the password and never before', async () => {
    const send = sender(() => node.port);
    const login = async ({ email }: Site, password = PASSWORD) => {
      const { status, body } = await send('POST', '/api/v1/auth/login', { body: { email, password } });
      return [status, body.error];
    };
    const unproven = await demanding(VERIFIED);
    expect(await login(unproven)).to.deep.equal([403, 'IDENT_EMAIL_UNVERIFIED']);
    expect(await login(unproven, 'wrong')).to.deep.equal([401, 'IDENT_INVALID_CREDENTIALS']);
    expect(await lettersOf(node, unproven)).to.have.lengthOf(1);
    const unwilling = await demanding(TERMS);
    expect(await login(unwilling)).to.deep.equal([403, 'IDENT_TERMS_REQUIRED']);
    const { browser, page } = await signingIn(unwilling);
    await browser.submit(page, accept);
    expect((await login(unwilling))[0]).to.equal(200);
  });
});
