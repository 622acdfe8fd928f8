import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { describeInBrowser, openChromium } from '../support/chromium.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { authorizeUrl, eventually } from '../support/oauth.ts';

describeInBrowser('a page of another site', function (this: Mocha.Suite) {
  this.timeout(60_000);
  let browser: Browser;
  let node: TestNode;
  let site: Site;
  let evil: Server;
  let html = '';
  let callback: string;
  before(async () => {
    [browser, node] = await Promise.all([openChromium(), startNode({ settings: { RATE_LIMITS: 'false' } })]);
    // To a browser, localhost and 127.0.0.1 are two sites.
    evil = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(html));
    evil.listen(0, '127.0.0.1');
    await once(evil, 'listening');
    callback = `http://localhost:${(evil.address() as AddressInfo).port}/cb`;
    site = await aSite(node, { clients: [{ ...WEB, redirectUris: [callback] }] });
  });
  after(async () => {
    await browser?.close();
    evil?.close();
    await node?.stop();
  });

  const evilUrl = () => `http://127.0.0.1:${(evil.address() as AddressInfo).port}/`;

  const asking = (more: Record<string, string> = {}) => authorizeUrl(site, { redirect_uri: callback, ...more }).href;

  /** A person who is signed in, on the page and by the JSON contract, in one browser. */
  async function signedIn(): Promise<{ context: BrowserContext; page: Page }> {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(asking());
    await page.fill('[name=identifier]', site.email);
    await page.fill('[name=password]', PASSWORD);
    await page.click('button[value=login]');
    await page.waitForURL(/\/cb\?/);
    const login = await context.request.post(`${node.url}/api/v1/auth/login`, {
      data: { email: site.email, password: PASSWORD },
    });
    expect(login.status()).to.equal(200);
    return { context, page };
  }

  /** What of the person's is there, as the database has it: who is signed in where, and how far each token was turned. */
  const standing = async () => ({
    sessions: await node.house
      .db('oidc_session')
      .where({ tenant_id: site.tenantId, account_id: site.user })
      .pluck('uid'),
    chains: await node.house
      .db('oidc_refresh_chain')
      .where({ tenant_id: site.tenantId })
      .orderBy('chain')
      .select('chain', 'generation'),
  });

  it('shows none of our pages in a frame (SE13)', async () => {
    const { context } = await signedIn();
    const paths = [asking({ prompt: 'login' }), `${site.issuer}/device`, `${site.issuer}/oauth/logout`];
    html = [...paths, `${node.url}/docs`]
      .map((url) => `<iframe src="${url.replaceAll('&', '&amp;')}"></iframe>`)
      .join('');
    const page = await context.newPage();
    await page.goto(evilUrl(), { waitUntil: 'load' });
    const frames = page.frames().filter((frame) => frame !== page.mainFrame());
    expect(frames).to.have.length(4);
    const isRefused = (url: string) => url === 'chrome-error://chromewebdata/';
    await eventually('the browser’s own pages', () => frames.every((frame) => isRefused(frame.url())), 20_000);
  });

  it('changes nothing of a person who is signed in, whatever it sends (SE11, OA52)', async () => {
    const { context, page: own } = await signedIn();
    const before = await standing();
    const posts = [
      `${site.issuer}/oauth/logout/confirm`,
      `${site.issuer}/oauth/logout`,
      `${site.issuer}/device`,
      `${node.url}/api/v1/auth/refresh`,
      `${node.url}/api/v1/auth/logout`,
      `${node.url}/api/v1/auth/logout-all`,
    ];
    const types = ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data'];
    const forms = posts.flatMap((action) => types.map((type) => ({ action, type })));
    html = `<img src="${site.issuer}/oauth/logout?logout=yes">
      ${forms.map(({ action, type }, at) => `<iframe name="f${at}"></iframe><form method="post" action="${action}" enctype="${type}" target="f${at}"><input name="logout" value="yes"></form>`).join('')}
      <script>for (const form of document.forms) form.submit();</script>`;
    const page = await context.newPage();
    await page.goto(evilUrl(), { waitUntil: 'networkidle' });
    const answers = await page.evaluate(
      async (urls) =>
        Promise.all(
          urls.flatMap((url) =>
            ['text/plain', 'application/json'].map((type) =>
              fetch(url, {
                method: 'POST',
                credentials: 'include',
                mode: type === 'text/plain' ? 'no-cors' : 'cors',
                headers: { 'content-type': type },
                body: '{}',
              }).then(
                (answer) => answer.type,
                () => 'refused',
              ),
            ),
          ),
        ),
      posts,
    );
    expect(new Set(answers), 'what it may read').to.deep.equal(new Set(['refused']));
    expect(await standing()).to.deep.equal(before);

    html = '';
    await own.goto(asking({ prompt: 'none' }));
    expect(new URL(own.url()).searchParams.get('code')).to.be.a('string');
    const refreshed = (await context.request.post(`${node.url}/api/v1/auth/refresh`)).status();
    expect(refreshed, 'the person’s own program can').to.equal(200);
    await context.close();
  });
});
