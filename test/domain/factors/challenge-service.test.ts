import { expect } from 'chai';
import type { Answer, Question } from '../../../src/domain/factors/challenge-service.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { type ChallengeId, newId, type UserId } from '../../../src/kernel/ids.ts';
import { counters } from '../../support/database.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aTenant, aUser, auditOf } from '../../support/rooms.ts';
import { passSeconds } from '../sign-in/house.ts';
import { codeAt, enrolled, factorRooms, later, refusalOf, storedIn, wrongCodeAt } from './house.ts';

type CodeAnswer = Extract<Answer, { code: string }>;

describe('challenges', () => {
  let { challenges, factors } = {} as ReturnType<typeof factorRooms>;
  before(() => {
    ({ challenges, factors } = factorRooms());
  });

  /** A person with an authenticator application, and a question put to them on a page. */
  async function aQuestion(more: Partial<Question> = {}) {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    const { secret, backupCodes } = await enrolled(tenant, ann);
    return { tenant, ann, secret, backupCodes, challengeId: await put(tenant, ann, more) };
  }

  const put = (call: TenantCall, userId: UserId, more: Partial<Question> = {}): Promise<ChallengeId> =>
    challenges.put(call, {
      purpose: 'sign-in',
      userId,
      factors: ['totp', 'backup_code'],
      amr: ['pwd'],
      authTime: call.now,
      browser: 'page',
      ...more,
    });

  /** How an answer ends: `right`, or the refusal. */
  const answer = (
    call: TenantCall,
    given: Partial<CodeAnswer> & Pick<CodeAnswer, 'challengeId' | 'code'>,
  ): Promise<string> =>
    refusalOf(challenges.answer(call, { browser: 'page', factor: 'totp', ...given }, async () => {})).then((end) =>
      end === 'done' ? 'right' : end,
    );

  describe('a challenge', () => {
    it('is answered once, and says what was proven', async () => {
      const { tenant, ann, secret, challengeId } = await aQuestion();
      const code = await codeAt(tenant, secret);
      const proven = await challenges.answer(
        tenant,
        { challengeId, browser: 'page', factor: 'totp', code },
        async (_tx, one) => one,
      );
      expect(proven).to.deep.equal({
        userId: ann,
        purpose: 'sign-in',
        amr: ['pwd', 'otp', 'mfa'],
        authTime: tenant.now,
      });
      const next = later(tenant, 30);
      expect(await answer(next, { challengeId, code: await codeAt(next, secret) })).to.equal('challenge_ended');
    });

    it('is ended by five wrong codes, of whatever kind: the right one comes too late', async () => {
      const { tenant, secret, backupCodes, challengeId } = await aQuestion();
      const wrong = await wrongCodeAt(tenant, secret);
      const wrongs: Partial<CodeAnswer>[] = [
        { code: wrong },
        { code: '' },
        { code: 'x'.repeat(5_000) },
        { factor: 'backup_code', code: 'AAAAA-AAAAA-AAAAA' },
        { factor: 'backup_code', code: wrong },
      ];
      for (const one of wrongs)
        expect(await answer(tenant, { challengeId, code: '', ...one })).to.equal('factor_wrong');
      expect(await challenges.isOpen(tenant, { challengeId, browser: 'page' })).to.equal(false);
      expect(await answer(tenant, { challengeId, code: await codeAt(tenant, secret) })).to.equal('challenge_ended');
      expect(await answer(tenant, { challengeId, factor: 'backup_code', code: backupCodes[0]! })).to.equal(
        'challenge_ended',
      );
      expect((await auditOf(tenant)).filter((action) => action === 'factor.refused')).to.have.length(5);
    });

    it('gives parallel guesses no sixth try', async () => {
      const { tenant, secret, challengeId } = await aQuestion();
      const wrong = await wrongCodeAt(tenant, secret);
      for (let tries = 0; tries < 4; tries++) await answer(tenant, { challengeId, code: wrong });

      // The fifth try has counted and not committed while the sixth begins.
      const sixth = await whileUncommitted(
        tenant.db,
        (hold) =>
          inTransaction(tenant, async ({ db, tenantId }) => {
            await db('challenges').where({ tenant_id: tenantId, id: challengeId }).increment('tries', 1);
            await hold();
          }),
        async () => answer(tenant, { challengeId, code: await codeAt(tenant, secret) }),
      );
      expect(sixth).to.deep.equal({ status: 'fulfilled', value: 'challenge_ended' });
    });

    it('answered twice at the same moment opens one door', async () => {
      const { tenant, ann, secret, challengeId, backupCodes } = await aQuestion();
      const code = await codeAt(tenant, secret);
      const second = await whileUncommitted(
        tenant.db,
        (hold) => challenges.answer(tenant, { challengeId, browser: 'page', factor: 'totp', code }, hold),
        () => answer(tenant, { challengeId, factor: 'backup_code', code: backupCodes[0]! }),
      );
      expect(second).to.deep.equal({ status: 'fulfilled', value: 'challenge_ended' });
      expect(await factors.backupCodesLeft(tenant, ann), 'the code of the loser is not used up').to.equal(10);
    });

    it('keeps the count of a request that fails', async () => {
      const { tenant, ann, secret, challengeId } = await aQuestion();
      const code = await codeAt(tenant, secret);
      const failing = challenges.answer(tenant, { challengeId, browser: 'page', factor: 'totp', code }, async () => {
        throw new Error('the rest of the request failed');
      });
      expect(await failing.catch((error: Error) => error.message)).to.equal('the rest of the request failed');
      expect(await triesOf(tenant, challengeId)).to.equal(1);
      expect(await countOf(tenant, ann)).to.deep.equal([1, 1]);
      // And a call that could be rolled back with its counts is not taken at all.
      const within = inTransaction(tenant, (tx) => answer(tx, { challengeId, code }));
      expect(await within.catch((error: Error) => error.message)).to.match(/not counted/);
    });

    it('refuses the same step a second time, in another challenge too', async () => {
      const { tenant, ann, secret, challengeId } = await aQuestion();
      const code = await codeAt(tenant, secret);
      expect(await answer(tenant, { challengeId, code })).to.equal('right');
      const again = await put(tenant, ann);
      expect(await answer(tenant, { challengeId: again, code })).to.equal('factor_wrong');
      const next = later(tenant, 30);
      expect(await answer(next, { challengeId: again, code }), 'in the next step').to.equal('factor_wrong');
      expect(await answer(next, { challengeId: again, code: await codeAt(next, secret) })).to.equal('right');
      const third = await put(next, ann);
      const earlier = await codeAt(later(tenant, -30), secret);
      expect(await answer(tenant, { challengeId: third, code: earlier }), 'a step before it').to.equal('factor_wrong');
    });

    it('takes one of two answers with the same step at the same moment', async () => {
      const { tenant, ann, secret, challengeId } = await aQuestion();
      const other = await put(tenant, ann);
      const code = await codeAt(tenant, secret);
      const second = await whileUncommitted(
        tenant.db,
        (hold) => challenges.answer(tenant, { challengeId, browser: 'page', factor: 'totp', code }, hold),
        () => answer(tenant, { challengeId: other, code }),
      );
      expect(second).to.deep.equal({ status: 'fulfilled', value: 'factor_wrong' });
    });

    it('is refused, and not an error, while the clock stands before the last step', async () => {
      const { tenant, ann, secret, challengeId } = await aQuestion();
      expect(await answer(tenant, { challengeId, code: await codeAt(tenant, secret) })).to.equal('right');
      const back = later(tenant, -60);
      const again = await put(tenant, ann);
      expect(await answer(back, { challengeId: again, code: await codeAt(back, secret) })).to.equal('factor_wrong');
      const recovered = later(tenant, 31);
      expect(await answer(recovered, { challengeId: again, code: await codeAt(recovered, secret) })).to.equal('right');
    });

    it('belongs to one browser or program, one tenant and ten minutes', async () => {
      const { tenant, secret, challengeId } = await aQuestion();
      const code = await codeAt(tenant, secret);
      const other = await aTenant();
      const agent = (userAgent: string): TenantCall => ({
        ...tenant,
        origin: { ip: '192.0.2.1', userAgent, requestId: '' },
      });
      expect(await answer(tenant, { challengeId, browser: 'another', code })).to.equal('challenge_ended');
      expect(await answer(tenant, { challengeId, browser: undefined, code })).to.equal('challenge_ended');
      expect(await answer({ ...other, now: tenant.now }, { challengeId, code })).to.equal('challenge_ended');
      expect(await answer(tenant, { challengeId: newId(), code })).to.equal('challenge_ended');
      const late = later(tenant, 600);
      expect(await answer(late, { challengeId, code: await codeAt(late, secret) })).to.equal('challenge_ended');
      expect(await triesOf(tenant, challengeId), 'strangers use up no tries').to.equal(0);
      expect(await answer(tenant, { challengeId, code })).to.equal('right');

      const ofProgram = await aQuestion();
      const asked = await challenges.put(
        { ...agent('curl'), tenantId: ofProgram.tenant.tenantId },
        {
          ...{ purpose: 'sign-in', userId: ofProgram.ann, factors: ['totp'], amr: ['pwd'], authTime: tenant.now },
          browser: undefined,
        },
      );
      const its = await codeAt(tenant, ofProgram.secret);
      const from = (userAgent: string) =>
        answer(
          { ...agent(userAgent), tenantId: ofProgram.tenant.tenantId },
          { challengeId: asked, browser: undefined, code: its },
        );
      expect([await from('wget'), await from('curl')]).to.deep.equal(['challenge_ended', 'right']);
    });

    it('takes no other kind of factor than it offers', async () => {
      const { tenant, backupCodes, challengeId } = await aQuestion({ factors: ['totp'] });
      expect(await answer(tenant, { challengeId, factor: 'backup_code', code: backupCodes[0]! })).to.equal(
        'factor_not_allowed',
      );
    });

    it('leaves no answer in the audit trail', async () => {
      const { tenant, challengeId } = await aQuestion();
      await answer(tenant, { challengeId, code: '271828' });
      expect(await storedIn(tenant)).not.to.include('271828');
    });
  });

  describe('guessing the codes of an account', () => {
    it('is over after ten wrong ones in an hour, in however many challenges; a right one is not counted', async () => {
      const { tenant, ann, secret } = await aQuestion();
      const wrong = await wrongCodeAt(tenant, secret);
      const guess = async (code: string, call: TenantCall = tenant) =>
        answer(call, { challengeId: await put(call, ann), code });
      const ends: string[] = [];
      for (let guesses = 0; guesses < 9; guesses++) ends.push(await guess(wrong));
      expect(new Set(ends)).to.deep.equal(new Set(['factor_wrong']));
      expect(await guess(await codeAt(tenant, secret))).to.equal('right');
      expect(await guess(wrong)).to.equal('factor_wrong');

      const next = later(tenant, 30);
      expect(await guess(await codeAt(next, secret), next), 'the eleventh').to.equal('rate_limited');
    });

    it('does not keep the owner from a backup code, nor anybody else from theirs', async () => {
      const { tenant, ann, secret, backupCodes } = await aQuestion();
      const wrong = await wrongCodeAt(tenant, secret);
      for (let guesses = 0; guesses < 11; guesses++)
        await answer(tenant, { challengeId: await put(tenant, ann), code: wrong });

      const challengeId = await put(tenant, ann);
      expect(await answer(tenant, { challengeId, factor: 'backup_code', code: backupCodes[0]! })).to.equal('right');
      const bob = await aUser(tenant);
      const his = await enrolled(tenant, bob);
      const to = await put(tenant, bob);
      expect(await answer(tenant, { challengeId: to, code: await codeAt(tenant, his.secret) })).to.equal('right');
    });

    it('is over after thirty in a day, hour by hour', async () => {
      const { tenant, ann, secret } = await aQuestion();
      const wrong = await wrongCodeAt(tenant, secret);
      const ends: string[] = [];
      for (let guesses = 0; guesses < 31; guesses++) {
        if (guesses > 0 && guesses % 10 === 0) await passHour(tenant, ann);
        ends.push(await answer(tenant, { challengeId: await put(tenant, ann), code: wrong }));
      }
      expect(ends.filter((end) => end === 'factor_wrong')).to.have.length(30);
      expect(ends.at(-1)).to.equal('rate_limited');
      await passSeconds(86_400);
      const challengeId = await put(tenant, ann);
      expect(await answer(tenant, { challengeId, code: await codeAt(tenant, secret) })).to.equal('right');
    });
  });

  async function triesOf(call: TenantCall, id: ChallengeId): Promise<number> {
    return inTransaction(call, async ({ db, tenantId }) => {
      const row = await db('challenges').where({ tenant_id: tenantId, id }).first('tries');
      return row.tries;
    });
  }

  /** What the counters of an account stand at: hour, day. */
  async function countOf({ tenantId }: TenantCall, userId: UserId): Promise<number[]> {
    return counters()('rate_limits')
      .whereLike('key', `factor-%:${tenantId}:${userId}`)
      .orderBy('key', 'desc')
      .pluck('points');
  }

  async function passHour({ tenantId }: TenantCall, userId: UserId): Promise<void> {
    await counters()('rate_limits')
      .where({ key: `factor-hour:${tenantId}:${userId}` })
      .decrement('expire', 3_600_000);
  }
});
