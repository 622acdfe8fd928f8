import { expect } from 'chai';
import { alertOf, headingOf, linkOf, noteOf, servingAccounts, typedIn, withOldTotp } from '../support/account.ts';
import { aBrowser, type Visited } from '../support/browser.ts';
import { codeOf } from '../support/factors.ts';
import { PASSWORD } from '../support/node.ts';
import { isLogin } from '../support/oauth.ts';
import { lettersOf, textsOf } from '../support/queued.ts';

const NUMBER = '+447700900158';
const WRONG = 'This code is wrong, too old, or not the latest one.';
const CODES = { allowedFactors: ['totp', 'email', 'sms', 'backup_code'] };
const GATEWAY = { gateway: 'webhook', url: 'https://sms.example/send' };

describe('codes that are sent, at the account', () => {
  const { node, site, enter } = servingAccounts();
  type Its = Awaited<ReturnType<typeof site>>;
  const aSiteWithCodes = (more: object = {}) => site({ settings: { mfa: CODES, sms: GATEWAY, ...more } });
  const keys = () => ({ keys: node().house.services.tenantKeys });
  const mailed = async ({ call }: Its) =>
    (await lettersOf(call, keys(), 'email-code')).map(({ values }) => values.code);
  const texted = async ({ call }: Its) => (await textsOf(call, keys())).map(({ to, code }) => ({ to, code }));
  const factorsOf = async ({ call, user }: Its) =>
    (await node().house.services.factors.list(call, user)).map(({ kind, address }) => [kind, address]);
  const wrongFor = (code = '') => (code === '000000' ? '111111' : '000000');
  const codesIn = ({ html }: Visited) => html.match(/<code>[0-9A-Z-]{17}</g) ?? [];

  it('by e-mail are set up: a button sends one, it is typed, and backup codes come with the first factor', async () => {
    const its = await aSiteWithCodes();
    const { browser, open } = await enter(its);
    const start = await browser.go(linkOf(await open('/security'), /Get codes by e-mail/));
    expect([headingOf(start), start.html.includes(its.email)]).to.deep.equal(['Codes by e-mail', true]);
    expect(await mailed(its), 'looking sends nothing').to.deep.equal([]);

    const sent = await browser.submit(start, { action: 'send' });
    expect([noteOf(sent), sent.url.pathname]).to.deep.equal([
      'The code is on its way.',
      `/t/${its.slug}/account/security/email`,
    ]);
    const [code] = await mailed(its);
    const wrong = await browser.submit(sent, { action: 'verify', code: wrongFor(code) });
    expect([wrong.status, alertOf(wrong)]).to.deep.equal([401, WRONG]);
    expect(await factorsOf(its)).to.deep.equal([]);

    const done = await browser.submit(wrong, { action: 'verify', code: code! });
    expect([done.status, headingOf(done), codesIn(done).length]).to.deep.equal([200, 'Save your backup codes', 10]);
    expect(await factorsOf(its)).to.deep.equal([['email', its.email]]);
    const security = await open('/security');
    expect(security.html).to.include('a•••@').and.include('Codes left: 10');
    expect(security.html, 'codes go there already').not.to.include('Get codes by e-mail');
    expect(headingOf(await aBrowser(node()).signIn(`${its.issuer}/account`, its.email))).to.equal(
      'Confirm that it is you',
    );
  });

  it('by text message are set up, and get another number later', async () => {
    const its = await aSiteWithCodes();
    await node().house.services.users.updateProfile(its.call, its.user, { phone: NUMBER });
    const { browser, open } = await enter(its);
    const start = await browser.go(linkOf(await open('/security'), /Get codes by text message/));
    expect(typedIn(start, 'phone'), 'the number of the profile').to.equal(NUMBER);
    const sent = await browser.submit(start, { action: 'send', phone: ' +44 (7700) 900-158' });
    const [text] = await texted(its);
    expect([text?.to, typedIn(sent, 'phone')]).to.deep.equal([NUMBER, NUMBER]);
    await browser.submit(sent, { action: 'verify', code: text!.code });
    expect((await node().house.services.users.get(its.call, its.user)).phoneVerified).to.equal(true);

    const again = await browser.go(linkOf(await open('/security'), /Use another number/));
    expect(again.html).to.include('gets no codes any more');
    const second = await browser.submit(again, { action: 'send', phone: '+14155550123' });
    const done = await browser.submit(second, { action: 'verify', code: (await texted(its))[1]!.code });
    expect([noteOf(done), await factorsOf(its)]).to.deep.equal([
      'Codes are set up as your second factor.',
      [['sms', '+14155550123']],
    ]);
  });

  it('go to no number that is none, costs its sender a premium, or is of another country', async () => {
    const its = await aSiteWithCodes({ sms: { ...GATEWAY, callingCodes: ['44'] } });
    const { browser, open } = await enter(its);
    const start = await open('/security/sms');
    const refusal = async (phone: string) => {
      const page = await browser.submit(start, { action: 'send', phone });
      return [page.status, alertOf(page), typedIn(page, 'phone')];
    };
    const none = 'Please write the phone number with its country code, as in +44 20 7946 0958.';
    const unwanted = 'We send no codes to this number. Please use a mobile number.';
    for (const typed of ['', '07700 900158', 'x', '+44'])
      expect(await refusal(typed)).to.deep.equal([422, none, typed]);
    for (const typed of ['+449001234567', '+14155550123'])
      expect(await refusal(typed)).to.deep.equal([422, unwanted, typed]);
    expect(await texted(its)).to.deep.equal([]);
  });

  it('are neither offered nor sent where the tenant has none, or no gateway', async () => {
    const plain = await enter(await site());
    expect((await plain.open('/security')).html).not.to.match(/Get codes by/);
    for (const path of ['/security/email', '/security/sms']) {
      const forced = await plain.browser.submit(await plain.open(path), { action: 'send', phone: NUMBER });
      expect([path, forced.status]).to.deep.equal([path, 400]);
    }
    const its = await site({ settings: { mfa: CODES } });
    const { browser, open } = await enter(its);
    expect((await open('/security')).html)
      .to.match(/Get codes by e-mail/)
      .and.not.match(/by text message/);
    expect((await browser.submit(await open('/security/sms'), { action: 'send', phone: NUMBER })).status).to.equal(400);
    expect(await texted(its)).to.deep.equal([]);
  });

  it('work in the session that asked for them, the latest only, and five times', async () => {
    const its = await aSiteWithCodes();
    const [one, two] = [await enter(its), await enter(its, aBrowser(node()))];
    const first = await one.browser.submit(await one.open('/security/email'), { action: 'send' });
    const other = await two.browser.submit(await two.open('/security/email'), {
      action: 'verify',
      code: (await mailed(its))[0]!,
    });
    expect(noteOf(other)).to.equal('That took too long. Please begin again.');

    const again = await one.browser.submit(first, { action: 'send' });
    const [old, latest] = (await mailed(its)) as [string, string];
    if (old !== latest) expect((await one.browser.submit(again, { action: 'verify', code: old })).status).to.equal(401);
    for (let tries = 0; tries < 5; tries++)
      await one.browser.submit(again, { action: 'verify', code: wrongFor(latest) });
    const late = await one.browser.submit(again, { action: 'verify', code: latest });
    expect([late.status, alertOf(late), await factorsOf(its)]).to.deep.equal([401, WRONG, []]);
  });

  it('are ten an hour', async () => {
    const its = await aSiteWithCodes();
    const { browser, open } = await enter(its);
    const page = await open('/security/email');
    for (let code = 0; code < 10; code++) await browser.submit(page, { action: 'send' });
    const refused = await browser.submit(page, { action: 'send' });
    expect([refused.status, alertOf(refused), (await mailed(its)).length]).to.deep.equal([
      429,
      'Too many attempts. Please wait a few minutes, then try again.',
      10,
    ]);
  });

  it('take no stronger factor away: that one is asked for, and the person comes back', async () => {
    const its = await aSiteWithCodes();
    const { secret } = await withOldTotp(node(), its);
    const { browser, open } = await enterByEmail(its);
    const question = await browser.go(linkOf(await open('/security'), /Remove · Authenticator app/));
    const login = await browser.submit(question, {});
    expect([isLogin(login), (await factorsOf(its)).length]).to.deep.equal([true, 2]);

    const asked = await browser.submit(login, { identifier: its.email, password: PASSWORD, action: 'login' });
    const back = await browser.submit(asked, { action: 'verify', code: await codeOf(secret) });
    expect(headingOf(back)).to.equal('Remove Authenticator app?');
    expect([noteOf(await browser.submit(back, {})), await factorsOf(its)]).to.deep.equal([
      'The second factor is removed.',
      [['email', its.email]],
    ]);
  });

  it('say so to who gives the weaker proof again, and ask for no third', async () => {
    const its = await aSiteWithCodes();
    await withOldTotp(node(), its);
    const { browser, open } = await enterByEmail(its);
    const question = await browser.go(linkOf(await open('/security'), /Remove · Authenticator app/));
    const login = await browser.submit(question, {});
    const asked = await browser.submit(login, { identifier: its.email, password: PASSWORD, action: 'login' });
    const back = await proveByEmail(its, browser, asked);
    const refused = await browser.submit(back, {});
    expect([noteOf(refused), (await factorsOf(its)).length]).to.deep.equal([
      'That needs a stronger proof than you have given. Use another second factor, or ask your administrator.',
      2,
    ]);
  });

  /** Somebody with an authenticator application who has signed in with a code by e-mail. */
  async function enterByEmail(its: Its) {
    const { sentFactors } = node().house.services;
    const by = { userId: its.user, proof: { amr: ['pwd', 'otp', 'mfa'], authTime: new Date() }, signIn: 'x' };
    const { factorId } = await sentFactors.enrol(its.call, by, { channel: 'email' });
    const given = { channel: 'email', factorId, code: (await mailed(its)).at(-1)! } as const;
    await sentFactors.confirm(its.call, by, given);
    const browser = aBrowser(node());
    const page = await proveByEmail(its, browser, await browser.signIn(`${its.issuer}/account`, its.email));
    expect(headingOf(page)).to.equal('Ann Lee');
    return { browser, open: (path: string) => browser.go(`${its.issuer}/account${path}`) };
  }

  async function proveByEmail(its: Its, browser: ReturnType<typeof aBrowser>, asked: Visited): Promise<Visited> {
    const chosen = await browser.submit(asked, { action: 'use:email' });
    const sent = await browser.submit(chosen, { action: 'send' });
    return browser.submit(sent, { action: 'verify', code: (await mailed(its)).at(-1)! });
  }
});
