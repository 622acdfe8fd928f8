import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { lettersOf } from '../support/letters.ts';
import { aSite, PASSWORD, startNode, type TestNode } from '../support/node.ts';
import { ask } from '../support/oauth.ts';
import { choose, csrfOf, titleOf } from '../support/pages.ts';

const NEXT = 'seven quiet rivers at dawn';

describe('pages outside of a sign-in', () => {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  it('cannot be skipped', async () => {
    const site = await aSite(node);
    const browser = aBrowser(node);
    const page = await browser.go(`${site.issuer}/recovery`);
    const csrf = csrfOf(page);
    const to = (path: string, form: Record<string, string>) => browser.go(`${site.issuer}${path}`, { csrf, ...form });
    for (const form of [{}, { code: '' }, { token: '' }, { token: 'x' }, { code: '12345678' }]) {
      const end = await to('/recovery/confirm', { ...form, ...choose(NEXT) });
      expect([form, end.status, titleOf(end)]).to.deep.equal([form, 400, 'This link does not work any more']);
    }
    expect((await to('/recovery/code', { code: '12345678', action: 'verify' })).status).to.equal(401);
    const { services } = node.house;
    const old = services.signIn.withPassword(site.call, { identifier: site.email, password: PASSWORD });
    expect((await old).kind).to.equal('signed-in');
  });

  it('belong to one browser, and take no form of another site or page', async () => {
    const site = await aSite(node);
    const browser = aBrowser(node);
    const page = await browser.go(`${site.issuer}/recovery`);
    const csrf = csrfOf(page);
    const form = { csrf, identifier: site.email };
    const ends = {
      'no value': await browser.go(page.url, { identifier: site.email }),
      'a wrong value': await browser.go(page.url, { ...form, csrf: `${csrf}x` }),
      'another browser': await aBrowser(node).go(page.url, form),
      'another origin': await browser.go(page.url, form, { origin: 'https://evil.example' }),
      'another site': await browser.go(page.url, form, { 'sec-fetch-site': 'cross-site' }),
      'a neighbour': await browser.go(page.url, form, { 'sec-fetch-site': 'same-site' }),
    };
    for (const [which, { status }] of Object.entries(ends)) expect([which, status]).to.deep.equal([which, 403]);
    expect(await lettersOf(node, site)).to.deep.equal([]);
    expect((await browser.go(page.url, form)).status).to.equal(200);
  });

  it('have the methods of pages', async () => {
    const site = await aSite(node);
    for (const path of ['/recovery', '/recovery/confirm', '/recovery/code']) {
      const { status, headers } = await ask(node, 'PUT', `${site.issuer}${path}`, { form: 'a=b' });
      expect([path, status, headers.get('allow')]).to.deep.equal([path, 405, 'GET, HEAD, POST']);
    }
    const { status, headers } = await ask(node, 'POST', `${site.issuer}/recovery/done`, { form: 'a=b' });
    expect([status, headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    expect((await ask(node, 'GET', `${site.issuer}/recovery/`)).status).to.equal(404);
    const code = await ask(node, 'GET', `${site.issuer}/recovery/code`);
    expect([code.status, code.headers.get('location')]).to.deep.equal([303, `/t/${site.slug}/recovery`]);
  });

  it('lead back to nothing that is not a sign-in of ours', async () => {
    const site = await aSite(node);
    for (const from of ['https://evil.example', '//evil.example', '../../x', 'x'.repeat(40), '%0d%0aset-cookie:a=b']) {
      const browser = aBrowser(node);
      const page = await browser.go(`${site.issuer}/recovery?from=${from}`);
      expect([page.status, page.html.includes('/interaction/')]).to.deep.equal([200, false]);
      expect(page.headers.getSetCookie().join()).not.to.match(/evil|a=b/);
    }
  });

  it('keep their cookie to themselves', async () => {
    const site = await aSite(node);
    const { headers } = await ask(node, 'GET', `${site.issuer}/recovery`);
    const [cookie] = headers.getSetCookie().filter((text) => text.startsWith('ght_errand='));
    expect(cookie).to.match(/^ght_errand=[\w-]{43}; Path=\/t\/[\w]+; Max-Age=86400; HttpOnly; SameSite=Lax$/);
  });
});
