import { expect } from 'chai';
import { siteOf } from '../../../src/domain/factors/webauthn.ts';
import type { Outcome } from '../../../src/domain/sign-in/progress.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { ChallengeId, UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { anAuthenticator } from '../../support/authenticator.ts';
import { lettersOf } from '../../support/queued.ts';
import { codeAt, later } from '../factors/house.ts';
import { aHouse, asOperator, aTenant, aUser, auditOf, endOf, fromAddress, PASSWORD } from './house.ts';
import { statementsOf } from './statements.ts';

const HOUR = 3_600;
const DAY = 24 * HOUR;
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36';

type Given = { userAgent?: string; ip?: string; cookie?: string | undefined; fingerprint?: string; after?: number };

/** Ann, who has signed in once, long ago, from a program that is not seen again. `page` and `program` are ways in. */
async function ann({ isNew = false } = {}) {
  const house = aHouse();
  const tenant = await aTenant();
  const { id, email } = await aUser(tenant);
  await house.passwords.set(tenant, id, PASSWORD);
  const presented = { identifier: email, password: PASSWORD };
  const from = ({ userAgent = FIREFOX, ip = '192.0.2.1', after = 0 }: Given): TenantCall => ({
    ...later(tenant, after),
    origin: { ip, userAgent, requestId: 'test' },
  });
  if (!isNew) await house.signIn.withPassword(fromAddress(later(tenant, -30 * DAY)), presented);
  return {
    ...house,
    ...{ tenant, id, email, from, presented },
    page: (given: Given = {}): Promise<Outcome> =>
      house.signIn.withPassword(from(given), { ...presented, browser: 'page', deviceCookie: given.cookie }),
    program: ({ fingerprint, ...given }: Given = {}): Promise<Outcome> =>
      house.signIn.withPassword(from(given), { ...presented, deviceCookie: given.cookie, fingerprint }),
    letters: () => inTransaction(tenant, (tx) => lettersOf(tx, house, 'new-device')),
  };
}

const seenBy = ({ db, tenantId }: TenantCall, userId: UserId) =>
  db('seen_devices').where({ tenant_id: tenantId, user_id: userId });

describe('a sign-in on a browser', () => {
  it('that the account has not been signed in to on is told to its owner: when, where, and with what', async () => {
    const { tenant, page, letters, email, id } = await ann();
    await page({ ip: '198.51.100.7' });
    const [letter, ...more] = await letters();
    expect(more).to.deep.equal([]);
    expect(letter!.to.address).to.equal(email);
    expect(letter!.values).to.include({ at: tenant.now.toISOString(), ip: '198.51.100.7' });
    expect(JSON.stringify(letter!.values)).to.include('Firefox');
    expect((await auditOf(tenant)).at(-1)).to.deep.equal({
      action: 'sign_in.succeeded',
      target: `user:${id}`,
      details: { newDevice: true },
    });
  });

  it('is not, where it is the first of all, and not where our cookie is there', async () => {
    const { page, letters } = await ann({ isNew: true });
    const first = await page();
    expect(await letters()).to.deep.equal([]);
    const cookie = first.deviceCookie;
    await page({ cookie, ip: '203.0.113.9', userAgent: CHROME, after: 40 * DAY });
    expect(await letters()).to.deep.equal([]);
  });

  it('that keeps no cookies is told of once a day, and on each new network', async () => {
    const { page, letters } = await ann();
    for (const after of [0, 60, HOUR + 1, 23 * HOUR]) await page({ after });
    expect(await letters()).to.have.length(1);
    await page({ after: 23 * HOUR, ip: '203.0.113.9' });
    await page({ after: 23 * HOUR, userAgent: CHROME });
    expect(await letters()).to.have.length(3);
    await page({ after: DAY + HOUR });
    expect(await letters()).to.have.length(4);
  });

  it('takes no cookie for its own that is another account’s, another tenant’s, or made up', async () => {
    const [one, other] = [await ann(), await ann()];
    const { deviceCookie } = await other.page();
    for (const [at, cookie] of [deviceCookie, `${deviceCookie}x`, 'x~y'].entries())
      await one.page({ cookie, ip: `192.0.2.${at + 10}` });
    expect(await one.letters()).to.have.length(3);
  });

  it('that is not finished is told to nobody', async () => {
    const { tenant, presented, from, signIn, passwords, letters, id } = await ann();
    expect(await endOf(signIn.withPassword(from({}), { ...presented, password: 'wrong wrong' }))).to.equal(
      'invalid_credentials',
    );
    await passwords.set(tenant, id, PASSWORD, { mustChange: true });
    expect(await endOf(signIn.withPassword(from({}), { ...presented, browser: 'page' }))).to.equal('new-password');
    expect(await letters()).to.deep.equal([]);
  });

  it('is told when the last step is done, though the browser has our cookie by then', async () => {
    const { tenant, page, from, signIn, passwords, letters, id } = await ann();
    await passwords.set(tenant, id, PASSWORD, { mustChange: true });
    await asOperator(tenant, `update tenants set settings = '{"mfa":{"mode":"required"}}' where id = ?`, [
      tenant.tenantId,
    ]);
    const one = await page();
    if (one.kind !== 'action-needed') throw new Error(one.kind);
    const { ticket, deviceCookie } = one;
    const browser = { browser: 'page', deviceCookie };
    const two = await signIn.withNewPassword(from({}), { ...browser, ticket, password: 'another horse battery' });
    if (two.kind !== 'action-needed') throw new Error(two.kind);
    const { factorId, secret } = await signIn.beginEnrolment(from({}), two.ticket);
    expect(await letters()).to.deep.equal([]);
    const code = await codeAt(from({}), secret);
    const { outcome } = await signIn.withEnrolment(from({}), { ...browser, ticket: two.ticket, factorId, code });
    expect(outcome.kind).to.equal('signed-in');
    expect(await letters()).to.have.length(1);
  });

  it('is told after the second factor, which it is asked for as ever', async () => {
    const { tenant, page, from, signIn, factors, letters, id } = await ann();
    const { factorId, secret } = await factors.enrolTotp(tenant, { userId: id, ticket: 'x' });
    const confirmed = await codeAt(tenant, secret);
    await inTransaction(tenant, (tx) =>
      factors.confirmTotp(tx, { userId: id, ticket: 'x' }, { factorId, code: confirmed }),
    );
    // Seen twice, and still asked: what is seen lets nobody in.
    for (const after of [60, 2 * HOUR]) {
      const one = await page({ after });
      if (one.kind !== 'factor-needed') throw new Error(one.kind);
      const { challengeId } = one as { challengeId: ChallengeId };
      const code = await codeAt(from({ after }), secret);
      await signIn.withFactor(from({ after }), { challengeId, browser: 'page', factor: 'totp', code });
    }
    expect(await letters()).to.have.length(1);
  });
});

describe('a sign-in by passkey', () => {
  it('is told of where the browser is new, as any other way in', async () => {
    const { tenant, id, from, signIn, passkeys, letters } = await ann();
    const site = siteOf('https://id.test');
    const authenticator = anAuthenticator({ origin: site.origin });
    const by = { userId: id, proof: { amr: ['pwd'], authTime: tenant.now }, signIn: 'a test' };
    const attestation = authenticator.create(await passkeys.registrationOptions(tenant, by, site));
    await passkeys.register(tenant, by, { site, attestation });
    const signedIn = async (call: TenantCall, deviceCookie?: string) => {
      const browser = { browser: 'page', deviceCookie };
      const { options } = await signIn.passkeyOptions(call, { site, ...browser });
      return signIn.withPasskey(call, { site, assertion: authenticator.get(options), ...browser });
    };
    const { deviceCookie } = await signedIn(from({}));
    expect(await letters()).to.have.length(1);
    await signedIn(from({ ip: '203.0.113.9' }), deviceCookie);
    expect(await letters()).to.have.length(1);
    await signedIn(from({ ip: '203.0.113.10' }));
    expect((await letters()).map(({ values }) => values.ip)).to.deep.equal(['192.0.2.1', '203.0.113.10']);
  });
});

describe('a sign-in from a program', () => {
  it('is told where its name or its fingerprint is new, whatever its version, network and hour', async () => {
    const { program, letters } = await ann();
    await program({ userAgent: 'acme-cli/1.2.3 (linux)', fingerprint: 'laptop' });
    expect(await letters()).to.have.length(1);
    await program({ userAgent: 'acme-cli/1.3.0 (linux)', fingerprint: 'laptop', ip: '203.0.113.9', after: 9 * DAY });
    expect(await letters()).to.have.length(1);
    await program({ userAgent: 'acme-cli/1.3.0 (linux)', fingerprint: 'phone' });
    await program({ userAgent: 'curl/8.1', fingerprint: 'laptop' });
    expect(await letters()).to.have.length(3);
  });

  it('is no page’s, though it bears the same name', async () => {
    const { page, program, letters } = await ann();
    await program({});
    await page({});
    expect(await letters()).to.have.length(2);
  });

  it('writes once an hour at most of what is known', async () => {
    const { program, presented, from, tenant, id } = await ann();
    await program();
    const seenAt = async () => (await inTransaction(tenant, (tx) => seenBy(tx, id).max('seen_at').first()))?.['max'];
    const saidBy = async (work: () => Promise<unknown>) =>
      (await statementsOf(work)).filter((text) => /seen_devices/.test(text));
    expect(await saidBy(() => program({ after: 60 }))).to.deep.equal([]);
    // Another node does not know it by itself, asks, and writes nothing either.
    const other = aHouse();
    expect(await saidBy(() => other.signIn.withPassword(from({ after: 120 }), presented))).to.have.length(1);
    expect(await seenAt()).to.deep.equal(tenant.now);
    for (const after of [HOUR - 60, HOUR, HOUR + 60]) await program({ after });
    expect(await seenAt()).to.deep.equal(later(tenant, HOUR).now);
    expect(await inTransaction(tenant, (tx) => seenBy(tx, id).count('* as total').first())).to.deep.equal({
      total: '2',
    });
  });
});

describe('letters about new devices', () => {
  it('are ten a day for an account', async () => {
    const { program, letters, tenant } = await ann();
    for (let at = 0; at < LIMITS.newDeviceLetters + 3; at++) await program({ fingerprint: `${at}` });
    expect(await letters()).to.have.length(LIMITS.newDeviceLetters);
    expect((await auditOf(tenant)).filter(({ details }) => 'newDevice' in details)).to.have.length(
      LIMITS.newDeviceLetters,
    );
    await program({ fingerprint: 'the next day', after: DAY + 1 });
    expect(await letters()).to.have.length(LIMITS.newDeviceLetters + 1);
  });

  it('are queued with the sign-in or not at all', async () => {
    const { from, seenDevices, letters, tenant, id } = await ann();
    const notedAndUndone = inTransaction(from({}), async (tx) => {
      expect(await seenDevices.note(tx, { userId: id, isKnown: false, isFirst: false, isPage: true })).to.equal(true);
      throw new Error('undone');
    });
    expect(await notedAndUndone.catch(String)).to.equal('Error: undone');
    expect(await letters()).to.deep.equal([]);
    expect(await inTransaction(tenant, (tx) => seenBy(tx, id))).to.have.length(1);
  });

  it('go out once for two sign-ins at the same moment', async () => {
    const { page, letters } = await ann();
    expect((await Promise.all([page(), page()])).map(({ kind }) => kind)).to.deep.equal(['signed-in', 'signed-in']);
    expect(await letters()).to.have.length(1);
  });
});

describe('the devices of an account', () => {
  it('are fifty, those seen last, and go with it', async () => {
    const { program, tenant, id } = await ann();
    for (let at = 0; at < LIMITS.seenDevices + 2; at++) await program({ fingerprint: `${at}`, after: at });
    const seen = await inTransaction(tenant, (tx) => seenBy(tx, id).orderBy('seen_at').select('seen_at'));
    expect(seen).to.have.length(LIMITS.seenDevices);
    expect(seen[0].seen_at).to.deep.equal(later(tenant, 2).now);
    await inTransaction(tenant, ({ db, tenantId }) => db('users').where({ tenant_id: tenantId, id }).delete());
    expect(await inTransaction(tenant, (tx) => seenBy(tx, id))).to.deep.equal([]);
  });

  it('keep neither name nor fingerprint nor address', async () => {
    const { program, page, tenant, id } = await ann();
    await program({ userAgent: 'acme-cli/1', fingerprint: 'laptop-of-ann', ip: '198.51.100.7' });
    await page({ ip: '198.51.100.7' });
    const rows = await inTransaction(tenant, (tx) => seenBy(tx, id).select('print'));
    expect(rows.map(({ print }) => (print as Buffer).length)).to.deep.equal([32, 32, 32]);
  });

  it('are nobody’s beside the tenant’s own', async () => {
    const { tenant } = await ann();
    const globex = await aTenant();
    const rows = await inTransaction({ ...tenant, tenantId: globex.tenantId }, ({ db }) => db('seen_devices'));
    expect(rows).to.deep.equal([]);
  });
});
