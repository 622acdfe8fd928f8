import { expect } from 'chai';
import { readBackupCode } from '../../../src/domain/factors/backup-code.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { aTenant, aUser, auditOf, NOON, rooms } from '../../support/rooms.ts';
import { codeAt, enrolled, factorRooms, later, refusalOf, storedIn, wrongCodeAt } from './house.ts';

describe('enrolling an authenticator application', () => {
  it('shows the secret once, takes its code, and brings ten backup codes', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant, { email: 'ann@example.com' });
    const by = { userId: ann, sessionUid: 'one' };
    const { factors } = factorRooms();

    const { factorId, secret, provisioningUri, qrCode } = await factors.enrolTotp(tenant, by);
    expect(await factors.list(tenant, ann)).to.deep.equal([]);
    const confirmed = await factors.confirmTotp(tenant, by, { factorId, code: await codeAt(tenant, secret) });

    expect(decodeURIComponent(provisioningUri)).to.include(`${tenant.tenant.name}:ann@example.com`).and.include(secret);
    expect(qrCode).to.match(/^data:image\/png;base64,/);
    expect(confirmed.backupCodes).to.have.length(10);
    expect(await factors.list(tenant, ann)).to.deep.equal([
      {
        id: factorId,
        kind: 'totp',
        name: undefined,
        createdAt: NOON,
        lastUsedAt: undefined,
        backedUp: undefined,
        flagged: false,
      },
    ]);
    expect(await auditOf(tenant))
      .to.include('factor.enrolled')
      .and.not.include('backup_codes.issued');
  });

  it('leaves neither secret nor code readable in the database', async () => {
    const tenant = await aTenant();
    const { secret, backupCodes } = await enrolled(tenant, await aUser(tenant));
    const stored = await storedIn(tenant);
    for (const value of [secret, ...backupCodes, ...backupCodes.map((code) => readBackupCode(code)!)])
      expect(stored).not.to.include(value);
  });

  it('refuses a wrong code, and another person’s, session’s or tenant’s enrolment', async () => {
    const tenant = await aTenant();
    const [ann, bob] = [await aUser(tenant), await aUser(tenant)];
    const { factors } = factorRooms();
    const by = { userId: ann, sessionUid: 'one' };
    const { factorId, secret } = await factors.enrolTotp(tenant, by);
    const code = await codeAt(tenant, secret);
    const other = await aTenant();

    const wrong = await wrongCodeAt(tenant, secret);
    expect(await refusalOf(factors.confirmTotp(tenant, by, { factorId, code: wrong }))).to.equal('factor_wrong');
    for (const holder of [
      { userId: bob, sessionUid: 'one' },
      { userId: ann, sessionUid: 'two' },
    ])
      expect(await refusalOf(factors.confirmTotp(tenant, holder, { factorId, code }))).to.equal('factor_not_found');
    expect(await refusalOf(factors.confirmTotp(other, by, { factorId, code }))).to.equal('user_not_found');
    expect(await refusalOf(factors.confirmTotp(tenant, by, { factorId, code }))).to.equal('done');
    expect(await refusalOf(factors.confirmTotp(tenant, by, { factorId, code }))).to.equal('factor_not_found');
  });

  it('takes the last beginning only, and none that is older than a quarter of an hour', async () => {
    const tenant = await aTenant();
    const by = { userId: await aUser(tenant), sessionUid: 'one' };
    const { factors } = factorRooms();
    const first = await factors.enrolTotp(tenant, by);
    const second = await factors.enrolTotp(tenant, by);
    const confirm = async (call: typeof tenant, { factorId, secret }: typeof first) =>
      refusalOf(factors.confirmTotp(call, by, { factorId, code: await codeAt(call, secret) }));

    expect(await confirm(tenant, first)).to.equal('factor_not_found');
    expect(await confirm({ ...tenant, ...later(tenant, 900) }, second)).to.equal('factor_not_found');
    expect(await confirm(tenant, second)).to.equal('done');
  });

  it('replaces the application that was there, and issues no codes again', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    const old = await enrolled(tenant, ann);
    const { factors } = factorRooms({ amr: ['pwd', 'otp', 'mfa'] });
    const by = { userId: ann, sessionUid: 'one' };
    const { factorId, secret } = await factors.enrolTotp(tenant, by);
    const { backupCodes } = await factors.confirmTotp(tenant, by, { factorId, code: await codeAt(tenant, secret) });

    expect(backupCodes).to.equal(undefined);
    expect((await factors.list(tenant, ann)).map(({ id }) => id)).to.deep.equal([factorId]);
    const next = later(tenant, 30);
    const uses = (code: string) => inTransaction(next, (tx) => factors.useTotp(tx, ann, code));
    expect(await uses(await codeAt(next, old.secret))).to.equal(false);
    expect(await uses(await codeAt(next, secret))).to.equal(true);
  });

  it('asks for a login no older than ten minutes, with the factor that was there at that time', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    const by = { userId: ann, sessionUid: 'one' };
    const asked = (proof: object) => refusalOf(factorRooms(proof).factors.enrolTotp(tenant, by));
    const ago = (seconds: number) => later(tenant, -seconds).now;

    expect(await asked({ authTime: ago(600) })).to.equal('done');
    expect(await asked({ authTime: ago(601) })).to.equal('reauthentication_required');
    await enrolled(tenant, ann); // a minute ago
    expect(await asked({ authTime: ago(61) }), 'a login before there was a factor').to.equal('done');
    expect(await asked({ authTime: ago(30) })).to.equal('reauthentication_required');
    expect(await asked({ authTime: ago(30), amr: ['pwd', 'otp', 'mfa'] })).to.equal('done');
  });

  it('is refused where the tenant does not allow it', async () => {
    for (const mfa of [{ mode: 'off' as const }, { allowedFactors: ['webauthn' as const] }]) {
      const tenant = await aTenant();
      await rooms().tenants.updateSettings(tenant, { mfa });
      const by = { userId: await aUser(tenant), sessionUid: 'one' };
      expect(await refusalOf(factorRooms().factors.enrolTotp(tenant, by))).to.equal('factor_not_allowed');
    }
  });
});

describe('a backup code', () => {
  it('opens once, however it is typed, and only for its owner', async () => {
    const tenant = await aTenant();
    const [ann, bob] = [await aUser(tenant), await aUser(tenant)];
    const { backupCodes } = await enrolled(tenant, ann);
    const { factors } = factorRooms();
    const uses = (userId: typeof ann, code: string) =>
      inTransaction(tenant, (tx) => factors.useBackupCode(tx, userId, code));
    const [first, second] = backupCodes as [string, string];

    expect(first).to.match(/^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){2}$/);
    expect(await uses(bob, first)).to.equal(false);
    expect(await uses(ann, ` ${first.toLowerCase().replaceAll('-', ' ')} `)).to.equal(true);
    expect(await uses(ann, first)).to.equal(false);
    expect(await uses(ann, second.replaceAll('0', 'o').replaceAll('1', 'l'))).to.equal(true);
    for (const none of ['', 'AAAAA-AAAAA', first.slice(1), `${first}A`, '\ud800', 'x'.repeat(5_000)])
      expect(await uses(ann, none), none.slice(0, 20)).to.equal(false);
    expect(await factors.backupCodesLeft(tenant, ann)).to.equal(8);
  });

  it('dies with its nine siblings when new ones are issued', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    const { backupCodes } = await enrolled(tenant, ann);
    const { factors } = factorRooms({ amr: ['pwd', 'mfa'] });
    const fresh = await factors.renewBackupCodes(tenant, { userId: ann, sessionUid: 'one' });
    const uses = (code: string) => inTransaction(tenant, (tx) => factors.useBackupCode(tx, ann, code));

    expect(new Set([...fresh, ...backupCodes]).size).to.equal(20);
    for (const code of backupCodes) expect(await uses(code)).to.equal(false);
    for (const code of fresh) expect(await uses(code)).to.equal(true);
  });

  it('is issued to nobody who has no factor', async () => {
    const tenant = await aTenant();
    const by = { userId: await aUser(tenant), sessionUid: 'one' };
    expect(await refusalOf(factorRooms().factors.renewBackupCodes(tenant, by))).to.equal('factor_not_found');
  });
});

describe('removing a factor', () => {
  const mfa = { amr: ['pwd', 'otp', 'mfa'] };

  it('takes the backup codes along with the last one, and asks for nothing afterwards', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await enrolled(tenant, ann);
    const { factors } = factorRooms(mfa);
    const [factor] = await factors.list(tenant, ann);
    const by = { userId: ann, sessionUid: 'one' };

    await factors.remove(tenant, by, factor!.id);

    expect(await factors.backupCodesLeft(tenant, ann)).to.equal(0);
    const { mfa: policy } = tenant.tenant.settings;
    expect(await factors.secondFactorOf(tenant, ann, policy)).to.deep.equal({
      offered: [],
      asked: false,
      demanded: false,
      mustEnrol: false,
    });
    expect(await refusalOf(factors.remove(tenant, by, factor!.id))).to.equal('factor_not_found');
    expect(await refusalOf(factors.remove(tenant, by, newId()))).to.equal('factor_not_found');
    expect(await auditOf(tenant)).to.include('factor.removed');
  });

  it('is refused for the last one where the policy demands one, of everybody or of a role', async () => {
    const policies = [
      { mode: 'required' as const },
      { mode: 'required_for_roles' as const, roles: ['AUDITOR'] },
      { mode: 'required_for_roles' as const, roles: ['TENANT_ADMIN'] },
    ];
    const answers: string[] = [];
    for (const policy of policies) {
      const tenant = await aTenant();
      const ann = await aUser(tenant, { roles: ['AUDITOR'] });
      await enrolled(tenant, ann);
      await rooms().tenants.updateSettings(tenant, { mfa: policy });
      const { factors } = factorRooms(mfa);
      const [factor] = await factors.list(tenant, ann);
      answers.push(await refusalOf(factors.remove(tenant, { userId: ann, sessionUid: 'one' }, factor!.id)));
    }
    expect(answers).to.deep.equal(['factor_mandatory', 'factor_mandatory', 'done']);
  });

  it('does not reach another person’s or another tenant’s', async () => {
    const [tenant, other] = [await aTenant(), await aTenant()];
    const [ann, bob, eve] = [await aUser(tenant), await aUser(tenant), await aUser(other)];
    await enrolled(tenant, ann);
    const { factors } = factorRooms(mfa);
    const [factor] = await factors.list(tenant, ann);
    expect(await refusalOf(factors.remove(tenant, { userId: bob, sessionUid: 'one' }, factor!.id))).to.equal(
      'factor_not_found',
    );
    expect(await refusalOf(factors.remove(other, { userId: eve, sessionUid: 'one' }, factor!.id))).to.equal(
      'factor_not_found',
    );
    expect(await factors.list(tenant, ann)).to.have.length(1);
  });
});
