import { expect } from 'chai';
import { sender } from '../support/api.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { authorization, configured } from '../support/clients.ts';
import { inEmptyDatabase } from '../support/empty-database.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { type StandInGateway, standInGateway, type TakenSms } from '../support/sms-gateway.ts';
import { type Sink, smtpSink } from '../support/smtp-sink.ts';

const NUMBER = '+14155550123';
const codeIn = (text: string) => /\b\d{6}\b/.exec(text)![0];
const textOf = ({ body }: TakenSms): string => JSON.parse(body).text;

describe('codes by e-mail and text message', function () {
  this.timeout(60_000);
  let [gateway, sink] = [{} as StandInGateway, {} as Sink];
  beforeEach(async () => {
    [gateway, sink] = await Promise.all([standInGateway(), smtpSink()]);
  });
  afterEach(() => Promise.all([gateway.close(), sink.close()]));

  const withNode = (work: (node: TestNode) => Promise<void>): Promise<void> =>
    inEmptyDatabase(async (_db, database) => {
      const settings = { RATE_LIMITS: 'false', SMTP_URL: sink.url };
      const node = await startNode({ settings, background: true, database });
      try {
        await work(node);
      } finally {
        await node.stop();
      }
    });

  /** A site whose people may use codes, and its user signed in. */
  async function aSiteWithCodes(node: TestNode) {
    const site = await aSite(node);
    await node.house.services.tenants.updateSettings(site.call, {
      mfa: { allowedFactors: ['totp', 'email', 'sms', 'backup_code'], rememberDeviceDays: 30 },
      sms: { gateway: 'webhook', url: `${gateway.url}/send`, secret: 'S3CRET' },
    });
    const send = sender(() => node.port);
    const login = async () => send('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
    const { accessToken } = (await login()).body;
    const as = (path: string, body: object = {}) =>
      send('POST', path, { body, headers: { authorization: `Bearer ${accessToken}` } });
    return { site, send, login, as };
  }

  async function enrolled(
    as: Awaited<ReturnType<typeof aSiteWithCodes>>['as'],
    channel: 'email' | 'sms',
    code: () => Promise<string>,
  ) {
    const begun = await as(`/api/v1/me/mfa/${channel}/enroll`, channel === 'sms' ? { phoneNumber: NUMBER } : {});
    expect(begun.status, begun.text).to.equal(200);
    const { factorId } = begun.body;
    const done = await as(`/api/v1/me/mfa/${channel}/confirm`, { factorId, code: await code() });
    expect(done.status, done.text).to.equal(200);
    return { begun, done };
  }

  for (const [channel, other] of [
    ['email', 'sms'],
    ['sms', 'email'],
  ] as const) {
    it(`let a program finish a login, by ${channel}`, async () => {
      await withNode(async (node) => {
        const { site, send, login, as } = await aSiteWithCodes(node);
        const code = async () =>
          codeIn(channel === 'sms' ? textOf(await gateway.next()) : (await letterWithCode(site)).text);
        const { begun, done } = await enrolled(as, channel, code);
        const sentTo = channel === 'sms' ? '+14•••••23' : `a•••@${site.slug}.test`;
        expect(begun.body.sentTo).to.equal(sentTo);
        expect(done.body).to.deep.include({ kind: channel, sentTo });
        expect(done.body.backupCodes).to.have.length(10);

        const { challengeId, factors } = (await login()).body;
        expect(factors).to.deep.equal([channel, 'backup_code']);
        const ask = (factor: string) => send('POST', '/api/v1/auth/mfa/send', { body: { challengeId, factor } });
        const sent = await ask(channel);
        expect([sent.status, sent.text]).to.deep.equal([204, '']);
        const again = await ask(channel);
        expect([again.status, Number(again.headers.get('retry-after')) > 0]).to.deep.equal([429, true]);
        const wrong = await ask(other);
        expect([wrong.status, wrong.body.error]).to.deep.equal([403, 'IDENT_MFA_NOT_ALLOWED']);
        const answer = { challengeId, factor: channel, code: await code() };
        expect((await send('POST', '/api/v1/auth/mfa/verify', { body: answer })).status).to.equal(200);
        expect((await ask(channel)).status, 'of a challenge that is answered').to.equal(401);
      });
    });
  }

  it('come as a text message in the tenant’s name, with a line for the telephone’s own browser', async () => {
    await withNode(async (node) => {
      const { site, as } = await aSiteWithCodes(node);
      await enrolled(as, 'sms', async () => codeIn(textOf(await gateway.next())));
      expect(gateway.taken[0]?.headers['authorization']).to.equal('Bearer S3CRET');
      expect(textOf(gateway.taken[0]!)).to.match(
        new RegExp(`^\\d{6} is your code for adding this number at Tenant ${site.slug}\\. .*\\n\\n@localhost #\\d{6}$`),
      );
    });
  });

  it('let a person finish a sign-in on the pages, without JavaScript', async () => {
    await withNode(async (node) => {
      const { site, as } = await aSiteWithCodes(node);
      await enrolled(as, 'email', async () => codeIn((await letterWithCode(site)).text));
      const browser = aBrowser(node);
      const { url, redeem } = await authorization(await configured(node, site), {});
      const page = await browser.signIn(url, site.email);
      expect(page.html).to.include('We can send a code to a•••@').and.not.include('name="code"');
      expect(sink.letters.filter(isCode), 'nothing is sent before somebody asks').to.have.length(1);

      const sent = await browser.submit(page, { action: 'send' });
      expect(sent.html).to.include('name="code"').and.include('autocomplete="one-time-code"');
      const code = codeIn((await letterWithCode(site)).text);
      const soon = await browser.submit(sent, { action: 'send' });
      expect([soon.status, alertOf(soon)]).to.deep.equal([
        429,
        'A code was sent a moment ago. Please wait half a minute before you ask for another.',
      ]);
      const wrong = await browser.submit(soon, { action: 'verify', code: code === '000000' ? '111111' : '000000' });
      expect([wrong.status, alertOf(wrong)]).to.deep.equal([
        401,
        'This code is wrong, too old, or not the latest one.',
      ]);
      const back = await browser.submit(wrong, { action: 'verify', code });
      const claims = (await redeem(back.url)).claims();
      expect(claims?.['amr']).to.deep.equal(['pwd', 'email', 'mfa']);
      expect(claims).to.include({ acr: 'urn:gatehouse:acr:2fa' });
    });
  });

  it('reach a person who reads Persian in Persian', async () => {
    await withNode(async (node) => {
      const { site, as } = await aSiteWithCodes(node);
      await node.house.services.users.updateProfile(site.call, site.user, { locale: 'fa' });
      await enrolled(as, 'email', async () => {
        const letter = await letterWithCode(site);
        expect(letter.subject).to.include('کد شما برای');
        return codeIn(letter.text);
      });
    });
  });

  it('keep nobody waiting when a gateway hangs: the request is answered, and other factors are offered', async () => {
    await withNode(async (node) => {
      const { site, send, login, as } = await aSiteWithCodes(node);
      const { done } = await enrolled(as, 'sms', async () => codeIn(textOf(await gateway.next())));
      gateway.answerWith('hang');
      const { challengeId, factors } = (await login()).body;
      expect(factors).to.deep.equal(['sms', 'backup_code']);
      expect((await send('POST', '/api/v1/auth/mfa/send', { body: { challengeId, factor: 'sms' } })).status).to.equal(
        204,
      );
      await gateway.next();
      const answer = { challengeId, factor: 'backup_code', code: done.body.backupCodes[0] };
      expect((await send('POST', '/api/v1/auth/mfa/verify', { body: answer })).status).to.equal(200);
      expect((await sink.letterTo(site.email)).subject).to.be.a('string');
    });
  });

  it('are never for operators, though the platform allows them', async () => {
    await withNode(async (node) => {
      const { services, operator, config } = node.house;
      const platform = (await services.tenants.list(operator('test'), {})).items.find(
        ({ type }) => type === 'platform',
      )!;
      const call = { ...operator('test'), tenantId: platform.id };
      await services.tenants.updateSettings(call, {
        mfa: { allowedFactors: ['totp', 'email', 'sms'] },
        sms: { gateway: 'webhook', url: `${gateway.url}/send` },
      });
      const send = sender(() => node.port);
      const login = await send('POST', '/api/v1/auth/login', {
        body: { email: config.ADMIN_EMAIL, password: PASSWORD },
      });
      const headers = { authorization: `Bearer ${login.body.accessToken}` };
      for (const channel of ['email', 'sms']) {
        const body = channel === 'sms' ? { phoneNumber: NUMBER } : {};
        const { status, body: refusal } = await send('POST', `/api/v1/me/mfa/${channel}/enroll`, { headers, body });
        expect([status, refusal.error]).to.deep.equal([403, 'IDENT_MFA_NOT_ALLOWED']);
      }
      expect(gateway.taken).to.deep.equal([]);
    });
  });

  const isCode = ({ subject }: { subject: string }) => /Your code|کد شما/.test(subject);

  /** The next letter to the site's user that brings a code; notices come between. */
  async function letterWithCode(site: Site): Promise<Awaited<ReturnType<Sink['letterTo']>>> {
    for (;;) {
      const letter = await sink.letterTo(site.email);
      if (isCode(letter)) return letter;
    }
  }
});

const alertOf = ({ html }: Visited) => /role="alert"[\s\S]*?<p>([^<]*)<\/p>/.exec(html)?.[1];
