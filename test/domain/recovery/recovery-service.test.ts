import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { asOperator } from '../sign-in/house.ts';
import { statementsOf } from '../sign-in/statements.ts';
import {
  aHouse,
  anAddress,
  auditOf,
  endOf,
  fromAddress,
  HOLDER,
  type House,
  later,
  NEXT,
  outboxOf,
  PASSWORD,
} from './house.ts';

describe('a forgotten password', () => {
  let house: House;
  before(() => {
    house = aHouse();
  });

  describe('is asked for', () => {
    it('with the same statements and no hash, whoever it is about', async () => {
      const call = await house.aTenant();
      const ann = await house.aUser(call);
      const suspended = await house.aUser(call);
      await house.users.suspend(call, suspended.id);
      await house.tenantKeys.keyFor(call, 'seal');
      const seen = new Map<string, string[]>();
      house.runs.length = 0;
      const names = [
        ann.email,
        'nobody@example.com',
        'nobody',
        suspended.email,
        '\u200bnot a name',
        ann.email.toUpperCase(),
      ];
      for (const identifier of names) {
        const at = fromAddress(call, anAddress());
        const statements = await statementsOf(() => house.recovery.request(at, { identifier, holder: HOLDER }));
        seen.set(identifier, statements);
      }
      const [first, ...others] = [...seen.values()];
      expect(first!.filter((text) => text.startsWith('insert into "outbox"'))).to.have.lengthOf(1);
      for (const [at, statements] of others.entries()) expect(statements, names[at + 1]).to.deep.equal(first);
      expect(house.runs).to.deep.equal([]);
    });

    it('and writes to the owner alone, once, however often the wish is carried out', async () => {
      const { call, ann } = await house.asked();
      await house.recovery.request(call, { identifier: 'nobody@example.com', holder: HOLDER });
      const wishes = (await outboxOf(call)).filter(({ kind }) => kind === 'recovery');
      for (const wish of [...wishes, ...wishes]) await house.recovery.carryOut(call, wish);
      const letters = await house.lettersOf(call);
      expect(letters.map(({ template, to }) => [template, to.address])).to.deep.equal([['password-reset', ann.email]]);
    });

    it('keeps neither the name nor the proofs in a form that can be read', async () => {
      const { call, ann, token, code } = await house.asked();
      const rows = JSON.stringify(
        await asOperator(call, 'select * from email_tokens where tenant_id = ?', [call.tenantId]),
      );
      const outbox = JSON.stringify(await outboxOf(call));
      for (const secret of [token, code, HOLDER]) expect(rows + outbox).not.to.include(secret);
      expect(outbox).not.to.include(ann.email);
    });

    it('three times an hour for one address, however it is written, and thirty times from one network', async () => {
      const call = await house.aTenant();
      const ann = await house.aUser(call);
      for (const identifier of [ann.email, ann.email.toUpperCase(), ` ${ann.email} `])
        expect(await endOf(house.recovery.request(fromAddress(call), { identifier }))).to.equal('ok');
      expect(await endOf(house.recovery.request(fromAddress(call), { identifier: ann.email }))).to.equal(
        'rate_limited',
      );
      const unknown = 'nobody-at-all@example.com';
      for (let more = 0; more < 3; more++) await house.recovery.request(fromAddress(call), { identifier: unknown });
      expect(await endOf(house.recovery.request(fromAddress(call), { identifier: unknown }))).to.equal('rate_limited');

      const ip = anAddress();
      for (let more = 0; more < LIMITS.recoveriesOfAddress; more++)
        await house.recovery.request(fromAddress(call, ip), { identifier: `bob${more}@example.com` });
      const one = house.recovery.request(fromAddress(call, ip), { identifier: 'carol@example.com' });
      expect(await endOf(one)).to.equal('rate_limited');
      expect((await house.lettersOf(call)).length, 'three letters').to.equal(3);
    });

    it('without a tenant’s name, for five accounts of an address at most', async () => {
      const email = `everywhere-${Date.now()}@example.com`;
      const calls: TenantCall[] = [];
      for (let more = 0; more <= LIMITS.recoveryAccounts; more++) {
        const call = await house.aTenant();
        await house.aUser(call, { email });
        calls.push(call);
      }
      const { tenantId: _, ...nowhere } = calls[0]!;
      const home = { ...nowhere, tenantId: await aHouseOfNobody(nowhere, email) };
      await house.lettersOf(home);
      const written = await Promise.all(calls.map(async (call) => (await house.lettersOf(call)).length));
      expect(written.sort()).to.deep.equal([0, 1, 1, 1, 1, 1]);
    });

    async function aHouseOfNobody(call: Omit<TenantCall, 'tenantId'>, identifier: string) {
      await house.recovery.request(call, { identifier });
      const sql = `select tenant_id from outbox where kind = 'recovery' order by id desc limit 1`;
      const [row] = await asOperator(call as TenantCall, sql, []);
      return row.tenant_id;
    }

    it('is no use half an hour later, asked or carried out', async () => {
      const { call, token, code } = await house.asked();
      const late = later(call, LIMITS.recoverySeconds);
      expect(await house.recovery.findByLink(late, token)).to.equal(undefined);
      expect(await endOf(house.recovery.resetByLink(late, { token, password: NEXT }))).to.equal('token_invalid');
      expect(await endOf(house.recovery.findByCode(late, { holder: HOLDER, code }))).to.equal('token_invalid');

      const other = await house.aTenant();
      const bob = await house.aUser(other);
      await house.recovery.request(other, { identifier: bob.email });
      const [wish] = await outboxOf(other);
      await house.recovery.carryOut(later(other, LIMITS.recoverySeconds + 1), wish!);
      expect((await outboxOf(other)).length).to.equal(1);
    });
  });

  describe('is reset on an administrator’s word', () => {
    it('by a letter whose link the administrator does not see', async () => {
      const call = await house.aTenant();
      const ann = await house.aUser(call);
      await house.recovery.sendReset(call, ann.id);
      const { token, found } = await house.letter(call);
      expect([found.to.address, found.values.code]).to.deep.equal([ann.email, undefined]);
      expect(await auditOf(call)).to.include('recovery.sent');
      expect(await endOf(house.recovery.resetByLink(later(call, 1), { token, password: NEXT }))).to.equal('ok');
    });

    it('also where the person has no password yet', async () => {
      const call = await house.aTenant();
      const { id, email } = await house.users.create(
        { ...call, actor: { kind: 'system', name: 'test' } },
        { email: 'bob@example.com' },
      );
      await house.recovery.request(call, { identifier: email });
      expect(await house.lettersOf(call), 'a stranger cannot ask for it').to.deep.equal([]);
      await house.recovery.sendReset(call, id);
      const { token } = await house.letter(call);
      await house.recovery.resetByLink(later(call, 1), { token, password: NEXT });
      expect(await endOf(house.signIn.withPassword(later(call, 2), { identifier: email, password: NEXT }))).to.equal(
        'ok',
      );
    });

    it('for nobody who could not use it', async () => {
      const call = await house.aTenant();
      const ann = await house.aUser(call);
      await house.users.suspend(call, ann.id);
      expect(await endOf(house.recovery.sendReset(call, ann.id))).to.equal('user_suspended');
      await house.users.deactivate(call, ann.id);
      expect(await endOf(house.recovery.sendReset(call, ann.id))).to.equal('user_deactivated');
      expect(await endOf(house.recovery.sendReset(await house.aTenant(), ann.id))).to.equal('user_not_found');
    });

    it('at the next sign-in, where that is demanded', async () => {
      const call = await house.aTenant();
      const ann = await house.aUser(call);
      await house.recovery.mustChangePassword(call, ann.id);
      const outcome = await house.signIn.withPassword(call, { identifier: ann.email, password: PASSWORD });
      expect(outcome).to.include({ kind: 'action-needed', action: 'new-password' });
      expect(await auditOf(call)).to.include('password.change_demanded');
    });
  });

  it('ends with a tenant', async () => {
    const { call, token } = await house.asked();
    await house.tenants.suspend(call);
    expect(await endOf(house.recovery.request(call, { identifier: 'x@example.com' }))).to.equal('ok');
    expect((await house.lettersOf(call)).length).to.equal(1);
    expect(await house.recovery.findByLink(call, token), 'no page of the tenant asks').not.to.equal(undefined);
  });
});
