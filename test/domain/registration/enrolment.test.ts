import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { whileUncommitted } from '../../support/race.ts';
import { anAddress, endOf, fromAddress, HOLDER, later, PASSWORD } from '../recovery/house.ts';
import { aDraft, aRegistry, type Registry } from './registry.ts';

describe('the letter of a registration', () => {
  let house: Registry;
  before(() => {
    house = aRegistry();
  });

  async function registered() {
    const call = await house.openTenant();
    const draft = aDraft();
    const { user } = await house.register(call, draft);
    return { call, draft, user, ...(await house.proofOf(call)) };
  }

  it('makes an account by its link on the browser that registered, once', async () => {
    const { call, user, token } = await registered();
    expect(await house.enrolment.find(call, token, HOLDER)).to.deep.equal({ email: user.email, needsPassword: false });
    expect(await house.usersOf(call), 'to look makes nobody').to.deep.equal([]);
    const made = await house.enrolment.confirm(call, { token, holder: HOLDER });
    expect(made.user.id).to.equal(user.id);
    expect(await endOf(house.enrolment.confirm(call, { token, holder: HOLDER }))).to.equal('token_invalid');
    expect(await house.enrolment.find(call, token, HOLDER)).to.equal(undefined);
  });

  it('asks for the password on another browser: a letter that nobody asked for makes no account for a stranger', async () => {
    const { call, token } = await registered();
    const elsewhere = { token, holder: 'another browser' };
    expect((await house.enrolment.find(call, token, 'another browser'))?.needsPassword).to.equal(true);
    expect(await endOf(house.enrolment.confirm(call, elsewhere))).to.equal('invalid_credentials');
    expect(await endOf(house.enrolment.confirm(call, { ...elsewhere, password: 'a guess' }))).to.equal(
      'invalid_credentials',
    );
    expect(await house.usersOf(call)).to.deep.equal([]);
    expect(await endOf(house.enrolment.confirm(call, { ...elsewhere, password: PASSWORD }))).to.equal('ok');
  });

  it('lets a password be guessed at five times', async () => {
    const { call, token } = await registered();
    const guess = (password: string) =>
      endOf(house.enrolment.confirm(fromAddress(call, anAddress()), { token, holder: 'another browser', password }));
    for (let tries = 0; tries < LIMITS.emailCodeTries; tries++)
      expect(await guess('wrong')).to.equal('invalid_credentials');
    expect(await guess(PASSWORD)).to.equal('token_invalid');
  });

  it('lets a code be guessed at five times', async () => {
    const { call, code } = await registered();
    const wrong = code === '00000000' ? '11111111' : '00000000';
    for (let tries = 0; tries < LIMITS.emailCodeTries; tries++)
      expect(await endOf(house.enrolment.confirmByCode(call, { holder: HOLDER, code: wrong }))).to.equal(
        'token_invalid',
      );
    expect(await endOf(house.enrolment.confirmByCode(call, { holder: HOLDER, code }))).to.equal('token_invalid');
  });

  it('is good for a day, in its own tenant', async () => {
    const { call, token, code } = await registered();
    const other = await house.openTenant();
    expect(await endOf(house.enrolment.confirm(other, { token, holder: HOLDER }))).to.equal('token_invalid');
    expect(await endOf(house.enrolment.confirmByCode(other, { holder: HOLDER, code }))).to.equal('token_invalid');
    const late = later(call, LIMITS.verifyEmailSeconds);
    expect(await endOf(house.enrolment.confirm(late, { token, holder: HOLDER }))).to.equal('token_invalid');
    expect(await endOf(house.enrolment.confirmByCode(late, { holder: HOLDER, code }))).to.equal('token_invalid');
    const operator = { ...call, actor: { kind: 'system', name: 'test' } } as const;
    expect(await house.emailTokens.removeDead(later(operator, LIMITS.verifyEmailSeconds + 1))).to.be.greaterThan(0);
  });

  it('is void once somebody has the address', async () => {
    const { call, draft, token, code } = await registered();
    await house.aUser(call, { email: draft.email.toUpperCase() });
    expect(await house.enrolment.find(call, token, HOLDER)).to.equal(undefined);
    expect(await endOf(house.enrolment.confirm(call, { token, holder: HOLDER }))).to.equal('token_invalid');
    expect(await endOf(house.enrolment.confirmByCode(call, { holder: HOLDER, code }))).to.equal('token_invalid');
    expect(await house.usersOf(call)).to.have.lengthOf(1);
  });

  it('makes one account for many who use it at once', async () => {
    const { call, token, code } = await registered();
    const ways = [
      ...Array.from({ length: 3 }, () => house.enrolment.confirm(call, { token, holder: HOLDER })),
      ...Array.from({ length: 3 }, () => house.enrolment.confirmByCode(call, { holder: HOLDER, code })),
      house.enrolment.verifyEmail(call, token),
    ];
    const ends = await Promise.all(ways.map(endOf));
    expect(ends.filter((end) => end === 'ok')).to.have.lengthOf(1);
    expect(ends.filter((end) => end !== 'ok')).to.deep.equal(Array.from({ length: 6 }, () => 'token_invalid'));
    expect(await house.usersOf(call)).to.have.lengthOf(1);
    expect((await house.lettersOf(call)).filter(({ template }) => template === 'welcome')).to.have.lengthOf(1);
  });

  it('of two for one address, makes an account for the one that is used first', async () => {
    const { call, draft, token } = await registered();
    await house.register(call, { ...draft, password: 'another good sentence' });
    const second = await house.proofOf(call);
    const outcome = await whileUncommitted(
      pool(),
      (hold) =>
        pool().transaction(async (db) => {
          await house.enrolment.confirm({ ...call, db }, { token, holder: HOLDER });
          await hold();
        }),
      () => endOf(house.enrolment.confirm(call, { token: second.token, holder: HOLDER })),
    );
    expect(outcome).to.deep.equal({ status: 'fulfilled', value: 'token_invalid' });
    expect(await house.usersOf(call)).to.have.lengthOf(1);
  });

  it('is taken from a program by its token alone, with or without the tenant’s name', async () => {
    const [one, two] = [await registered(), await registered()];
    expect(await endOf(house.enrolment.verifyEmail(one.call, one.token))).to.equal('ok');
    const { tenantId: _, ...nowhere } = two.call;
    expect(await endOf(house.enrolment.verifyEmail(one.call, two.token)), 'another tenant').to.equal('token_invalid');
    expect(await endOf(house.enrolment.verifyEmail(nowhere, two.token))).to.equal('ok');
    expect(await endOf(house.enrolment.verifyEmail(nowhere, two.token))).to.equal('token_invalid');
    for (const token of ['', 'x', 'x'.repeat(1_000)])
      expect(await endOf(house.enrolment.verifyEmail(nowhere, token))).to.equal('token_invalid');
  });
});
