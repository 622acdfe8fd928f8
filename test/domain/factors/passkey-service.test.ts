import { expect } from 'chai';
import type { Changer } from '../../../src/domain/factors/admission.ts';
import { siteOf } from '../../../src/domain/factors/webauthn.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { type FactorId, newId, type UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { anAuthenticator, coseKey, type Twist } from '../../support/authenticator.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aTenant, aUser, auditOf, rooms } from '../../support/rooms.ts';
import { factorRooms, later, lettersOf, refusalOf, SITE, storedIn, withPasskey } from './house.ts';

describe('passkeys', () => {
  let { passkeys, factors } = {} as ReturnType<typeof factorRooms>;
  before(() => {
    ({ passkeys, factors } = factorRooms({ amr: ['pwd', 'hwk', 'mfa'] }));
  });

  const session = (userId: UserId, sessionUid = 'one'): Changer => ({ userId, sessionUid });

  /** How it ends when a person answers a registration. */
  async function registering(
    call: TenantCall,
    by: Changer,
    {
      authenticator = anAuthenticator({ origin: SITE.origin }),
      twist = {} as Twist,
      name = undefined as string | undefined,
    } = {},
  ) {
    const attestation = authenticator.create(await passkeys.registrationOptions(call, by, SITE), twist);
    return passkeys.register(call, by, { site: SITE, attestation, name });
  }

  async function rowOf(call: TenantCall, id: FactorId) {
    return inTransaction(call, ({ db, tenantId }) => db('factors').where({ tenant_id: tenantId, id }).first());
  }

  describe('making one', () => {
    it('asks for what is to be made, for whom, and without what there is already', async () => {
      const tenant = await aTenant({ name: 'Acme' });
      const ann = await aUser(tenant, { email: 'ann@example.com' });
      const first = await withPasskey(tenant, ann);
      const options = await passkeys.registrationOptions(tenant, session(ann), SITE);

      expect(options.rp).to.deep.equal({ name: 'Acme', id: 'id.test' });
      expect(options.user).to.include({ name: 'ann@example.com', displayName: 'ann@example.com' });
      expect(Buffer.from(options.user.id, 'base64url'), 'nothing that tells who it is').to.have.length(16);
      expect(options.pubKeyCredParams.map(({ alg }) => alg)).to.deep.equal([-8, -7, -257]);
      expect(options).to.include({ attestation: 'none', timeout: 300_000 });
      expect(options.authenticatorSelection).to.include({ residentKey: 'preferred', userVerification: 'preferred' });
      expect(options.excludeCredentials?.map(({ id }) => id)).to.deep.equal([
        first.credentials[0]!.id.toString('base64url'),
      ]);
    });

    it('keeps key, counter and flags; with the first factor come ten backup codes', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      const authenticator = anAuthenticator({ origin: SITE.origin, synced: true, alg: 'EdDSA' });
      const { factor, backupCodes } = await registering(tenant, session(ann), { authenticator, name: ' Blue key ' });
      const [credential] = authenticator.credentials;

      expect(await rowOf(tenant, factor.id)).to.deep.include({
        ...{ user_id: ann, kind: 'webauthn', status: 'active', name: 'Blue key', rp_id: 'id.test', sign_count: '0' },
        ...{ backup_eligible: true, backed_up: true, transports: ['internal'], flagged_at: null },
        ...{ credential_id: credential!.id, public_key: coseKey(credential!.publicKey) },
      });
      expect(backupCodes).to.have.length(10);
      expect(factor).to.include({ kind: 'webauthn', name: 'Blue key', backedUp: true, flagged: false });
      expect(await factors.list(tenant, ann)).to.deep.equal([factor]);
      expect((await registering(tenant, session(ann))).backupCodes, 'with the first only').to.equal(undefined);
      expect(await auditOf(tenant)).to.include('factor.enrolled');
      const [told] = await lettersOf(tenant);
      expect(told).to.deep.include({ template: 'factor-added' });
      expect(told?.values).to.deep.include({ factor: 'webauthn' });
    });

    it('names it after a well-known authenticator, where its owner gives no name', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      const aaguid = Buffer.from('d548826e79b4db40a3d811116f7e8349', 'hex');
      const known = anAuthenticator({ origin: SITE.origin, aaguid });
      await registering(tenant, session(ann), { authenticator: known });
      await registering(tenant, session(ann));
      expect((await factors.list(tenant, ann)).map(({ name }) => name)).to.deep.equal(['Bitwarden', undefined]);
    });

    it('asks for a login no older than ten minutes, with the factor that was there, at both steps', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      await withPasskey(tenant, ann);
      const attestation = anAuthenticator({ origin: SITE.origin }).create(
        await passkeys.registrationOptions(tenant, session(ann), SITE),
      );
      const aged = factorRooms({ authTime: later(tenant, -601).now, amr: ['pwd', 'hwk', 'mfa'] }).passkeys;
      const weak = factorRooms({ authTime: tenant.now, amr: ['pwd'] }).passkeys;
      for (const room of [aged, weak]) {
        expect(await refusalOf(room.registrationOptions(tenant, session(ann), SITE))).to.equal(
          'reauthentication_required',
        );
        expect(await refusalOf(room.register(tenant, session(ann), { site: SITE, attestation }))).to.equal(
          'reauthentication_required',
        );
      }
      const strong = factorRooms({ authTime: later(tenant, -599).now, amr: ['pwd', 'hwk', 'mfa'] }).passkeys;
      expect(await refusalOf(strong.register(tenant, session(ann), { site: SITE, attestation }))).to.equal('done');
    });

    it('is for one session, one person, one site and one tenant, for five minutes, and once', async () => {
      const [tenant, other] = [await aTenant(), await aTenant()];
      const [ann, bob, eve] = [await aUser(tenant), await aUser(tenant), await aUser(other)];
      const options = await passkeys.registrationOptions(tenant, session(ann), SITE);
      const attestation = anAuthenticator({ origin: SITE.origin }).create(options);
      const end = (call: TenantCall, by: Changer, site = SITE) =>
        refusalOf(passkeys.register(call, by, { site, attestation }));

      expect(await end(tenant, session(ann, 'another'))).to.equal('challenge_ended');
      expect(await end(tenant, session(bob, 'two'))).to.equal('challenge_ended');
      expect(await end({ ...other, now: tenant.now }, session(eve))).to.equal('challenge_ended');
      expect(await end(tenant, session(ann), siteOf('https://other.test'))).to.equal('challenge_ended');
      expect(await end(later(tenant, 300), session(ann))).to.equal('challenge_ended');
      expect(await end(later(tenant, 299), session(ann))).to.equal('done');
      await rooms().passwords.set(tenant, ann, 'correct horse battery staple');
      const [made] = await factors.list(tenant, ann);
      await factors.remove(tenant, session(ann), made!.id);
      expect(await end(tenant, session(ann)), 'again, when it is gone').to.equal('challenge_ended');
    });

    it('takes none that somebody has, and none that is not honest', async () => {
      const tenant = await aTenant();
      const [ann, bob] = [await aUser(tenant), await aUser(tenant)];
      const authenticator = anAuthenticator({ origin: SITE.origin });
      await registering(tenant, session(ann), { authenticator });
      const options = await passkeys.registrationOptions(tenant, session(bob), SITE);
      const copied = authenticator.create(options, { id: authenticator.credentials[0]!.id });
      expect(await refusalOf(passkeys.register(tenant, session(bob), { site: SITE, attestation: copied }))).to.equal(
        'passkey_taken',
      );
      for (const twist of [{ fmt: 'packed' }, { origin: 'https://evil.test' }, { rpId: 'test' }])
        expect(await refusalOf(registering(tenant, session(bob), { twist }))).to.equal('passkey_invalid');
      expect(await refusalOf(registering(tenant, session(bob), { name: '\u202e' }))).to.equal('invalid_input');
      expect(await factors.list(tenant, bob)).to.deep.equal([]);
    });

    it('takes twenty of a person, also when two come at once', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      for (let count = 1; count < LIMITS.passkeysOfUser; count++) await withPasskey(tenant, ann);
      const authenticator = anAuthenticator({ origin: SITE.origin });
      const ask = () => passkeys.registrationOptions(tenant, session(ann), SITE);
      const [one, two] = [authenticator.create(await ask()), authenticator.create(await ask())];
      const late = await whileUncommitted(
        tenant.db,
        (hold) =>
          inTransaction(tenant, async (tx) => {
            await passkeys.register(tx, session(ann), { site: SITE, attestation: one });
            await hold();
          }),
        () => refusalOf(passkeys.register(tenant, session(ann), { site: SITE, attestation: two })),
      );
      expect(late).to.deep.equal({ status: 'fulfilled', value: 'factor_limit' });
      expect(await refusalOf(ask())).to.equal('factor_limit');
    });

    it('is refused where the tenant has none, and leaves no challenge behind', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      await passkeys.registrationOptions(tenant, session(ann), SITE);
      const stored = JSON.parse(await storedIn(tenant)) as unknown[][];
      expect(stored.slice(0, 4).flat(), 'asking writes nothing').to.deep.equal([]);
      for (const mfa of [{ mode: 'off' as const }, { mode: 'optional' as const, allowedFactors: ['totp' as const] }]) {
        await rooms().tenants.updateSettings(tenant, { mfa });
        expect(await refusalOf(passkeys.registrationOptions(tenant, session(ann), SITE))).to.equal(
          'factor_not_allowed',
        );
      }
    });
  });

  describe('changing them', () => {
    it('gives one another name, to its owner only', async () => {
      const tenant = await aTenant();
      const [ann, bob] = [await aUser(tenant), await aUser(tenant)];
      const { factorId } = await withPasskey(tenant, ann);
      expect(await factors.rename(tenant, ann, factorId, ' Desk ')).to.include({ id: factorId, name: 'Desk' });
      expect(await refusalOf(factors.rename(tenant, bob, factorId, 'Mine'))).to.equal('factor_not_found');
      for (const name of ['', '   ', 'x'.repeat(101), 'a\u0000b', '\u202eabc'])
        expect(await refusalOf(factors.rename(tenant, ann, factorId, name))).to.equal('invalid_input');
    });

    it('tells browsers which there are, under the name of their owner', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant, { email: 'ann@example.com' });
      const { credentials } = await withPasskey(tenant, ann);
      const [credential] = credentials;
      expect(await passkeys.signal(tenant, ann, SITE)).to.deep.equal({
        ...{ rpId: 'id.test', name: 'ann@example.com', displayName: 'ann@example.com' },
        userId: credential!.userHandle.toString('base64url'),
        allAcceptedCredentialIds: [credential!.id.toString('base64url')],
      });
      expect(await refusalOf(passkeys.signal(tenant, newId(), SITE))).to.equal('user_not_found');
    });

    it('is refused for the last one of a person without a password', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      const [one, two] = [await withPasskey(tenant, ann), await withPasskey(tenant, ann)];
      const remove = (id: FactorId) => refusalOf(factors.remove(tenant, session(ann), id));
      expect([await remove(one.factorId), await remove(two.factorId)]).to.deep.equal(['done', 'passkey_last']);
      await rooms().passwords.set(tenant, ann, 'correct horse battery staple');
      expect(await remove(two.factorId)).to.equal('done');
    });

    it('does not count one that was copied as another way in, nor as a factor that is left', async () => {
      const tenant = await aTenant();
      const ann = await aUser(tenant);
      const [one, two] = [await withPasskey(tenant, ann), await withPasskey(tenant, ann)];
      await inTransaction(tenant, ({ db, tenantId }) =>
        db('factors').where({ tenant_id: tenantId, id: one.factorId }).update({ flagged_at: tenant.now }),
      );
      expect(await refusalOf(factors.remove(tenant, session(ann), two.factorId))).to.equal('passkey_last');
      await rooms().tenants.updateSettings(tenant, { mfa: { mode: 'required' } });
      expect(await refusalOf(factors.remove(tenant, session(ann), two.factorId))).to.equal('factor_mandatory');
    });
  });
});
