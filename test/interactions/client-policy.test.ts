import { expect } from 'chai';
import type { ClientDraft } from '../../src/domain/clients/client.ts';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { sender } from '../support/api.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { authorization, configured } from '../support/clients.ts';
import { codeOf, siteWithTotp } from '../support/factors.ts';
import { aSite, fetchAt, PASSWORD, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { eventually } from '../support/oauth.ts';

const TWO = 'urn:gatehouse:acr:2fa';
const ONE = 'urn:gatehouse:acr:1fa';

describe('what an application asks of second factors', () => {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  const siteWith = (client: Partial<ClientDraft>, settings: SettingsChange = {}): Promise<Site> =>
    aSite(node, { clients: [{ ...WEB, ...client }], settings });
  const asking = async (site: Site, more: Record<string, string> = {}) =>
    authorization(await configured(node, site), { more });

  const isFactorPage = ({ html }: Visited) => html.includes('name="code"') && html.includes('value="verify"');
  const isEnrolmentPage = ({ html }: Visited) => html.includes('value="enrol"');
  const hasLeft = ({ url }: Visited) => url.searchParams.get('code') !== null;
  const secretOf = ({ html }: Visited) =>
    /<code class="secret"[^>]*>([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') as string;

  it('required: everybody enrols one on the way in, though the tenant does not ask', async () => {
    const site = await siteWith({ mfa: 'required' });
    const browser = aBrowser(node);
    const { url, redeem } = await asking(site);
    const page = await browser.signIn(url, site.email);
    expect(isEnrolmentPage(page)).to.equal(true);
    const codes = await browser.submit(page, { action: 'enrol', code: await codeOf(secretOf(page)) });
    const back = await browser.submit(codes, { action: 'seen' });
    expect((await redeem(back.url)).claims()).to.include({ acr: TWO });
  });

  it('required: a session that another application began is asked for more', async () => {
    const site = await siteWith({ clientId: 'easy' });
    await node.house.services.clients.create(site.call, { ...WEB, clientId: 'strict', mfa: 'required' });
    const browser = aBrowser(node);
    const easy = await authorization(await configured(node, site, 'easy'), {});
    expect(hasLeft(await browser.signIn(easy.url, site.email))).to.equal(true);
    const strict = await authorization(await configured(node, site, 'strict'), {});
    expect(isEnrolmentPage(await browser.go(strict.url))).to.equal(true);
  });

  it('off: lifts what the tenant demands of who has none, and lets nobody in without the factor they have', async () => {
    const demanding = { mfa: { mode: 'required' } } as const;
    const site = await siteWith({ clientId: 'easy', mfa: 'off' }, demanding);
    await node.house.services.clients.create(site.call, { ...WEB, clientId: 'other' });
    const easy = async (more = {}) => authorization(await configured(node, site, 'easy'), { more });
    const browser = aBrowser(node);
    expect(hasLeft(await browser.signIn((await easy()).url, site.email))).to.equal(true);
    const other = await authorization(await configured(node, site, 'other'), {});
    expect(isEnrolmentPage(await browser.go(other.url)), 'the session opens no other application').to.equal(true);

    const owner = await siteWith({ clientId: 'easy', mfa: 'off' }, { mfa: { mode: 'optional' } });
    await siteWithTotp(node, owner);
    const asked = await authorization(await configured(node, owner, 'easy'), {});
    expect(isFactorPage(await aBrowser(node).signIn(asked.url, owner.email))).to.equal(true);
  });

  it('a class at least: is asked for on a remembered browser too, and refused to who cannot reach it', async () => {
    const site = await siteWith({ minAcr: TWO }, { mfa: { rememberDeviceDays: 30 } });
    const nobody = await aBrowser(node).signIn((await asking(site)).url, site.email);
    expect(nobody.url.searchParams.get('error')).to.equal('unmet_authentication_requirements');

    const { secret } = await siteWithTotp(node, site);
    const browser = aBrowser(node);
    const page = await browser.signIn((await asking(site)).url, site.email);
    const code = await codeOf(secret);
    expect(hasLeft(await browser.submit(page, { action: 'verify', code, remember_device: '1' }))).to.equal(true);
    const again = await browser.signIn((await asking(site, { prompt: 'login' })).url, site.email);
    expect(isFactorPage(again), 'the password was enough for the sign-in, not for the application').to.equal(true);
  });

  it('can be nothing that does not exist', async () => {
    const { clients } = node.house.services;
    const site = await siteWith({});
    for (const change of [{ mfa: 'sometimes' }, { minAcr: 'gold' }, { minAcr: 'urn:gatehouse:acr:9fa' }]) {
      const refusal = await clients
        .update(site.call, 'web', change as never)
        .catch((error: { code: string }) => error.code);
      expect(refusal).to.equal('client_invalid');
    }
  });

  describe('when it is switched on', () => {
    const login = (site: Site) =>
      sender(() => node.port)('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
    const refresh = async (refreshToken: string) =>
      (await sender(() => node.port)('POST', '/api/v1/auth/refresh', { body: { refreshToken } })).status;
    /** Changes the tenant's policy, and waits for the node to hear of it. */
    async function settle({ call, tenantId }: Site, mfa: NonNullable<SettingsChange['mfa']>): Promise<void> {
      const { services, directory, operator } = node.house;
      await services.tenants.updateSettings(call, { mfa });
      const isKnown = async () => {
        const known = (await directory.byId(operator('test'), tenantId))?.settings.mfa;
        return known?.mode === mfa.mode && (mfa.roles === undefined || known?.roles.join() === mfa.roles?.join());
      };
      while (!(await isKnown())) await call.db.raw('select 1');
    }

    it('by the tenant: refresh tokens of one factor end their use at once, and are good again when it is off', async () => {
      const site = await siteWith({});
      const { refreshToken } = (await login(site)).body;
      await settle(site, { mode: 'required' });
      expect(await refresh(refreshToken)).to.equal(401);
      await settle(site, { mode: 'required_for_roles', roles: ['TENANT_ADMIN'] });
      expect(await refresh(refreshToken)).to.equal(401);
      await settle(site, { mode: 'required_for_roles', roles: ['AUDITOR'] });
      expect(await refresh(refreshToken), 'of somebody else').to.equal(200);
    });

    it('by the tenant: tokens of two factors go on', async () => {
      const site = await siteWith({});
      const { secret } = await siteWithTotp(node, site);
      const { challengeId } = (await login(site)).body;
      const verified = await sender(() => node.port)('POST', '/api/v1/auth/mfa/verify', {
        body: { challengeId, factor: 'totp', code: await codeOf(secret) },
      });
      await settle(site, { mode: 'required' });
      expect(await refresh(verified.body.refreshToken)).to.equal(200);
    });

    it('by the tenant: a replay ends its family all the same', async () => {
      const site = await siteWith({}, { tokens: { refreshGraceSeconds: 0 } });
      const send = sender(() => node.port);
      const { refreshToken: first } = (await login(site)).body;
      const second = await send('POST', '/api/v1/auth/refresh', { body: { refreshToken: first } });
      await settle(site, { mode: 'required' });
      const replayed = await send('POST', '/api/v1/auth/refresh', { body: { refreshToken: first } });
      expect(replayed.body.error).to.equal('IDENT_REFRESH_REPLAY');
      await settle(site, { mode: 'optional' });
      expect(await refresh(second.body.refreshToken)).to.equal(401);
    });

    it('by the application: its own tokens are refused, and those after a step-up are not', async () => {
      const site = await siteWith({});
      const { services } = node.house;
      const config = await configured(node, site);
      const browser = aBrowser(node);
      const first = await authorization(config, {});
      const tokens = await first.redeem((await browser.signIn(first.url, site.email)).url);
      const { secret } = await siteWithTotp(node, site);
      await services.clients.update(site.call, 'web', { minAcr: TWO });
      let own = tokens.refresh_token!;
      await eventually('the node has heard of the client, and refuses its token', async () => {
        const [status, rest] = await refreshAt(site, own);
        if (status === 200) own = rest;
        else expect([status, rest]).to.deep.equal([400, 'invalid_grant']);
        return status !== 200;
      });

      const second = await authorization(config, {});
      const page = await browser.go(second.url);
      expect(isFactorPage(page)).to.equal(true);
      const back = await browser.submit(page, { action: 'verify', code: await codeOf(secret) });
      const stronger = await second.redeem(back.url);
      expect((await refreshAt(site, stronger.refresh_token!))[0]).to.equal(200);
      expect((await refreshAt(site, own))[0], 'the session has shown it since').to.equal(200);
    });

    it('leaves a remembered browser its tokens, and says how it was let in', async () => {
      const site = await siteWith({}, { mfa: { rememberDeviceDays: 30 } });
      const { secret } = await siteWithTotp(node, site);
      const browser = aBrowser(node);
      const page = await browser.signIn((await asking(site)).url, site.email);
      await browser.submit(page, { action: 'verify', code: await codeOf(secret), remember_device: '1' });
      const anew = await asking(site, { prompt: 'login' });
      const tokens = await anew.redeem((await browser.signIn(anew.url, site.email)).url);
      expect(tokens.claims()).to.deep.include({ acr: ONE, amr: ['pwd', 'rba'] });
      await settle(site, { mode: 'required' });
      expect((await refreshAt(site, tokens.refresh_token!))[0]).to.equal(200);
    });

    /** A refresh by the site's application: its status, and the error or the next token. */
    async function refreshAt(site: Site, refreshToken: string): Promise<[number, string]> {
      const answer = await fetchAt(node)(`${site.issuer}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`web:${WEB.clientSecret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
      });
      const { error, refresh_token } = (await answer.json()) as { error?: string; refresh_token?: string };
      return [answer.status, error ?? refresh_token ?? ''];
    }
  });
});
