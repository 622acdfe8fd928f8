import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { answerOf, solved } from '../../support/captcha.ts';
import { aHouse, endOf, type House } from '../recovery/house.ts';

const ALTCHA = { captcha: 'altcha' } as const;
const now = <C extends TenantCall>(call: C): C => ({ ...call, now: new Date() });

describe('a proof of work', () => {
  let house: House;
  before(() => {
    house = aHouse();
  });

  async function aChallenge() {
    const call = now(await house.aTenant());
    const challenge = (await house.captcha.challenge(call, ALTCHA))!;
    return { call, challenge };
  }
  const judge = (call: TenantCall, answer: string) => house.captcha.judge(call, ALTCHA, answer);

  it('is a challenge in the manner of ALTCHA, of one tenant, for half an hour', async () => {
    const { call, challenge } = await aChallenge();
    const { parameters, signature } = challenge;
    expect(parameters).to.include({ algorithm: 'PBKDF2/SHA-256', cost: 1_000, keyLength: 32 });
    expect(parameters.data).to.deep.equal({ tenant: call.tenantId });
    expect(parameters.expiresAt).to.be.within(Date.now() / 1000 + 1_790, Date.now() / 1000 + 1_801);
    expect(signature).to.match(/^[0-9a-f]{64}$/);
    expect(parameters.keySignature).to.match(/^[0-9a-f]{64}$/);
  });

  it('proves that somebody has worked, once', async () => {
    const { call, challenge } = await aChallenge();
    const answer = await solved(challenge);
    const [one, two] = [await judge(call, answer), await judge(call, answer)];
    expect(one.kind).to.equal('proven');
    await inTransaction(call, (tx) => house.captcha.spend(tx, one));
    expect(await endOf(inTransaction(call, (tx) => house.captcha.spend(tx, two)))).to.equal('captcha_failed');
  });

  it('is used up by one of two at once', async () => {
    const { call, challenge } = await aChallenge();
    const proof = await judge(call, await solved(challenge));
    const spend = () => endOf(inTransaction(call, (tx) => house.captcha.spend(tx, proof)));
    expect((await Promise.all([spend(), spend(), spend()])).sort()).to.deep.equal([
      'captcha_failed',
      'captcha_failed',
      'ok',
    ]);
  });

  it('is not used up by what was rolled back', async () => {
    const { call, challenge } = await aChallenge();
    const proof = await judge(call, await solved(challenge));
    const failing = inTransaction(call, async (tx) => {
      await house.captcha.spend(tx, proof);
      throw new Error('and then something else failed');
    });
    await failing.catch(() => {});
    expect(await endOf(inTransaction(call, (tx) => house.captcha.spend(tx, proof)))).to.equal('ok');
  });

  it('counts for its own tenant and its own time only', async () => {
    const { call, challenge } = await aChallenge();
    const answer = await solved(challenge);
    expect(await endOf(judge(now(await house.aTenant()), answer))).to.equal('captcha_failed');
    const late = { ...call, now: new Date(Date.now() + LIMITS.captchaSeconds * 1000) };
    expect(await endOf(judge(late, answer))).to.equal('captcha_failed');
    expect(await endOf(judge(call, answer))).to.equal('ok');
  });

  it('is no proof when anything of it was changed or made up', async () => {
    const { call, challenge } = await aChallenge();
    const { solution } = JSON.parse(Buffer.from(await solved(challenge), 'base64').toString());
    const { parameters } = challenge;
    const forged: Record<string, unknown> = {
      'no work': { challenge, solution: { ...solution, derivedKey: '0'.repeat(64) } },
      'an easier task': {
        challenge: { ...challenge, parameters: { ...parameters, cost: 1, keyPrefix: '00' } },
        solution,
      },
      'a later end': { challenge: { ...challenge, parameters: { ...parameters, expiresAt: 9e9 } }, solution },
      'no end': { challenge: { ...challenge, parameters: { ...parameters, expiresAt: undefined } }, solution },
      'another tenant': { challenge: { ...challenge, parameters: { ...parameters, data: {} } }, solution },
      'no signature': { challenge: { parameters }, solution },
      'an empty signature': { challenge: { ...challenge, signature: '' }, solution },
      'no key signature': {
        challenge: { ...challenge, parameters: { ...parameters, keySignature: undefined } },
        solution,
      },
      'another nonce': { challenge: { ...challenge, parameters: { ...parameters, nonce: '00'.repeat(16) } }, solution },
      'half a nonce': { challenge: { ...challenge, parameters: { ...parameters, nonce: '0' } }, solution },
      'a huge cost': { challenge: { ...challenge, parameters: { ...parameters, cost: 1e12 } }, solution },
      'parts that are not there': { challenge: {}, solution: {} },
      nothing: null,
      'a list': [challenge, solution],
      'a prototype': JSON.parse('{"__proto__":{"challenge":{}}}'),
    };
    for (const [which, payload] of Object.entries(forged))
      expect([which, await endOf(judge(call, answerOf(payload)))]).to.deep.equal([which, 'captcha_failed']);
    for (const answer of ['x', '{}', '%', 'A'.repeat(LIMITS.captchaChars + 4), JSON.stringify({ challenge, solution })])
      expect([answer.slice(0, 9), await endOf(judge(call, answer))]).to.deep.equal([
        answer.slice(0, 9),
        'captcha_failed',
      ]);
    expect(await endOf(judge(call, answerOf({ challenge, solution })))).to.equal('ok');
  });

  it('proves nothing when there is none, and is not asked where the tenant turned it off', async () => {
    const call = now(await house.aTenant());
    for (const answer of [undefined, ''])
      expect(await house.captcha.judge(call, ALTCHA, answer)).to.deep.equal({ kind: 'unproven', wasAsked: false });
    expect(await house.captcha.judge(call, { captcha: 'off' }, undefined)).to.deep.equal({ kind: 'proven' });
    expect(await house.captcha.challenge(call, { captcha: 'off' })).to.equal(undefined);
  });

  it('is forgotten when it could not be shown again', async () => {
    const { call, challenge } = await aChallenge();
    const proof = await judge(call, await solved(challenge));
    await inTransaction(call, (tx) => house.captcha.spend(tx, proof));
    const count = () =>
      inTransaction(call, ({ db, tenantId }) =>
        db('spent_captchas').where({ tenant_id: tenantId }).count('* as n').first(),
      );
    const operator = { ...call, actor: { kind: 'system', name: 'test' } as const };
    await house.captcha.removeDead(operator);
    expect(await count()).to.deep.equal({ n: '1' });
    await house.captcha.removeDead({ ...operator, now: new Date(Date.now() + 1_801_000) });
    expect(await count()).to.deep.equal({ n: '0' });
  });
});

describe('the word of a CAPTCHA service', () => {
  const KEY = 'site-key';
  const asked: { url: string; form: Readonly<Record<string, string>> }[] = [];
  let says: () => Promise<string>;
  let house: House;
  before(() => {
    house = aHouse({
      postForm: (url, form) => {
        asked.push({ url, form });
        return says();
      },
    });
  });

  async function aRule(captcha: 'turnstile' | 'hcaptcha' = 'turnstile') {
    const call = await house.aTenant({ registration: { captcha, captchaSiteKey: KEY, captchaSecret: 'the secret' } });
    const { registration } = (await house.tenants.get(call, call.tenantId)).settings;
    asked.length = 0;
    return { call, rules: registration };
  }

  it('is asked for with the tenant’s secret, at the service that the tenant chose', async () => {
    says = async () => JSON.stringify({ success: true });
    for (const [kind, host] of [
      ['turnstile', 'challenges.cloudflare.com'],
      ['hcaptcha', 'api.hcaptcha.com'],
    ] as const) {
      const { call, rules } = await aRule(kind);
      expect((await house.captcha.judge(call, rules, 'an answer')).kind).to.equal('proven');
      expect(new URL(asked[0]!.url).host).to.equal(host);
      expect(asked[0]!.form).to.deep.equal({
        secret: 'the secret',
        sitekey: KEY,
        response: 'an answer',
        remoteip: call.origin!.ip,
      });
      expect(JSON.stringify(rules)).not.to.include('the secret');
    }
  });

  it('counts once, whatever the service says the second time', async () => {
    says = async () => JSON.stringify({ success: true });
    const { call, rules } = await aRule();
    const proofs = [await house.captcha.judge(call, rules, 'same'), await house.captcha.judge(call, rules, 'same')];
    await inTransaction(call, (tx) => house.captcha.spend(tx, proofs[0]!));
    expect(await endOf(inTransaction(call, (tx) => house.captcha.spend(tx, proofs[1]!)))).to.equal('captcha_failed');
  });

  it('turns away whom the service does not believe', async () => {
    const { call, rules } = await aRule();
    says = async () => JSON.stringify({ success: false, 'error-codes': ['invalid-input-response'] });
    expect(await endOf(house.captcha.judge(call, rules, 'an answer'))).to.equal('captcha_failed');
  });

  it('turns nobody away when the service is away, broken, or does not know us: nothing is proven', async () => {
    const { call, rules } = await aRule();
    const ways: (() => Promise<string>)[] = [
      () => Promise.reject(new Error('timeout')),
      async () => 'Bad Gateway',
      async () => '{}',
      async () => 'null',
      async () => JSON.stringify({ success: false, 'error-codes': ['invalid-input-secret'] }),
      async () => JSON.stringify({ success: false, 'error-codes': ['internal-error'] }),
    ];
    for (const way of ways) {
      says = way;
      expect(await house.captcha.judge(call, rules, 'an answer')).to.deep.equal({ kind: 'unproven', wasAsked: true });
    }
    asked.length = 0;
    const withoutSecret = { ...rules, captchaSecret: undefined };
    expect((await house.captcha.judge(call, withoutSecret as never, 'x')).kind).to.equal('unproven');
    expect(asked).to.deep.equal([]);
  });
});
