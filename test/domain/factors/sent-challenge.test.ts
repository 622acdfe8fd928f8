import { expect } from 'chai';
import type { Answer, Question } from '../../../src/domain/factors/challenge-service.ts';
import { judgeSecondFactor } from '../../../src/domain/factors/factor.ts';
import type { Channel } from '../../../src/domain/factors/sent-code.ts';
import { DEFAULT_SETTINGS } from '../../../src/domain/tenants/settings.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { ChallengeId, UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aUser, auditOf } from '../../support/rooms.ts';
import { fromAddress } from '../sign-in/house.ts';
import {
  aTenantWithCodes,
  enrolled,
  enrolledFor,
  factorRooms,
  later,
  refusalOf,
  SITE,
  sentCodes,
  storedIn,
  wrongCode,
} from './house.ts';

type CodeAnswer = Extract<Answer, { code: string }>;

describe('a challenge that is answered with a code that is sent', () => {
  let { challenges } = {} as ReturnType<typeof factorRooms>;
  before(() => {
    ({ challenges } = factorRooms());
  });

  /** A person with an address for codes, a minute ago, and a question put to them on a page. */
  async function aQuestion(channel: Channel = 'email') {
    const { tenant, ann } = await aTenantWithCodes();
    await enrolledFor(later(tenant, -60), ann, channel);
    return { tenant, ann, challengeId: await put(tenant, ann) };
  }

  const put = (call: TenantCall, userId: UserId, more: Partial<Question> = {}): Promise<ChallengeId> =>
    challenges.put(call, {
      ...{ purpose: 'sign-in', userId, factors: ['email', 'sms', 'backup_code'], amr: ['pwd'], authTime: call.now },
      browser: 'page',
      ...more,
    });

  const send = (
    call: TenantCall,
    challengeId: ChallengeId,
    factor: Channel = 'email',
    from: { browser: string | undefined } = { browser: 'page' },
  ) => refusalOf(challenges.send(call, { challengeId, factor, ...from }));

  const answer = (call: TenantCall, given: Partial<CodeAnswer> & Pick<CodeAnswer, 'challengeId' | 'code'>) =>
    refusalOf(challenges.answer(call, { browser: 'page', factor: 'email', ...given }, async () => {}));

  const codesOf = async (call: TenantCall, channel: Channel = 'email') => (await sentCodes(call, channel)).slice(1);

  for (const channel of ['email', 'sms'] as const) {
    it(`by ${channel}: takes the code once, and says how it was proven`, async () => {
      const { tenant, ann, challengeId } = await aQuestion(channel);
      expect(await challenges.sendingOf(tenant, { challengeId, userId: ann })).to.deep.include({ sent: undefined });
      expect(await challenges.send(tenant, { challengeId, browser: 'page', factor: channel })).to.deep.equal({
        sentTo: channel === 'sms' ? '+14•••••23' : 'a•••@example.com',
      });
      const [code] = (await codesOf(tenant, channel)) as [string];
      expect(await storedIn(tenant)).not.to.include(code);
      expect(await challenges.sendingOf(tenant, { challengeId, userId: ann })).to.deep.include({ sent: channel });

      const given = { challengeId, browser: 'page', factor: channel, code };
      const proven = await challenges.answer(tenant, given, async (_tx, one) => one);
      expect(proven.amr).to.deep.equal(['pwd', channel, 'mfa']);
      expect(await answer(tenant, given)).to.equal('challenge_ended');
      expect(await auditOf(tenant)).to.include('factor.sent');
    });
  }

  it('takes the latest code only, of its own challenge and channel, and no code that was never sent', async () => {
    const { tenant, ann, challengeId } = await aQuestion();
    await enrolledFor(later(tenant, -60), ann, 'sms');
    const other = await put(tenant, ann);
    expect(await answer(tenant, { challengeId, code: '000000' }), 'none was sent').to.equal('factor_wrong');
    await send(tenant, challengeId);
    const next = later(tenant, LIMITS.sentCodeGapSeconds);
    await send(next, challengeId);
    await send(tenant, other);
    const [first, second, ofOther] = (await codesOf(tenant)) as [string, string, string];

    if (first !== second)
      expect(await answer(next, { challengeId, code: first }), 'an earlier one').to.equal('factor_wrong');
    if (ofOther !== second) expect(await answer(next, { challengeId, code: ofOther })).to.equal('factor_wrong');
    expect(await answer(next, { challengeId, factor: 'sms', code: second }), 'another channel').to.equal(
      'factor_wrong',
    );
    expect(await answer(next, { challengeId, code: second })).to.equal('done');
  });

  it('is for ten minutes, for one browser, and has five tries in all', async () => {
    const { tenant, ann, challengeId } = await aQuestion();
    expect(await send(tenant, challengeId, 'email', { browser: 'another' })).to.equal('challenge_ended');
    expect(await send(tenant, challengeId, 'email', { browser: undefined })).to.equal('challenge_ended');
    await send(tenant, challengeId);
    const [code] = (await codesOf(tenant)) as [string];
    expect(await answer(tenant, { challengeId, code, browser: 'another' })).to.equal('challenge_ended');
    expect(await answer(later(tenant, 600), { challengeId, code })).to.equal('challenge_ended');
    expect(await send(later(tenant, 600), challengeId)).to.equal('challenge_ended');
    for (let tries = 0; tries < 5; tries++)
      expect(await answer(tenant, { challengeId, code: wrongCode(code) })).to.equal('factor_wrong');
    expect(await answer(tenant, { challengeId, code })).to.equal('challenge_ended');

    // A challenge that is put later does not make a code live longer.
    const late = later(tenant, LIMITS.sentCodeSeconds);
    const fresh = await put(later(tenant, 60), ann);
    await send(tenant, fresh);
    expect(await answer(late, { challengeId: fresh, code: (await codesOf(tenant)).at(-1)! })).to.equal('factor_wrong');
  });

  it('counts wrong codes with those of every other factor of the account', async () => {
    const { tenant, ann } = await aQuestion();
    const ends: string[] = [];
    for (let guess = 0; guess <= LIMITS.codeFailures; guess++) {
      const challengeId = await put(tenant, ann, { factors: ['totp', 'email'] });
      ends.push(await answer(tenant, { challengeId, code: '000000', factor: guess % 2 === 0 ? 'totp' : 'email' }));
    }
    expect([ends.at(-2), ends.at(-1)]).to.deep.equal(['factor_wrong', 'rate_limited']);
  });

  it('sends again after half a minute, five codes at most, and takes no try for it', async () => {
    const { tenant, challengeId } = await aQuestion();
    const at = (seconds: number) => later(tenant, seconds);
    expect(await send(at(0), challengeId)).to.equal('done');
    expect(await send(at(LIMITS.sentCodeGapSeconds - 1), challengeId)).to.equal('rate_limited');
    for (let sends = 1; sends < LIMITS.sentCodes; sends++)
      expect(await send(at(sends * LIMITS.sentCodeGapSeconds), challengeId)).to.equal('done');
    expect(await send(at(500), challengeId)).to.equal('rate_limited');
    const codes = await codesOf(tenant);
    expect(codes).to.have.length(LIMITS.sentCodes);
    expect(await answer(at(200), { challengeId, code: codes.at(-1)! })).to.equal('done');
  });

  it('sends one code to two who ask at the same moment', async () => {
    const { tenant, ann, challengeId } = await aQuestion();
    const second = await whileUncommitted(
      tenant.db,
      (hold) =>
        inTransaction(tenant, async ({ db, tenantId }) => {
          const row = {
            channel: 'email',
            code: Buffer.from('x'),
            sent_at: tenant.now,
            expires_at: later(tenant, 600).now,
          };
          await db('sent_codes').insert({ tenant_id: tenantId, id: challengeId, user_id: ann, ...row });
          await hold();
        }),
      () => send(tenant, challengeId),
    );
    expect(second).to.deep.equal({ status: 'fulfilled', value: 'rate_limited' });
    expect(await codesOf(tenant)).to.deep.equal([]);
  });

  it('does not send what it does not offer, or what the person does not have', async () => {
    const { tenant, ann } = await aQuestion('email');
    expect(await send(tenant, await put(tenant, ann, { factors: ['totp'] }))).to.equal('factor_not_allowed');
    expect(await send(tenant, await put(tenant, ann), 'sms')).to.equal('factor_not_allowed');
    const bob = await aUser(tenant);
    expect(await send(tenant, await put(tenant, bob))).to.equal('factor_not_allowed');
  });

  it('is no way to flood a person: the account’s hour is one, over all challenges and networks', async () => {
    const { tenant, ann } = await aQuestion();
    const ends: string[] = [];
    for (let sends = 0; sends <= LIMITS.codeSendsOfAccount; sends++)
      ends.push(await send(fromAddress(tenant), await put(fromAddress(tenant), ann)));
    expect(ends.filter((end) => end === 'done').length).to.equal(LIMITS.codeSendsOfAccount - 1);
    expect(ends.at(-1)).to.equal('rate_limited');
  });
});

describe('factors that are sent, beside stronger ones', () => {
  const policy = { ...DEFAULT_SETTINGS.mfa, allowedFactors: ['totp', 'email', 'sms', 'backup_code'] as const };
  const holding = { kinds: ['email', 'sms', 'totp'] as const, backupCodes: 3, roles: [], remembered: false };

  it('are off unless the tenant turns them on, and offered after the stronger ones', () => {
    expect(DEFAULT_SETTINGS.mfa.allowedFactors).to.deep.equal(['totp', 'webauthn', 'backup_code']);
    expect(judgeSecondFactor(policy, holding).offered).to.deep.equal(['totp', 'email', 'sms', 'backup_code']);
    expect(judgeSecondFactor(DEFAULT_SETTINGS.mfa, holding).offered).to.deep.equal(['totp', 'backup_code']);
  });

  it('let no operator in beside a stronger one, and alone only to enrol a stronger one', () => {
    const operator = { ...holding, roles: ['SUPER_ADMIN'] };
    expect(judgeSecondFactor(policy, operator))
      .to.include({ mustEnrol: false })
      .and.deep.include({
        offered: ['totp', 'backup_code'],
      });
    expect(judgeSecondFactor(policy, { ...operator, kinds: ['email'] })).to.include({ asked: true, mustEnrol: true });
  });

  it('take no stronger one away, add and replace none, and give no backup codes for it', async () => {
    const { tenant, ann } = await aTenantWithCodes({
      mfa: { allowedFactors: ['totp', 'webauthn', 'email', 'backup_code'] },
    });
    await enrolled(tenant, ann);
    await enrolledFor(tenant, ann, 'email');
    const by = { userId: ann, sessionUid: 'one' };
    const { factors, passkeys } = factorRooms({ amr: ['pwd', 'email', 'mfa'] });
    expect(await refusalOf(passkeys.registrationOptions(tenant, by, SITE))).to.equal('reauthentication_required');
    const [totp, email] = await factors.list(tenant, ann);
    expect(await refusalOf(factors.remove(tenant, by, totp!.id))).to.equal('reauthentication_required');
    expect(await refusalOf(factors.enrolTotp(tenant, by))).to.equal('reauthentication_required');
    expect(await refusalOf(factors.renewBackupCodes(tenant, by))).to.equal('reauthentication_required');
    expect(await refusalOf(factors.remove(tenant, by, email!.id))).to.equal('done');
    const strong = factorRooms({ amr: ['pwd', 'otp', 'mfa'] });
    expect(await refusalOf(strong.factors.remove(tenant, by, totp!.id))).to.equal('done');
    // Where there is nothing stronger, something stronger may be added.
    expect(await refusalOf(passkeys.registrationOptions(tenant, by, SITE))).to.equal('done');
  });
});
