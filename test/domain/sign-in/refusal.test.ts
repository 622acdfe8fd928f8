import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import type { Failure } from '../../../src/kernel/failure.ts';
import { aHouse, anOperatorCall, asOperator, aTenant, aUser, auditOf, endOf, PASSWORD } from './house.ts';
import { statementsOf } from './statements.ts';

describe('a refused sign-in', () => {
  /** One attempt for each reason, each at an account, tenant and address of its own. */
  const PATHS: Record<
    string,
    { status?: string; password?: 'none' | 'set'; tenant?: string; identifier?: string; held?: true }
  > = {
    'an unknown e-mail address': { identifier: 'nobody@example.com' },
    'an unknown user name': { identifier: 'nobody' },
    'a name that nobody can have': { identifier: '\u200bann@example.com\u0000' },
    'a wrong password': {},
    'a suspended user': { status: 'suspended' },
    'a deactivated user': { status: 'deactivated' },
    'a user who is not verified yet': { status: 'pending' },
    'a user without a password, who comes through an identity provider': { password: 'none' },
    'an account that is locked': { held: true },
    'a tenant that is suspended': { tenant: 'suspended' },
  };
  const RIGHT = ['suspended', 'deactivated', 'pending'];

  for (const known of [false, true]) {
    it(`is one answer after the same work, whatever the reason (${known ? 'known' : 'unknown'} browser)`, async () => {
      const seen = new Map<string, { failure: unknown; runs: unknown; statements: string[] }>();
      for (const [path, facts] of Object.entries(PATHS)) {
        if (known && (facts.identifier ?? facts.tenant)) continue;
        seen.set(path, await refusalOf(facts, known));
      }
      const [first, ...others] = [...seen.entries()];
      expect(first![1].failure).to.deep.equal({
        name: 'Failure',
        code: 'invalid_credentials',
        message: 'The e-mail address or the password is wrong.',
        details: {},
      });
      expect(first![1].runs).to.deep.equal([{ kind: 'verify', cost: 'm=8192,t=1,p=1' }]);
      for (const [path, { failure, runs, statements }] of others) {
        expect(failure, path).to.deep.equal(first![1].failure);
        expect(runs, path).to.deep.equal(first![1].runs);
        expect(statements, path).to.have.lengthOf(first![1].statements.length);
      }
    });
  }

  async function refusalOf(facts: (typeof PATHS)[string], known: boolean) {
    const { signIn, passwords, devices, runs } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    if (facts.password !== 'none') await passwords.set(tenant, ann.id, PASSWORD);
    await inEffect(tenant, ann.email, facts);
    const deviceCookie = known ? await devices.remember(tenant, undefined, ann.id) : undefined;
    // What is said is right where the password is not the reason.
    const password = facts.held || RIGHT.includes(facts.status ?? '') ? PASSWORD : 'not the password';
    const presented = { identifier: facts.identifier ?? ann.email, password, deviceCookie };
    await devices.deviceOf(tenant, deviceCookie, ann.id);
    if (facts.held) {
      for (let wrong = 0; wrong < 12; wrong++)
        await endOf(signIn.withPassword(tenant, { ...presented, password: 'wrong' }));
    }
    runs.length = 0;
    let failure: unknown;
    const statements = await statementsOf(() =>
      signIn.withPassword(tenant, presented).catch((error: Failure) => {
        const { name, code, message, details } = error;
        failure = { name, code, message, details };
      }),
    );
    return { failure, runs: [...runs], statements };
  }

  async function inEffect(tenant: TenantCall, email: string, { status, tenant: tenantStatus }: (typeof PATHS)[string]) {
    if (status) await asOperator(tenant, 'update users set status = ? where email = ?', [status, email]);
    if (tenantStatus)
      await asOperator(tenant, 'update tenants set status = ? where id = ?', [tenantStatus, tenant.tenantId]);
  }

  it('costs the same where no tenant is named, also at a tenant that the node has never met', async () => {
    const found = new Map<string, { code: string; runs: number; statements: number }>();
    for (const status of ['active', 'suspended', 'deactivated', 'pending', 'nobody']) {
      const { signIn, passwords, runs, keys, platformTenant } = aHouse({ fresh: true });
      // Of the platform tenant a node knows the key since its start.
      await keys.keyFor({ ...anOperatorCall(), tenantId: await platformTenant() }, 'audit');
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      await passwords.set(tenant, ann.id, PASSWORD);
      await asOperator(tenant, 'update users set status = ? where email = ?', [
        status === 'nobody' ? 'active' : status,
        ann.email,
      ]);
      const presented = {
        identifier: status === 'nobody' ? 'nobody@nowhere.example' : ann.email,
        password: status === 'active' ? 'not the password' : PASSWORD,
      };
      runs.length = 0;
      let code = '';
      const statements = await statementsOf(async () => {
        code = await endOf(signIn.withPasswordAnywhere(anOperatorCall(), presented));
      });
      found.set(status, { code, runs: runs.length, statements: statements.length });
    }
    const wrong = found.get('active')!;
    expect(wrong).to.include({ code: 'invalid_credentials', runs: 1 });
    for (const [status, seen] of found) expect(seen, status).to.deep.equal(wrong);
  });

  it('says why in the audit trail only', async () => {
    const { signIn, passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant, { status: 'suspended' });
    const bob = await aUser(tenant);
    await passwords.set(tenant, bob.id, PASSWORD);

    for (const identifier of [ann.email, bob.email, 'nobody@example.com']) {
      await endOf(signIn.withPassword(tenant, { identifier, password: 'wrong wrong' }));
    }

    expect(
      (await auditOf(tenant)).map(({ action, target, details }) => [
        action,
        target,
        (details as { reason: string }).reason,
      ]),
    ).to.deep.equal([
      ['sign_in.refused', `user:${ann.id}`, 'suspended'],
      ['sign_in.refused', `user:${bob.id}`, 'wrong_credentials'],
      ['sign_in.refused', null, 'unknown'],
    ]);
    expect(JSON.stringify(await auditOf(tenant))).not.to.match(/wrong wrong|argon2|nobody@/);
  });
});
