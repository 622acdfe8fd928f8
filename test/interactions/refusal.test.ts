import { aBrowser } from '../support/browser.ts';
import { aSite, startNode, type TestNode } from '../support/node.ts';
import { authorizeUrl } from '../support/oauth.ts';
import { expectAlike, type Knock, locked, REFUSED, type Seen, seenAt } from '../support/refusals.ts';
import { settle } from '../support/settle.ts';

describe('a sign-in on the page that is refused', () => {
  let node: TestNode;
  before(async () => {
    node = await startNode({ settings: { TRUSTED_PROXIES: '127.0.0.0/8' } });
  });
  after(() => node.stop());

  it('is one page after the same work, whatever the reason (CR01, CR02)', async function () {
    this.timeout(30_000);
    const site = await aSite(node);
    /** The login page of a new browser, ready to be sent. */
    async function atTheDoor({ identifier, password, ip }: Knock) {
      const browser = aBrowser(node);
      const page = await browser.go(authorizeUrl(site), undefined, { 'x-forwarded-for': ip });
      const form = Object.fromEntries(
        [...page.html.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)].map(
          ([, name, value]) => [name as string, value as string],
        ),
      );
      const fields = { ...form, identifier, password, action: 'login' };
      return async () => {
        const { status, headers, html } = await browser.go(page.url, fields, { 'x-forwarded-for': ip });
        const uid = page.url.pathname.split('/').at(-1) as string;
        return { status, headers, text: html.replaceAll(identifier, 'NAME').replaceAll(uid, 'UID') };
      };
    }
    const mask = (text: string) =>
      text.replace(/(name="csrf" value=")[^"]*/g, '$1').replace(/(&#34;challenge&#34;:&#34;)[\w-]*/g, '$1');

    // What a node reads once of a tenant is read, and no news of it is on the way.
    await settle(node, site, { branding: { primaryColor: '#123456' } });
    await (await atTheDoor(await REFUSED['an unknown address']!(node, site)))();
    const seen: Record<string, Seen> = {};
    const knocks: Record<string, Knock> = {};
    for (const [why, make] of Object.entries(REFUSED)) knocks[why] = await make(node, site);
    knocks['an account that is locked'] = await locked(node, site, async (knock) => (await atTheDoor(knock))());
    for (const [why, knock] of Object.entries(knocks)) seen[why] = await seenAt(node, await atTheDoor(knock), mask);
    expectAlike(seen);
  });
});
