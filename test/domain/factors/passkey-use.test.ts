import { expect } from 'chai';
import type { Changer } from '../../../src/domain/factors/admission.ts';
import { siteOf } from '../../../src/domain/factors/webauthn.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { type ChallengeId, type FactorId, newId, type UserId } from '../../../src/kernel/ids.ts';
import { type Authenticator, anAuthenticator, type Twist } from '../../support/authenticator.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aTenant, aUser, auditOf } from '../../support/rooms.ts';
import { factorRooms, later, lettersOf, refusalOf, SITE, storedIn, withPasskey } from './house.ts';

describe('a passkey as a way in', () => {
  let { passkeys, factors } = {} as ReturnType<typeof factorRooms>;
  before(() => {
    ({ passkeys, factors } = factorRooms({ amr: ['pwd', 'hwk', 'mfa'] }));
  });

  const session = (userId: UserId, sessionUid = 'one'): Changer => ({ userId, sessionUid });

  async function rowOf(call: TenantCall, id: FactorId) {
    return inTransaction(call, ({ db, tenantId }) => db('factors').where({ tenant_id: tenantId, id }).first());
  }

  const HOLDER = Buffer.from('this browser');
  const asking = (call: TenantCall, holder = HOLDER) => passkeys.signInOptions(call, { holder, site: SITE });

  /** Shows what an authenticator answers. */
  async function showing(
    call: TenantCall,
    authenticator: Pick<Authenticator, 'get'>,
    { twist = {} as Twist, at = call, holder = HOLDER, site = SITE, isAnywhere = false } = {},
  ) {
    const { options } = await asking(call);
    const assertion = authenticator.get(options, twist);
    return passkeys.show(at, { holder, site, assertion, isAnywhere });
  }

  /** The refusal, and why, for the audit trail. */
  async function whyNot(showing: Promise<unknown>): Promise<string> {
    return showing.then(
      () => 'right',
      (error) => String(error.details?.reason ?? error.code),
    );
  }

  it('is asked for without a list, from everybody alike, and writes nothing', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await withPasskey(tenant, ann);
    const [{ options }, { options: again }] = [await asking(tenant), await asking(tenant)];
    expect({ ...options, challenge: '' }).to.deep.equal({ ...again, challenge: '' });
    expect(options).to.include({ rpId: 'id.test', userVerification: 'required' });
    expect(options).not.to.have.property('allowCredentials', 'set');
    expect(options.challenge).not.to.equal(again.challenge);
    const [, , , ceremonies] = JSON.parse(await storedIn(tenant));
    expect(ceremonies, 'only that of the registration').to.have.length(1);
  });

  it('says whose it is, and that it is two factors in hardware or software', async () => {
    const tenant = await aTenant();
    const [ann, bob] = [await aUser(tenant), await aUser(tenant)];
    const fixed = await withPasskey(tenant, ann);
    const synced = await withPasskey(tenant, bob, anAuthenticator({ origin: SITE.origin, synced: true }));
    expect(await showing(tenant, fixed)).to.deep.include({ userId: ann, amr: ['hwk', 'user', 'mfa'] });
    expect(await showing(tenant, synced)).to.deep.include({ userId: bob, amr: ['swk', 'user', 'mfa'] });
    expect(await showing(tenant, synced, { isAnywhere: true })).to.include({ tenantId: tenant.tenantId });
  });

  it('is for one browser, site, tenant and ceremony, for five minutes', async () => {
    const [tenant, other] = [await aTenant(), await aTenant()];
    const ann = await aUser(tenant);
    const passkey = await withPasskey(tenant, ann);
    const end = (more: object) => whyNot(showing(tenant, passkey, more));
    expect(await end({ holder: Buffer.from('another browser') })).to.equal('challenge_ended');
    expect(await end({ site: siteOf('https://other.test') })).to.equal('challenge_ended');
    expect(await end({ at: { ...other, now: tenant.now } })).to.equal('challenge_ended');
    expect(await end({ at: later(tenant, 300) })).to.equal('challenge_ended');
    expect(await end({ at: later(tenant, 299) })).to.equal('right');
    const made = await passkeys.registrationOptions(tenant, session(ann), SITE);
    expect(await end({ twist: { challenge: made.challenge } }), 'of a registration').to.equal('challenge_ended');
    const invented = Buffer.alloc(48, 1).toString('base64url');
    for (const challenge of ['', 'AAAA', invented, `${invented}=`])
      expect(await end({ twist: { challenge } })).to.equal('challenge_ended');
  });

  it('is refused without its owner’s handle, without a check of the user, and with a wrong signature', async () => {
    const tenant = await aTenant();
    const [ann, bob] = [await aUser(tenant), await aUser(tenant)];
    const [hers, his] = [await withPasskey(tenant, ann), await withPasskey(tenant, bob)];
    const end = (twist: Twist) => whyNot(showing(tenant, hers, { twist }));
    expect(await end({ userHandle: null })).to.equal('unknown_passkey');
    expect(await end({ userHandle: his.credentials[0]!.userHandle })).to.equal('unknown_passkey');
    expect(await end({ userHandle: Buffer.alloc(16, 1) })).to.equal('unknown_passkey');
    expect(await end({ userHandle: Buffer.alloc(64, 1) })).to.equal('unknown_passkey');
    expect(await end({ flip: 0x04 })).to.equal('user_not_verified');
    expect(await end({ origin: 'https://evil.test' })).to.equal('wrong_signature');
    const [mine] = hers.credentials;
    expect(await end({ credential: { ...mine!, privateKey: his.credentials[0]!.privateKey } })).to.equal(
      'wrong_signature',
    );
  });

  it('of one tenant is unknown at another on the same host', async () => {
    const [tenant, other] = [await aTenant(), await aTenant()];
    const ann = await aUser(tenant);
    const passkey = await withPasskey(tenant, ann);
    const there = { ...other, now: tenant.now };
    expect(await whyNot(showing(there, passkey))).to.equal('unknown_passkey');
    const assertion = passkey.get((await asking(there)).options);
    expect(await passkeys.isUnknown(there, SITE, assertion), 'the browser must not forget it').to.equal(false);
    await withPasskey(tenant, ann);
    await factors.remove(tenant, session(ann), passkey.factorId);
    expect(await passkeys.isUnknown(there, SITE, assertion)).to.equal(true);
  });

  it('counts once, of two at once too', async () => {
    const tenant = await aTenant();
    const passkey = await withPasskey(tenant, await aUser(tenant));
    const shown = await showing(tenant, passkey);
    const second = await whileUncommitted(
      tenant.db,
      (hold) =>
        inTransaction(tenant, async (tx) => {
          expect(await passkeys.use(tx, shown)).to.equal('right');
          await hold();
        }),
      () => inTransaction(tenant, (tx) => passkeys.use(tx, shown)),
    );
    expect(second).to.deep.equal({ status: 'fulfilled', value: 'used' });
    expect(await rowOf(tenant, passkey.factorId)).to.deep.include({ sign_count: '1', last_used_at: tenant.now });
  });

  it('finds a copy by its counter, and believes neither from then on', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    const passkey = await withPasskey(tenant, ann);
    const use = async (counter: number) => {
      const shown = await showing(tenant, passkey, { twist: { counter } });
      return inTransaction(tenant, (tx) => passkeys.use(tx, shown));
    };
    expect([await use(7), await use(8)]).to.deep.equal(['right', 'right']);
    expect(await use(8), 'the same again').to.equal('copied');
    expect(await whyNot(use(9)), 'also a counter that has gone on').to.equal('copied_passkey');
    expect((await factors.list(tenant, ann))[0]).to.include({ flagged: true });
    expect((await auditOf(tenant)).filter((action) => action === 'factor.copied')).to.have.length(1);
    const asked = { challengeId: newId<ChallengeId>(), userId: ann, site: SITE };
    expect(await refusalOf(passkeys.factorOptions(tenant, asked))).to.equal('factor_not_allowed');
    const anew = await passkeys.registrationOptions(tenant, session(ann), SITE);
    expect(anew.excludeCredentials, 'the device can make another').to.deep.equal([]);
    const told = (await lettersOf(tenant)).filter(({ template }) => template === 'passkey-copied');
    expect(told, 'the owner hears of it once').to.have.length(1);
    expect(told[0]?.values).to.deep.equal({ at: tenant.now.toISOString() });
  });

  it('believes no counter before the signature', async () => {
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    const passkey = await withPasskey(tenant, ann);
    const forged = {
      ...passkey.credentials[0]!,
      privateKey: (await withPasskey(tenant, ann)).credentials[0]!.privateKey,
    };
    expect(await whyNot(showing(tenant, passkey, { twist: { counter: 0, credential: forged } }))).to.equal(
      'wrong_signature',
    );
    expect((await factors.list(tenant, ann)).map(({ flagged }) => flagged)).to.deep.equal([false, false]);
  });

  it('lets a counter stay at nought for ever, and not go back to it', async () => {
    const tenant = await aTenant();
    const passkey = await withPasskey(tenant, await aUser(tenant));
    const use = async (counter: number) => {
      const shown = await showing(tenant, passkey, { twist: { counter } });
      return inTransaction(tenant, (tx) => passkeys.use(tx, shown));
    };
    expect([await use(0), await use(0), await use(3), await use(0)]).to.deep.equal([
      ...['right', 'right', 'right', 'copied'],
    ]);
  });

  it('takes used challenges away when they are dead', async () => {
    const tenant = await aTenant();
    const passkey = await withPasskey(tenant, await aUser(tenant));
    const use = async (call: TenantCall) => {
      const shown = await showing(call, passkey);
      await inTransaction(call, (tx) => passkeys.use(tx, shown));
      return (JSON.parse(await storedIn(call)) as unknown[][])[3]!.length;
    };
    expect([await use(tenant), await use(tenant), await use(later(tenant, 3_600))]).to.deep.equal([2, 3, 1]);
  });
});
