import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { authorization, configured } from '../support/clients.ts';
import { optionsIn, siteWithPasskey } from '../support/factors.ts';
import { aSite, type Site, startNode, type TestNode } from '../support/node.ts';
import { settle } from '../support/settle.ts';

/** What the script does is done here by hand; in a browser it runs in test/pages/passkeys.test.ts. */
describe('passkeys at the forms of the pages', () => {
  let node: TestNode;

  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8' } });
  });
  after(() => node.stop());

  const asking = async (site: Site, more: Record<string, string> = {}) =>
    authorization(await configured(node, site), { more });
  const alertOf = ({ html }: Visited) => /role="alert"[\s\S]*?<p>([^<]*)<\/p>/.exec(html)?.[1];
  const hasLeft = ({ url }: Visited) => url.searchParams.get('code') !== null;
  const written = (credential: unknown) => ({ action: 'passkey', passkey: JSON.stringify(credential) });
  const REFUSED = 'This passkey was not accepted. Try again, or use another way.';

  it('sign in, with the box that keeps the browser signed in', async () => {
    const site = await aSite(node);
    const authenticator = await siteWithPasskey(node, site);
    const browser = aBrowser(node);
    const { url, redeem } = await asking(site);
    const page = await browser.go(url);
    expect(page.headers.get('content-security-policy')).to.include("script-src 'self'; connect-src 'self'");
    const back = await browser.submit(page, { ...written(authenticator.get(optionsIn(page))), remember: '1' });
    expect((await redeem(back.url)).claims()).to.deep.include({ sub: site.user, amr: ['hwk', 'user', 'mfa'] });
    expect(browser.cookies().map(({ name }) => name)).to.include('gh_device');
  });

  it('write nothing before they are answered', async () => {
    const site = await aSite(node);
    const authenticator = await siteWithPasskey(node, site);
    const kept = () =>
      inTransaction(site.call, async ({ db, tenantId }) => {
        const tables = ['challenges', 'used_ceremonies', 'factors', 'audit_events'];
        return Promise.all(tables.map((table) => db(table).where({ tenant_id: tenantId }).count('* as rows').first()));
      });
    const browser = aBrowser(node);
    const page = await browser.go((await asking(site)).url);
    const before = await kept();
    await aBrowser(node).go((await asking(site)).url);
    for (let times = 0; times < 3; times++) await browser.go(page.url);
    expect(await kept()).to.deep.equal(before);
    await browser.submit(page, written(authenticator.get(optionsIn(page))));
    expect(await kept()).not.to.deep.equal(before);
  });

  it('are for the sign-in that asked, on its browser, once', async () => {
    const site = await aSite(node);
    const authenticator = await siteWithPasskey(node, site);
    const [mine, theirs] = [aBrowser(node), aBrowser(node)];
    const page = await mine.go((await asking(site)).url);
    const credential = authenticator.get(optionsIn(page));
    const theirPage = await theirs.go((await asking(site)).url);
    const stolen = await theirs.submit(theirPage, written(credential));
    expect([stolen.status, hasLeft(stolen)]).to.deep.equal([401, false]);
    const tab = await mine.go((await asking(site)).url);
    const other = await mine.submit(tab, written(credential));
    expect([other.status, hasLeft(other)], 'another tab').to.deep.equal([401, false]);
    expect(hasLeft(await mine.submit(await mine.go(page.url), written(credential)))).to.equal(true);
    const again = aBrowser(node);
    const late = await again.submit(await again.go((await asking(site)).url), written(credential));
    expect([late.status, hasLeft(late)]).to.deep.equal([401, false]);
  });

  it('that are none are refused on the login page, whatever comes', async () => {
    const site = await aSite(node);
    const authenticator = await siteWithPasskey(node, site);
    const browser = aBrowser(node);
    const page = await browser.go((await asking(site)).url);
    const { response, ...outer } = authenticator.get(optionsIn(page));
    const texts = [
      ...['', 'null', '5', '"text"', '[]', '{}', '{', '{"id":"a","id":"b"}', '{"__proto__":{}}', 'x'.repeat(40_000)],
      JSON.stringify({ ...outer, response: { ...response, authenticatorData: 'A'.repeat(40_000) } }),
      JSON.stringify({ ...outer, response: { ...response, clientDataJSON: response.clientDataJSON.slice(0, -2) } }),
    ];
    for (const passkey of texts) {
      const refused = await browser.submit(page, { action: 'passkey', passkey });
      expect([passkey.slice(0, 40), refused.status, alertOf(refused)]).to.deep.equal([
        passkey.slice(0, 40),
        401,
        REFUSED,
      ]);
    }
    expect(node.logged.filter((line) => line.includes('"level":50'))).to.deep.equal([]);
  });

  it('need the value that the page carries', async () => {
    const site = await aSite(node);
    const authenticator = await siteWithPasskey(node, site);
    const browser = aBrowser(node);
    const page = await browser.go((await asking(site)).url);
    const credential = authenticator.get(optionsIn(page));
    const forged = await browser.submit(page, { ...written(credential), csrf: 'another' });
    expect([forged.status, hasLeft(forged)]).to.deep.equal([403, false]);
  });

  it('do not sign in where the tenant has none, and are not spoken of', async () => {
    const site = await aSite(node);
    const authenticator = await siteWithPasskey(node, site);
    const browser = aBrowser(node);
    const page = await browser.go((await asking(site)).url);
    const credential = authenticator.get(optionsIn(page));
    await settle(node, site, { mfa: { allowedFactors: ['totp'] } });
    const refused = await browser.submit(page, written(credential));
    expect([refused.status, hasLeft(refused)]).to.deep.equal([401, false]);
    const plain = await browser.go(page.url);
    expect(plain.html).not.to.match(/passkey|<script/);
    expect(plain.headers.get('content-security-policy')).not.to.include('script-src');
  });

  it('that are refused too often from one address are told to wait, and a good one is let in', async () => {
    const site = await aSite(node);
    const authenticator = await siteWithPasskey(node, site);
    const browser = aBrowser(node);
    const headers = { 'x-forwarded-for': '198.51.100.77' };
    const page = await browser.go((await asking(site)).url, undefined, headers);
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)![1]!;
    const send = (twist: object) =>
      browser.go(page.url, { csrf, ...written(authenticator.get(optionsIn(page), twist)) }, headers);
    const ends: number[] = [];
    for (let tries = 0; tries <= LIMITS.addressFailures; tries++)
      ends.push((await send({ userHandle: Buffer.alloc(16) })).status);
    expect([ends.slice(0, -1).every((status) => status === 401), ends.at(-1)]).to.deep.equal([true, 429]);
    expect(hasLeft(await send({}))).to.equal(true);
  });

  describe('of another address of the tenant', () => {
    it('are no second factor here: their owner is told, or uses another way', async () => {
      const site = await aSite(node);
      const domain = `${site.slug}.example`;
      const { tenants } = node.house.services;
      await tenants.addDomain(site.call, domain);
      await tenants.verifyDomain(site.call, domain);
      await siteWithPasskey(node, site, `http://${domain}`);
      const page = await aBrowser(node).signIn((await asking(site)).url, site.email);
      expect(page.html).to.include('name="factor" value="backup_code"').and.not.include('Use my passkey');

      await settle(node, site, { mfa: { allowedFactors: ['webauthn'] } });
      const stuck = await aBrowser(node).signIn((await asking(site)).url, site.email);
      expect(alertOf(stuck)).to.equal(
        'Your passkey cannot be used at this address. Sign in where you added it, or ask your administrator.',
      );
      expect(stuck.html).not.to.include('Use my passkey');
    });
  });
});
