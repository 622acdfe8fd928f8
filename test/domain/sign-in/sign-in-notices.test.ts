import { expect } from 'chai';
import type { NoticeRow } from '../../../src/domain/sign-in/sign-in-notices.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { lettersOf } from '../../support/queued.ts';
import { codeAt, wrongCodeAt } from '../factors/house.ts';
import { aHouse, aTenant, aUser, endOf, fromAddress, PASSWORD, passSeconds } from './house.ts';

const LOCKOUT = { maxAttempts: 3, windowSeconds: 900, durationSeconds: 600 };
const DAY = 86_400;

async function ann() {
  const house = aHouse();
  const tenant = await aTenant({ settings: { lockout: LOCKOUT } });
  const { id, email } = await aUser(tenant);
  await house.passwords.set(tenant, id, PASSWORD);
  const guess = async (call: TenantCall, times: number, identifier = email, deviceCookie?: string) => {
    for (let time = 0; time < times; time++)
      await endOf(house.signIn.withPassword(call, { identifier, password: 'wrong wrong', deviceCookie }));
  };
  const rows = (call = tenant): Promise<NoticeRow[]> =>
    inTransaction(call, ({ db, tenantId }) =>
      db('outbox').where({ tenant_id: tenantId, kind: 'sign-in-notice' }).orderBy('id').select('id', 'payload'),
    );
  return {
    ...{ ...house, tenant, id, email, guess, rows },
    /** What the worker does with all rows, as often as one says. */
    async work(times = 1) {
      for (let time = 0; time < times; time++)
        for (const row of await rows()) await house.notices.carryOut(tenant, row);
    },
    letters: (template: 'sign-in-attempts' | 'factor-attempts') =>
      inTransaction(tenant, (tx) => lettersOf(tx, house, template)),
  };
}

describe('guesses at a password', () => {
  it('are told to the owner once they are held, whence and when', async () => {
    const { tenant, guess, rows, work, letters, email } = await ann();
    const call = { ...tenant, origin: { ip: '198.51.100.8', userAgent: 'curl/8.1', requestId: 'test' } };
    await guess(call, LOCKOUT.maxAttempts);
    expect(await rows()).to.have.length(0);
    await guess(call, 20);
    expect(await rows()).to.have.length(1);
    await work();
    const [letter, ...more] = await letters('sign-in-attempts');
    expect(more).to.deep.equal([]);
    expect(letter!.to.address).to.equal(email);
    expect(letter!.values).to.include({ at: tenant.now.toISOString(), ip: '198.51.100.8' });
  });

  it('are one letter a day, from however many networks, and however often a row comes', async () => {
    const { tenant, guess, rows, work, letters } = await ann();
    for (let network = 0; network < 4; network++) await guess(fromAddress(tenant), LOCKOUT.maxAttempts + 2);
    expect(await rows()).to.have.length(4);
    await work(3);
    expect(await letters('sign-in-attempts')).to.have.length(1);
    await passSeconds(DAY + 1);
    await guess(fromAddress(tenant), LOCKOUT.maxAttempts + 2);
    await work(2);
    expect(await letters('sign-in-attempts')).to.have.length(2);
  });

  it('at a name that nobody has leave the same row, and nobody is written to', async () => {
    const { tenant, guess, rows, work, letters } = await ann();
    await guess(fromAddress(tenant), LOCKOUT.maxAttempts + 2, 'nobody@example.com');
    const [row, ...more] = await rows();
    expect(more).to.deep.equal([]);
    expect(Object.keys(row!.payload)).to.deep.equal(['sealed']);
    await work();
    expect(await letters('sign-in-attempts')).to.deep.equal([]);
  });

  it('on a known browser are its owner’s own, and told to nobody', async () => {
    const { tenant, guess, rows, devices, id, email } = await ann();
    const cookie = await devices.remember(tenant, undefined, id);
    await guess(fromAddress(tenant), LOCKOUT.maxAttempts + 2, email, cookie);
    expect(await rows()).to.deep.equal([]);
  });
});

describe('guesses at codes, after the right password', () => {
  it('are told once they have ended a challenge, once a day, and not before', async () => {
    const { tenant, id, email, factors, signIn, rows, work, letters } = await ann();
    const by = { userId: id, ticket: 'x' };
    const { factorId, secret } = await factors.enrolTotp(tenant, by);
    const right = await codeAt(tenant, secret);
    await inTransaction(tenant, (tx) => factors.confirmTotp(tx, by, { factorId, code: right }));
    const code = await wrongCodeAt(tenant, secret);
    const challenged = async (wrongCodes: number) => {
      const call = fromAddress(tenant);
      const outcome = await signIn.withPassword(call, { identifier: email, password: PASSWORD, browser: 'page' });
      if (outcome.kind !== 'factor-needed') throw new Error(outcome.kind);
      const { challengeId } = outcome;
      for (let wrong = 0; wrong < wrongCodes; wrong++)
        await endOf(signIn.withFactor(call, { challengeId, browser: 'page', factor: 'totp', code }));
    };
    await challenged(4);
    expect(await rows()).to.deep.equal([]);
    await challenged(5);
    expect(await rows()).to.have.length(1);
    await work(2);
    const [letter, ...more] = await letters('factor-attempts');
    expect(more).to.deep.equal([]);
    expect(letter!.to.address).to.equal(email);
  });
});

describe('a notice', () => {
  it('is sealed for its row and its tenant, and readable nowhere', async () => {
    const { tenant, guess, rows, notices, id, email } = await ann();
    await guess(fromAddress(tenant, '198.51.100.9'), LOCKOUT.maxAttempts + 1);
    const [row] = await rows();
    for (const clear of [id, email, '198.51.100.9']) expect(JSON.stringify(row)).not.to.include(clear);
    const globex = await aTenant();
    const refusedBy = (call: TenantCall, moved: NoticeRow) =>
      notices.carryOut(call, moved).then(
        () => false,
        () => true,
      );
    expect(await refusedBy(tenant, { ...row!, id: newId() })).to.equal(true);
    expect(await refusedBy(globex, row!)).to.equal(true);
    expect(await refusedBy(tenant, row!)).to.equal(false);
  });

  it('is about nobody once its account is gone', async () => {
    const { tenant, guess, work, letters, id } = await ann();
    await guess(fromAddress(tenant), LOCKOUT.maxAttempts + 1);
    await inTransaction(tenant, ({ db, tenantId }) => db('users').where({ tenant_id: tenantId, id }).delete());
    await work();
    expect(await letters('sign-in-attempts')).to.deep.equal([]);
  });
});
