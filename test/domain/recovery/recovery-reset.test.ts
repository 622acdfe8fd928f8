import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { whileUncommitted } from '../../support/race.ts';
import { statementsOf } from '../sign-in/statements.ts';
import {
  aHouse,
  anAddress,
  auditOf,
  beginSession,
  endOf,
  fromAddress,
  HOLDER,
  type House,
  later,
  NEXT,
  PASSWORD,
} from './house.ts';

describe('a forgotten password with a letter', () => {
  let house: House;
  before(() => {
    house = aHouse();
  });

  const opens = (call: TenantCall, email: string, password: string) =>
    endOf(house.signIn.withPassword(call, { identifier: email, password }));

  describe('is replaced by the link', () => {
    it('once, and ends every session; a letter tells of it', async () => {
      const { call, ann, token } = await house.asked();
      await beginSession(call, ann.id, `uid-${ann.id}`);
      expect((await house.recovery.findByLink(call, token))?.userId).to.equal(ann.id);
      await house.recovery.resetByLink(later(call, 1), { token, password: NEXT });

      expect(await endOf(house.recovery.resetByLink(later(call, 2), { token, password: PASSWORD }))).to.equal(
        'token_invalid',
      );
      expect(await house.sessions.list(call, ann.id)).to.deep.equal([]);
      expect(await opens(later(call, 2), ann.email, NEXT)).to.equal('ok');
      expect(await opens(later(call, 2), ann.email, PASSWORD)).to.equal('invalid_credentials');
      expect((await house.lettersOf(call)).map(({ template }) => template)).to.deep.equal([
        'password-reset',
        'password-changed',
      ]);
      expect((await house.users.get(call, ann.id)).emailVerified, 'whoever got the letter has the address').to.equal(
        true,
      );
      expect(await auditOf(call)).to.include.members(['recovery.requested', 'session.ended', 'password.reset']);
    });

    it('of whichever letter, and makes the others void', async () => {
      const { call, token, ann } = await house.asked();
      await house.recovery.request(call, { identifier: ann.email, holder: HOLDER });
      const second = await house.letter(call);
      expect(second.token).not.to.equal(token);
      await house.recovery.resetByLink(later(call, 1), { token, password: NEXT });
      expect(await endOf(house.recovery.resetByLink(later(call, 2), { ...second, password: PASSWORD }))).to.equal(
        'token_invalid',
      );
      expect(await endOf(house.recovery.findByCode(later(call, 2), { holder: HOLDER, code: second.code }))).to.equal(
        'token_invalid',
      );
    });

    it('and stays good when the password is refused', async () => {
      const { call, token } = await house.asked();
      expect(await endOf(house.recovery.resetByLink(call, { token, password: 'short' }))).to.equal('password_policy');
      expect(await endOf(house.recovery.resetByLink(call, { token, password: 'password1' }))).to.equal(
        'password_policy',
      );
      expect(await endOf(house.recovery.resetByLink(call, { token, password: NEXT }))).to.equal('ok');
    });

    it('in its own tenant only', async () => {
      const { token } = await house.asked();
      const other = await house.aTenant();
      expect(await house.recovery.findByLink(other, token)).to.equal(undefined);
      expect(await endOf(house.recovery.resetByLink(other, { token, password: NEXT }))).to.equal('token_invalid');
      const { tenantId: _, ...nowhere } = other;
      expect(
        await endOf(house.recovery.resetByLink(nowhere, { token, password: NEXT })),
        'the token knows it',
      ).to.equal('ok');
    });

    it('not once another password was set, the address is another, or the account is closed', async () => {
      const changed = await house.asked();
      await house.passwords.set(later(changed.call, 1), changed.ann.id, 'an entirely other sentence');
      const moved = await house.asked();
      await house.users.changeEmail(systemCall(moved.call), moved.ann.id, `x${moved.ann.email}`);
      const spelled = await house.asked();
      await house.users.changeEmail(systemCall(spelled.call), spelled.ann.id, spelled.ann.email.toUpperCase());
      const closed = await house.asked();
      await house.users.suspend(closed.call, closed.ann.id);
      for (const { call, token } of [changed, moved, spelled, closed]) {
        expect(await house.recovery.findByLink(later(call, 2), token)).to.equal(undefined);
        expect(await endOf(house.recovery.resetByLink(later(call, 2), { token, password: NEXT }))).to.equal(
          'token_invalid',
        );
      }
    });

    const systemCall = (call: TenantCall): TenantCall => ({ ...call, actor: { kind: 'system', name: 'test' } });

    it('for one of two who use it at once', async () => {
      const { call, ann, token } = await house.asked();
      const both = ['the first to come in', 'the second to come in'];
      const ends = await Promise.all(
        both.map((password) => endOf(house.recovery.resetByLink(call, { token, password }))),
      );
      expect(ends.toSorted()).to.deep.equal(['ok', 'token_invalid']);
      expect(await opens(later(call, 1), ann.email, both[ends.indexOf('ok')]!)).to.equal('ok');
      expect((await auditOf(call)).filter((action) => action === 'password.reset')).to.have.lengthOf(1);
    });

    it('for the first of two letters that are used at once', async () => {
      const { call, ann, token } = await house.asked();
      await house.recovery.request(call, { identifier: ann.email });
      const second = await house.letter(call);
      const outcome = await whileUncommitted(
        pool(),
        (hold) =>
          pool().transaction(async (db) => {
            await house.recovery.resetByLink({ ...later(call, 1), db }, { token, password: NEXT });
            await hold();
          }),
        () => house.recovery.resetByLink(later(call, 1), { token: second.token, password: PASSWORD }),
      );
      expect(outcome).to.include({ status: 'rejected' });
      expect(await opens(later(call, 2), ann.email, NEXT)).to.equal('ok');
    });

    it('and the browser that did it is known: strangers who guess do not keep its owner out', async () => {
      const call = await house.aTenant({ lockout: { maxAttempts: 3 } });
      const ann = await house.aUser(call);
      const ip = anAddress();
      for (let tries = 0; tries < 4; tries++) await opens(fromAddress(call, ip), ann.email, 'wrong');
      const held = { identifier: ann.email, password: PASSWORD };
      expect(await endOf(house.signIn.withPassword(fromAddress(call, ip), held))).to.equal('invalid_credentials');
      await house.recovery.request(call, { identifier: ann.email });
      const { token } = await house.letter(call);
      const { deviceCookie } = await house.recovery.resetByLink(fromAddress(call, ip), { token, password: NEXT });
      const again = { identifier: ann.email, password: NEXT, deviceCookie };
      expect(await endOf(house.signIn.withPassword(fromAddress(later(call, 1), ip), again))).to.equal('ok');
    });
  });

  describe('is replaced by the code', () => {
    it('on the browser that asked, in whatever digits it is typed', async () => {
      const { call, ann, code } = await house.asked();
      expect(await endOf(house.recovery.findByCode(call, { holder: 'another browser', code }))).to.equal(
        'token_invalid',
      );
      const persian = [...code].map((digit) => String.fromCharCode(0x06f0 + Number(digit))).join('');
      expect((await house.recovery.findByCode(call, { holder: HOLDER, code: persian })).userId).to.equal(ann.id);
      const typed = { holder: HOLDER, code: `${code.slice(0, 4)} ${code.slice(4)}` };
      expect(await endOf(house.recovery.resetByCode(call, { ...typed, password: NEXT }))).to.equal('ok');
      expect(await endOf(house.recovery.resetByCode(later(call, 1), { ...typed, password: PASSWORD }))).to.equal(
        'token_invalid',
      );
    });

    it('within five tries; a right one that is not used yet costs none', async () => {
      const { call, code, token } = await house.asked();
      const wrong = code === '00000000' ? '11111111' : '00000000';
      for (let tries = 0; tries < 4; tries++)
        expect(await endOf(house.recovery.findByCode(call, { holder: HOLDER, code: wrong }))).to.equal('token_invalid');
      for (let looks = 0; looks < 3; looks++)
        expect(await endOf(house.recovery.findByCode(call, { holder: HOLDER, code }))).to.equal('ok');
      expect(await endOf(house.recovery.findByCode(call, { holder: HOLDER, code: wrong }))).to.equal('token_invalid');
      expect(await endOf(house.recovery.findByCode(call, { holder: HOLDER, code }))).to.equal('token_invalid');
      expect(await endOf(house.recovery.resetByLink(call, { token, password: NEXT })), 'the link').to.equal('ok');
    });

    it('within sixty tries of one network, whatever they are at', async () => {
      const call = fromAddress(await house.aTenant(), anAddress());
      for (let tries = 0; tries < LIMITS.recoveryTriesOfAddress; tries++)
        expect(await endOf(house.recovery.findByCode(call, { holder: `h${tries}`, code: '00000000' }))).to.equal(
          'token_invalid',
        );
      expect(await endOf(house.recovery.findByCode(call, { holder: HOLDER, code: '00000000' }))).to.equal(
        'rate_limited',
      );
    });

    it('of the last three letters that a browser has asked for, so that one try is not at a thousand', async () => {
      const call = await house.aTenant();
      const codes: string[] = [];
      for (let more = 0; more < 4; more++) {
        const { email } = await house.aUser(call);
        await house.recovery.request(fromAddress(call), { identifier: email, holder: HOLDER });
        codes.push((await house.letter(call)).code);
      }
      const ends = [];
      for (const code of codes)
        ends.push(await endOf(house.recovery.findByCode(fromAddress(call), { holder: HOLDER, code })));
      expect(ends).to.deep.equal(['token_invalid', 'ok', 'ok', 'ok']);
    });

    it('with the same statements where no letter was sent', async () => {
      const { call } = await house.asked();
      const wrong = (holder: string) => () => endOf(house.recovery.findByCode(call, { holder, code: 'wrong' }));
      expect(await statementsOf(wrong('nobody'))).to.deep.equal(await statementsOf(wrong(HOLDER)));
    });

    it('by nobody without a code, or before one was asked for', async () => {
      const { call } = await house.asked();
      for (const code of ['', ' ', '0', 'x'.repeat(1_000), '\ud800'])
        expect(await endOf(house.recovery.resetByCode(call, { holder: HOLDER, code, password: NEXT }))).to.equal(
          'token_invalid',
        );
      expect(await endOf(house.recovery.resetByCode(call, { holder: '', code: '', password: NEXT }))).to.equal(
        'token_invalid',
      );
    });
  });
});
