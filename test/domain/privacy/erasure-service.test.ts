import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { type ApiKeyId, newId, type UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { whileUncommitted } from '../../support/race.ts';
import {
  aHouse,
  anAddress,
  auditOf,
  beginSession,
  endOf,
  fromAddress,
  type House,
  later,
  NEXT,
  PASSWORD,
} from '../recovery/house.ts';

const DAY = 86_400;
const SYSTEM = { kind: 'system', name: 'test' } as const;

describe('an erasure', () => {
  let house: House;
  before(() => {
    house = aHouse();
  });

  /** A person in their session, and the system beside them. */
  async function aPerson({ roles = [] as string[], home }: { roles?: string[]; home?: TenantCall } = {}) {
    const call = fromAddress(home ?? (await house.aTenant()), anAddress());
    const system: TenantCall = { ...call, actor: SYSTEM };
    const ann = await house.aUser(call);
    if (roles.length > 0) await house.access.setUserRoles(system, ann.id, roles);
    const sessionUid = newId();
    await beginSession(call, ann.id, sessionUid);
    const actor = {
      kind: 'user',
      userId: ann.id,
      sessionUid,
      ...(await house.access.accessOf(system, ann.id)),
    } as const;
    const own: TenantCall = { ...call, actor };
    return { ...ann, own, system, sessionUid };
  }
  type Person = Awaited<ReturnType<typeof aPerson>>;

  const ask = ({ own, id, sessionUid }: Person, more: object = {}, call = own) =>
    house.erasure.ask(call, id, { sessionUid, password: PASSWORD, ...more });
  const isErased = async ({ own, id }: Person) => (await house.users.get(own, id)).email.endsWith('@erased.invalid');
  const runAt = (seconds: number, { system }: Person) => house.erasure.eraseDue(later(system, seconds));

  it('comes thirty days after it was asked for, and not before', async () => {
    const ann = await aPerson();
    const { effectiveAt, id } = await ask(ann);
    expect(effectiveAt.getTime() - ann.own.now.getTime()).to.equal(30 * DAY * 1000);
    expect((await ask(ann)).id, 'a second time is the same').to.equal(id);
    expect(await runAt(30 * DAY - 1, ann).then(() => isErased(ann))).to.equal(false);
    expect((await house.lettersOf(ann.own)).map(({ template }) => template)).to.include('account-deletion');
    await runAt(30 * DAY, ann);
    expect(await isErased(ann)).to.equal(true);
    expect(await house.erasure.find(ann.own, ann.id)).to.equal(undefined);
    await runAt(31 * DAY, ann);
    const ends = (await auditOf(ann.own)).filter((action) => action.startsWith('user.eras'));
    expect(ends, 'once').to.deep.equal(['user.erasure_requested', 'user.erased']);
  });

  it('waits as long as the tenant says, or as an administrator does', async () => {
    const ann = await aPerson({ home: await house.aTenant({ privacy: { graceDays: 7 } }) });
    expect((await ask(ann)).effectiveAt.getTime() - ann.own.now.getTime()).to.equal(7 * DAY * 1000);
    const ben = await aPerson();
    const most = await house.erasure.askFor(ben.system, ben.id, { graceDays: LIMITS.erasureGraceDays });
    expect(most.effectiveAt.getTime() - ben.own.now.getTime()).to.equal(90 * DAY * 1000);
    for (const graceDays of [LIMITS.erasureGraceDays + 1, -1, 0.5])
      expect(await endOf(house.erasure.askFor((await aPerson()).system, ben.id, { graceDays }))).to.equal(
        'invalid_input',
      );
  });

  it('is asked for by who shows that it is them', async () => {
    const ann = await aPerson();
    expect(await endOf(ask(ann, { password: NEXT }))).to.equal('invalid_credentials');
    expect(await endOf(ask(ann, { password: undefined }, later(ann.own, 601)))).to.equal('reauthentication_required');
    expect(await endOf(ask(ann, { sessionUid: newId() }))).to.equal('reauthentication_required');
    const ben = await aPerson({ home: ann.system });
    expect(await endOf(ask(ann, { sessionUid: ben.sessionUid })), 'of somebody else').to.equal(
      'reauthentication_required',
    );
    expect(await house.erasure.find(ann.own, ann.id)).to.equal(undefined);
    expect(await endOf(ask(ann, { password: undefined }))).to.equal('ok');
  });

  it('is taken back, once, and can be asked for again', async () => {
    const ann = await aPerson();
    const first = await ask(ann);
    await house.erasure.cancel(ann.own, ann.id);
    expect(await endOf(house.erasure.cancel(ann.own, ann.id))).to.equal('erasure_not_found');
    await runAt(31 * DAY, ann);
    expect(await isErased(ann)).to.equal(false);
    expect((await ask(ann)).id).not.to.equal(first.id);
  });

  it('taken back is told by a letter, without where others act from', async () => {
    const origin = { ip: '192.0.2.7', userAgent: 'Firefox', requestId: 'r' };
    const keptOf = async ({ own }: Person) =>
      (await house.lettersOf(own)).flatMap((letter) => (letter.template === 'account-kept' ? [letter.values] : []));
    const ann = await aPerson();
    await ask(ann);
    await house.erasure.cancel({ ...ann.own, origin }, ann.id);
    await endOf(house.erasure.cancel({ ...ann.own, origin }, ann.id));
    const at = ann.own.now.toISOString();
    expect(await keptOf(ann)).to.deep.equal([{ at, ip: origin.ip, userAgent: origin.userAgent }]);

    const ben = await aPerson();
    await ask(ben);
    await house.erasure.cancel({ ...ben.system, origin }, ben.id);
    expect(await keptOf(ben)).to.deep.equal([{ at: ben.system.now.toISOString() }]);
  });

  it('leaves the last administrator where they are', async () => {
    const ann = await aPerson({ roles: ['TENANT_ADMIN'] });
    expect(await endOf(ask(ann))).to.equal('last_admin');
    const ben = await aPerson({ roles: ['TENANT_ADMIN'], home: ann.system });
    await ask(ann);
    await house.users.suspend(ben.system, ben.id);
    await runAt(30 * DAY, ann);
    expect(await isErased(ann)).to.equal(false);
    expect((await auditOf(ann.own)).at(-1)).to.equal('user.erasure_postponed');
    await house.users.reactivate(ben.system, ben.id);
    await runAt(31 * DAY, ann);
    expect(await isErased(ann)).to.equal(true);
  });

  it('is asked for by nobody who may do less than the person', async () => {
    const ann = await aPerson({ roles: ['TENANT_ADMIN'] });
    const helper = await aPerson({ roles: ['USER_ADMIN'], home: ann.system });
    expect(await endOf(house.erasure.askFor(helper.own, ann.id))).to.equal('privilege_escalation');
    expect(await endOf(house.erasure.askFor(ann.own, helper.id))).to.equal('ok');
    expect(await endOf(house.erasure.askFor(ann.own, newId<UserId>()))).to.equal('user_not_found');
    const elsewhere = await aPerson();
    expect(await endOf(house.erasure.askFor(elsewhere.system, ann.id)), 'of another tenant').to.equal('user_not_found');
  });

  it('is asked for on one’s own behalf by the way that asks for a proof, and by no other', async () => {
    const ann = await aPerson({ roles: ['TENANT_ADMIN'] });
    await aPerson({ roles: ['TENANT_ADMIN'], home: ann.system });
    const owner = { kind: 'user', userId: ann.id } as const;
    const { permissions } = await house.access.accessOf(ann.system, ann.id);
    const key = { kind: 'api-key', keyId: newId<ApiKeyId>(), owner, permissions } as const;
    for (const actor of [ann.own.actor, key])
      expect(await endOf(house.erasure.askFor({ ...ann.own, actor }, ann.id, { graceDays: 0 }))).to.equal('forbidden');
    expect(await house.erasure.find(ann.own, ann.id)).to.equal(undefined);
  });

  it('is taken back by nobody who may do less than the person', async () => {
    const ann = await aPerson({ roles: ['TENANT_ADMIN'] });
    await aPerson({ roles: ['TENANT_ADMIN'], home: ann.system });
    const helper = await aPerson({ roles: ['USER_ADMIN'], home: ann.system });
    await ask(ann);
    expect(await endOf(house.erasure.cancel(helper.own, ann.id))).to.equal('privilege_escalation');
    expect(await endOf(house.erasure.cancel(ann.own, ann.id))).to.equal('ok');
  });

  it('ends every session, and comes for who is suspended or gone already too', async () => {
    const ann = await aPerson();
    const ben = await aPerson({ home: ann.system });
    await house.users.deactivate(ben.system, ben.id);
    for (const { system, id } of [ann, ben]) await house.erasure.askFor(system, id, { graceDays: 0 });
    await runAt(0, ann);
    expect([await isErased(ann), await isErased(ben)]).to.deep.equal([true, true]);
    expect(await house.sessions.list(ann.own, ann.id)).to.deep.equal([]);
    expect(await endOf(house.signIn.withPassword(ann.own, { identifier: ann.email, password: PASSWORD }))).to.equal(
      'invalid_credentials',
    );
  });

  it('is done, or taken back, never both', async () => {
    const ann = await aPerson();
    await house.erasure.askFor(ann.system, ann.id, { graceDays: 0 });
    const outcome = await whileUncommitted(
      pool(),
      (hold) =>
        pool().transaction(async (db) => {
          await house.erasure.cancel({ ...ann.own, db }, ann.id);
          await hold();
        }),
      () => runAt(0, ann),
    );
    expect(outcome).to.deep.include({ status: 'fulfilled' });
    expect(await isErased(ann)).to.equal(false);
  });

  it('waits for what is being done to the person at this moment', async () => {
    const ann = await aPerson();
    await house.erasure.askFor(ann.system, ann.id, { graceDays: 0 });
    const outcome = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(ann.system, async (tx) => {
          await house.access.lockHolder(tx, ann.id);
          await hold();
        }),
      () => runAt(0, ann),
    );
    expect(outcome.status).to.equal('fulfilled');
    expect(await isErased(ann)).to.equal(true);
    const login = house.signIn.withPassword(ann.own, { identifier: ann.email, password: PASSWORD });
    expect(await endOf(login)).to.equal('invalid_credentials');
  });
});
