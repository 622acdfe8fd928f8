import { expect } from 'chai';
import type { Outcome } from '../../../src/domain/sign-in/progress.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import {
  aHouse,
  anOperatorCall,
  asOperator,
  aTenant,
  aUser,
  auditOf,
  endOf,
  fromAddress,
  NOON,
  PASSWORD,
  storedHashOf,
} from './house.ts';
import { statementsOf } from './statements.ts';

describe('signing in with a password', () => {
  it('opens to the e-mail address or the user name, in any spelling', async () => {
    const { signIn, passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant, { email: 'Ann@Example.com', username: 'AnnM' });
    await passwords.set(tenant, ann.id, PASSWORD);

    for (const identifier of ['Ann@Example.com', ' ann@EXAMPLE.com. ', 'ａｎｎ＠example.com', 'annm', 'ANNM ']) {
      const outcome = await signIn.withPassword(tenant, { identifier, password: PASSWORD });
      expect(outcome, identifier).to.include({ kind: 'signed-in', tenantId: tenant.tenantId });
      expect(outcome.vouched).to.deep.equal({
        userId: ann.id,
        amr: ['pwd'],
        acr: 'urn:gatehouse:acr:1fa',
        authTime: NOON,
      });
    }
  });

  it('leaves the moment on the user and a line in the trail', async () => {
    const { signIn, passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await passwords.set(tenant, ann.id, PASSWORD);

    await signIn.withPassword(tenant, { identifier: ann.email, password: PASSWORD });

    expect(await lastSignInOf(tenant, ann.email)).to.deep.equal(NOON);
    expect(await auditOf(tenant)).to.deep.equal([
      { action: 'sign_in.succeeded', target: `user:${ann.id}`, details: {} },
    ]);
  });

  it('writes the moment once a minute at most', async () => {
    const { signIn, passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await passwords.set(tenant, ann.id, PASSWORD);
    const at = (seconds: number) => ({ ...tenant, now: new Date(NOON.getTime() + seconds * 1000) });

    for (const seconds of [0, 59, 61])
      await signIn.withPassword(at(seconds), { identifier: ann.email, password: PASSWORD });

    expect(await lastSignInOf(tenant, ann.email)).to.deep.equal(at(61).now);
    const statements = await statementsOf(() =>
      signIn.withPassword(at(62), { identifier: ann.email, password: PASSWORD }),
    );
    expect(statements.filter((text) => text.startsWith('update "users"'))).to.deep.equal([]);
  });

  it('does not see the accounts of another tenant', async () => {
    const { signIn, passwords } = aHouse();
    const [acme, globex] = [await aTenant(), await aTenant()];
    const ann = await aUser(acme);
    await passwords.set(acme, ann.id, PASSWORD);

    expect(await endOf(signIn.withPassword(globex, { identifier: ann.email, password: PASSWORD }))).to.equal(
      'invalid_credentials',
    );
  });

  it('refuses what is not two well-formed strings, before it computes anything', async () => {
    const { signIn, runs } = aHouse();
    const tenant = await aTenant();
    const bad = [42, ['a'], [112, 119], {}, null, true, undefined, '\ud800password', 'x'.repeat(400)] as string[];
    for (const value of bad) {
      expect(await endOf(signIn.withPassword(tenant, { identifier: 'ann@example.com', password: value }))).to.equal(
        'invalid_input',
      );
      expect(await endOf(signIn.withPassword(tenant, { identifier: value, password: PASSWORD }))).to.equal(
        'invalid_input',
      );
      expect(
        await endOf(signIn.withPasswordAnywhere(anOperatorCall(), { identifier: value, password: PASSWORD })),
      ).to.equal('invalid_input');
    }
    expect(runs).to.deep.equal([]);
  });
});

describe('a password that must be changed', () => {
  it('is changed before the sign-in is one, once for each ticket', async () => {
    const { signIn, passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await passwords.set(tenant, ann.id, PASSWORD, { mustChange: true });

    const outcome = await signIn.withPassword(tenant, { identifier: ann.email, password: PASSWORD });
    expect(outcome).to.include({ kind: 'action-needed', action: 'new-password' });
    expect(await lastSignInOf(tenant, ann.email)).to.equal(null);

    const ticket = ticketOf(outcome);
    expect(await endOf(signIn.withNewPassword(tenant, { ticket, password: PASSWORD }))).to.equal('password_policy');
    expect(await endOf(signIn.withNewPassword(tenant, { ticket, password: 'password' }))).to.equal('password_policy');
    expect(await endOf(signIn.withNewPassword(tenant, { ticket, password: 'another horse' }))).to.equal('signed-in');
    expect(await endOf(signIn.withNewPassword(tenant, { ticket, password: 'a third horse' }))).to.equal(
      'sign_in_expired',
    );
    expect(await endOf(signIn.withPassword(tenant, { identifier: ann.email, password: 'another horse' }))).to.equal(
      'signed-in',
    );
    expect((await auditOf(tenant)).map(({ action }) => action)).to.deep.equal([
      'password.changed',
      'sign_in.succeeded',
      'sign_in.succeeded',
    ]);
  });

  it('is not changed by a ticket that is forged, too old, another tenant’s, or of a user who was suspended', async () => {
    const { signIn, passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await passwords.set(tenant, ann.id, PASSWORD, { mustChange: true });
    const ticket = ticketOf(await signIn.withPassword(tenant, { identifier: ann.email, password: PASSWORD }));
    const before = await storedHashOf(tenant, ann.id);
    const go = (call: TenantCall, value: string) =>
      endOf(signIn.withNewPassword(call, { ticket: value, password: 'another horse' }));

    expect(await go(tenant, '')).to.equal('sign_in_expired');
    expect(await go(tenant, `${ticket.slice(0, -2)}AA`)).to.equal('sign_in_expired');
    expect(await go({ ...tenant, now: new Date(NOON.getTime() + 600_001) }, ticket)).to.equal('sign_in_expired');
    expect(await go(await aTenant(), ticket)).to.equal('sign_in_expired');
    await asOperator(tenant, 'update users set status = ? where email = ?', ['suspended', ann.email]);
    expect(await go(tenant, ticket)).to.equal('sign_in_expired');
    expect(await storedHashOf(tenant, ann.id)).to.equal(before);
  });
});

describe('signing in where no tenant is named', () => {
  it('finds the only active account with that e-mail address', async () => {
    const { signIn, passwords } = aHouse();
    const [acme, globex, closed] = [await aTenant(), await aTenant(), await aTenant({ status: 'suspended' })];
    const email = `${acme.tenantId}@example.com`;
    const ann = await aUser(acme, { email });
    await passwords.set(acme, ann.id, PASSWORD);
    const other = await aUser(globex, { email, status: 'suspended' });
    await passwords.set(globex, other.id, PASSWORD);
    await passwords.set(closed, (await aUser(closed, { email })).id, PASSWORD);

    const outcome = await signIn.withPasswordAnywhere(anOperatorCall(), {
      identifier: email.toUpperCase(),
      password: PASSWORD,
    });

    expect(outcome).to.include({ kind: 'signed-in', tenantId: acme.tenantId });
    expect(outcome.vouched.userId).to.equal(ann.id);
    expect((await auditOf(acme)).map(({ action }) => action)).to.deep.equal(['sign_in.succeeded']);
  });

  it('checks the password first, and offers only the tenants that it opened', async () => {
    const { signIn, passwords } = aHouse();
    const tenants = [await aTenant({ name: 'One' }), await aTenant({ name: 'Two' }), await aTenant({ name: 'Three' })];
    const email = `${tenants[0]!.tenantId}@example.com`;
    for (const [index, tenant] of tenants.entries()) {
      await passwords.set(tenant, (await aUser(tenant, { email })).id, index === 1 ? 'another horse' : PASSWORD);
    }
    const login = (password: string) => signIn.withPasswordAnywhere(anOperatorCall(), { identifier: email, password });

    expect(await endOf(login('wrong horse'))).to.equal('invalid_credentials');
    expect(await login('another horse')).to.include({ kind: 'signed-in', tenantId: tenants[1]!.tenantId });
    const refusal = await login(PASSWORD).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(Failure).and.include({ code: 'tenant_choice' });
    expect((refusal as Failure).details).to.deep.equal({
      tenants: [
        { id: tenants[0]!.tenantId, slug: `t-${tenants[0]!.tenantId}`, name: 'One' },
        { id: tenants[2]!.tenantId, slug: `t-${tenants[2]!.tenantId}`, name: 'Three' },
      ],
    });
  });

  it('tries five tenants at most', async () => {
    const { signIn, runs } = aHouse();
    const tenants = await Promise.all(Array.from({ length: 6 }, () => aTenant()));
    const email = `${tenants[0]!.tenantId}@example.com`;
    for (const tenant of tenants) await aUser(tenant, { email });

    expect(
      await endOf(signIn.withPasswordAnywhere(anOperatorCall(), { identifier: email, password: PASSWORD })),
    ).to.equal('invalid_credentials');
    expect(runs).to.have.lengthOf(5);
  });
});

describe('a login whose hash is out of date', () => {
  it('gets a new one, whatever system made the old one', async () => {
    const { signIn, passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await passwords.setForeign(tenant, ann.id, '{SSHA}6+h1HKZirEW2+qbiS61Yq3e0ibhzYWx0c2FsdA==');
    const login = (password: string) => endOf(signIn.withPassword(tenant, { identifier: ann.email, password }));

    expect(await login('testing124')).to.equal('invalid_credentials');
    expect(await storedHashOf(tenant, ann.id)).to.match(/^\{SSHA\}/);
    expect(await login('testing123')).to.equal('signed-in');
    expect(await storedHashOf(tenant, ann.id)).to.match(/^\$argon2id\$v=19\$m=8192,t=1,p=1\$/);
    expect(await login('testing123')).to.equal('signed-in');
    expect(await login('testing124')).to.equal('invalid_credentials');
  });

  it('gets one new hash, when it logs in many times at once', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await aHouse().passwords.set(tenant, ann.id, PASSWORD);
    const { signIn, passwords } = aHouse({ hasher: { passes: 2 } });
    const seen = await storedHashOf(tenant, ann.id);
    await countChanges(tenant);

    const ends = await Promise.all(
      Array.from({ length: 6 }, () =>
        endOf(signIn.withPassword(fromAddress(tenant), { identifier: ann.email, password: PASSWORD })),
      ),
    );

    expect(ends).to.deep.equal(ends.map(() => 'signed-in'));
    expect(await storedHashOf(tenant, ann.id)).to.match(/t=2,p=1/);
    // The one who comes late finds another hash than the one it opened, and leaves it.
    const stored = { hash: seen, pepperId: null, normalForm: 'NFC' as const };
    expect(await passwords.rehash(tenant, ann.id, stored, { ...stored, hash: 'late' })).to.equal(false);
    expect(await changesOf(tenant)).to.equal(1);
  });
});

const ticketOf = (outcome: Outcome) => (outcome.kind === 'action-needed' ? outcome.ticket : '');

async function lastSignInOf(call: TenantCall, email: string): Promise<Date | null> {
  return (await asOperator(call, 'select last_sign_in_at from users where email = ?', [email]))[0].last_sign_in_at;
}

/** Counts every change of a password row of the tenant from here on. */
async function countChanges({ db, tenantId }: TenantCall): Promise<void> {
  await db.raw(`
    create table if not exists password_changes (tenant_id uuid);
    create or replace function note_password_change() returns trigger language plpgsql as
      $$ begin insert into password_changes values (new.tenant_id); return null; end $$;
    create trigger "note_${tenantId}" after update on passwords for each row
      when (new.tenant_id = '${tenantId}') execute function note_password_change();`);
}

async function changesOf({ db, tenantId }: TenantCall): Promise<number> {
  const { rows } = await db.raw('select count(*)::int as n from password_changes where tenant_id = ?', [tenantId]);
  await db.raw(`drop trigger "note_${tenantId}" on passwords`);
  return rows[0].n;
}
