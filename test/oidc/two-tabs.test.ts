import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { pool } from '../support/database.ts';
import { aSite, CALLBACK, PASSWORD, type Site, startNode, type TestNode, WEB, WEB_SECRET } from '../support/node.ts';
import { authorizeUrl, basic, eventually, introspect, post, refresh, someTokens } from '../support/oauth.ts';

const IDS = ['web', 'mail', 'wiki', 'chat'];
const VERIFIER = 'v'.repeat(43);

describe('two tabs of one browser', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node, { clients: IDS.map((clientId) => ({ ...WEB, clientId })) });
  });
  after(() => node.stop());

  const redeem = (clientId: string, code: string) =>
    post(
      node,
      site,
      '/oauth/token',
      { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER },
      basic(clientId, WEB_SECRET),
    );

  /** Redeems and uses what two applications were given. */
  async function expectBothWork(codes: Record<string, string | null>): Promise<void> {
    for (const [clientId, code] of Object.entries(codes)) {
      const tokens = await redeem(clientId, String(code));
      expect([clientId, tokens.status, tokens.body.error]).to.deep.equal([clientId, 200, undefined]);
      const as = basic(clientId, WEB_SECRET);
      expect((await introspect(node, site, tokens.body.access_token, as)).body.active, clientId).to.equal(true);
      expect((await refresh(node, site, tokens.body.refresh_token, {}, as)).status, clientId).to.equal(200);
    }
  }

  it('may each be at the login page of another application, and both arrive', async () => {
    const browser = aBrowser(node);
    const first = await browser.go(authorizeUrl(site, { client_id: 'web' }));
    const second = await browser.go(authorizeUrl(site, { client_id: 'mail' }));
    const login = { identifier: site.email, password: PASSWORD, action: 'login' };
    const mail = await browser.submit(second, login);
    const web = await browser.submit(first, login);
    await expectBothWork({ mail: mail.url.searchParams.get('code'), web: web.url.searchParams.get('code') });
  });

  it('that ask at the same moment, signed in already, both keep what they were given', async () => {
    const { browser } = await someTokens(node, site);
    const holder = await pool().transaction();
    let both: Promise<{ url: URL }[]>;
    try {
      await holder.raw('select 1 from oidc_session where tenant_id = ? for update', [site.tenantId]);
      both = Promise.all(['wiki', 'chat'].map((client_id) => browser.go(authorizeUrl(site, { client_id }))));
      await eventually('both to have read the session and to wait for it', async () => {
        const { rows } = await pool().raw(
          `select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        );
        return rows[0].waiting === 2;
      });
    } finally {
      await holder.rollback();
    }
    const [wiki, chat] = await both;
    await expectBothWork({ wiki: wiki!.url.searchParams.get('code'), chat: chat!.url.searchParams.get('code') });
  });

  it('share no interaction: what is typed in one does not answer the other', async () => {
    const browser = aBrowser(node);
    const first = await browser.go(authorizeUrl(site, { client_id: 'web', state: 'one' }));
    const second = await browser.go(authorizeUrl(site, { client_id: 'mail', state: 'two' }));
    expect(first.url.pathname).to.not.equal(second.url.pathname);
    const csrf = /name="csrf" value="([^"]+)"/.exec(first.html)?.[1] ?? '';
    const crossed = await browser.go(second.url, { csrf, identifier: site.email, password: PASSWORD, action: 'login' });
    expect(crossed.status).to.equal(403);
    const back = await browser.submit(second, { identifier: site.email, password: PASSWORD, action: 'login' });
    expect(back.url.searchParams.get('state')).to.equal('two');
  });
});
