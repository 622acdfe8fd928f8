import { expect } from 'chai';
import { type Site, siteOf } from '../../../src/domain/factors/webauthn.ts';
import type { Outcome } from '../../../src/domain/sign-in/progress.ts';
import type { OwnSettings } from '../../../src/domain/tenants/settings.ts';
import { inOperatorTransaction, inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { type Authenticator, anAuthenticator, type Twist } from '../../support/authenticator.ts';
import { aHouse, anOperatorCall, aTenant, aUser, auditOf, endOf, fromAddress, NOON, PASSWORD } from './house.ts';

const SITE: Site = siteOf('https://id.test');
const TWO = 'urn:gatehouse:acr:2fa';

describe('signing in with a passkey', () => {
  const house = aHouseOnce();

  /** A person with a password and a passkey. */
  async function somebody(settings: OwnSettings = {}) {
    const { passwords, passkeys } = house();
    const tenant = await aTenant({ settings });
    const ann = await aUser(tenant);
    await passwords.set(tenant, ann.id, PASSWORD);
    const authenticator = anAuthenticator({ origin: SITE.origin });
    const by = { userId: ann.id, proof: { amr: ['pwd'], authTime: tenant.now }, signIn: 'a test' };
    const attestation = authenticator.create(await passkeys.registrationOptions(tenant, by, SITE));
    await passkeys.register(tenant, by, { site: SITE, attestation });
    return { tenant, ann, authenticator };
  }

  type Browser = { browser?: string; deviceCookie?: string };

  async function withPasskey(
    call: Omit<TenantCall, 'tenantId'> & Partial<Pick<TenantCall, 'tenantId'>>,
    authenticator: Authenticator,
    { twist = {} as Twist, ...browser }: Browser & { twist?: Twist } = {},
  ): Promise<Outcome> {
    const { options } = await house().signIn.passkeyOptions(call, { site: SITE, ...browser });
    return house().signIn.withPasskey(call, { site: SITE, assertion: authenticator.get(options, twist), ...browser });
  }

  it('is two factors, leaves the moment and a line in the trail, and makes the browser known', async () => {
    const { tenant, ann, authenticator } = await somebody();
    const outcome = await withPasskey(tenant, authenticator, { browser: 'page' });
    expect(outcome).to.include({ kind: 'signed-in', tenantId: tenant.tenantId });
    const amr = ['hwk', 'user', 'mfa'];
    expect(outcome.vouched).to.deep.equal({ userId: ann.id, amr, acr: TWO, authTime: NOON });
    expect(await house().devices.deviceOf(tenant, outcome.deviceCookie, ann.id)).to.be.a('string');
    expect((await auditOf(tenant)).at(-1)).to.deep.equal({
      ...{ action: 'sign_in.succeeded', target: `user:${ann.id}`, details: { amr } },
    });
  });

  it('finds the tenant by the passkey, where none was named', async () => {
    const { tenant, ann, authenticator } = await somebody();
    const outcome = await withPasskey(anOperatorCall(), authenticator);
    expect(outcome).to.include({ kind: 'signed-in', tenantId: tenant.tenantId });
    expect(outcome.vouched).to.include({ userId: ann.id });

    const { options } = await house().signIn.passkeyOptions(anOperatorCall(), { site: SITE });
    const assertion = authenticator.get(options);
    expect(await endOf(house().signIn.withPasskey(tenant, { site: SITE, assertion }))).to.equal('challenge_ended');
  });

  it('belongs to the browser or program that asked', async () => {
    const { tenant, authenticator } = await somebody();
    const { options } = await house().signIn.passkeyOptions(tenant, { site: SITE, browser: 'page' });
    const end = (more: Browser) =>
      endOf(house().signIn.withPasskey(tenant, { site: SITE, assertion: authenticator.get(options), ...more }));
    expect([await end({}), await end({ browser: 'another' }), await end({ browser: 'page' })]).to.deep.equal([
      ...['challenge_ended', 'challenge_ended', 'signed-in'],
    ]);
  });

  it('is answered once', async () => {
    const { tenant, authenticator } = await somebody();
    const { options } = await house().signIn.passkeyOptions(tenant, { site: SITE });
    const assertion = authenticator.get(options);
    const end = () => endOf(house().signIn.withPasskey(tenant, { site: SITE, assertion }));
    expect([await end(), await end()]).to.deep.equal(['signed-in', 'challenge_ended']);
    const other = authenticator.get(options);
    expect(await endOf(house().signIn.withPasskey(tenant, { site: SITE, assertion: other }))).to.equal(
      'challenge_ended',
    );
  });

  it('goes on with what is to be done, as after a password', async () => {
    const { tenant, ann, authenticator } = await somebody();
    await house().passwords.set(tenant, ann.id, PASSWORD, { mustChange: true });
    const outcome = await withPasskey(tenant, authenticator);
    if (outcome.kind !== 'action-needed') throw new Error(outcome.kind);
    expect(outcome.action).to.equal('new-password');
    const next = await house().signIn.withNewPassword(tenant, {
      ticket: outcome.ticket,
      password: 'quiet rivers at dawn',
    });
    expect(next.vouched, 'the proofs stay what they were').to.include({ acr: TWO });
    expect((await auditOf(tenant)).filter(({ action }) => action === 'sign_in.succeeded')).to.have.length(1);
  });

  it('opens to whom the tenant demands two factors of, and to nobody where it has no passkeys', async () => {
    const demanding = await somebody({ mfa: { mode: 'required' } });
    expect(await endOf(withPasskey(demanding.tenant, demanding.authenticator))).to.equal('signed-in');
    for (const mfa of [{ mode: 'off' as const }, { allowedFactors: ['totp' as const] }]) {
      const { tenant, authenticator } = await somebody();
      await settle(tenant, { mfa });
      expect(await endOf(withPasskey(tenant, authenticator))).to.equal('passkey_refused');
      expect((await auditOf(tenant)).at(-1)?.details).to.include({ reason: 'factor_not_allowed' });
    }
  });

  it('opens no account that may not sign in, in no tenant that may not, and says why in the trail only', async () => {
    for (const status of ['suspended', 'deactivated', 'pending']) {
      const { tenant, ann, authenticator } = await somebody();
      await inTransaction(tenant, ({ db, tenantId }) =>
        db('users').where({ tenant_id: tenantId, id: ann.id }).update({ status }),
      );
      expect(await endOf(withPasskey(tenant, authenticator))).to.equal('passkey_refused');
      expect((await auditOf(tenant)).at(-1)).to.deep.equal({
        ...{ action: 'sign_in.refused', target: `user:${ann.id}`, details: { reason: status, by: 'passkey' } },
      });
    }
    const { tenant, authenticator } = await somebody();
    await inOperatorTransaction(tenant, ({ db }) =>
      db('tenants').where({ id: tenant.tenantId }).update({ status: 'suspended' }),
    );
    expect(await endOf(withPasskey(tenant, authenticator))).to.equal('passkey_refused');
  });

  it('of another tenant, of nobody, and one that lies end alike', async () => {
    const { tenant, authenticator } = await somebody();
    const other = await somebody();
    const refusals: [() => Promise<Outcome>, string][] = [
      [() => withPasskey(other.tenant, authenticator), 'unknown_passkey'],
      [() => withPasskey(tenant, authenticator, { twist: { userHandle: Buffer.alloc(16) } }), 'unknown_passkey'],
      [() => withPasskey(tenant, authenticator, { twist: { origin: 'https://evil.test' } }), 'wrong_signature'],
      [() => withPasskey(tenant, authenticator, { twist: { flip: 0x04 } }), 'user_not_verified'],
    ];
    for (const [refused] of refusals) expect(await endOf(refused())).to.equal('passkey_refused');
    const reasons = [...(await auditOf(other.tenant)), ...(await auditOf(tenant))]
      .filter(({ action }) => action === 'sign_in.refused')
      .map(({ details }) => (details as { reason: string }).reason);
    expect(reasons).to.have.members(refusals.map(([, reason]) => reason));
  });

  it('takes a copy out of use, although the sign-in is refused', async () => {
    const { tenant, ann, authenticator } = await somebody();
    await withPasskey(tenant, authenticator, { twist: { counter: 5 } });
    expect(await endOf(withPasskey(tenant, authenticator, { twist: { counter: 5 } }))).to.equal('passkey_refused');
    expect((await house().factors.list(tenant, ann.id))[0]).to.include({ flagged: true });
    const told = (await auditOf(tenant)).slice(-2).map(({ action, details }) => [action, details]);
    expect(told).to.deep.include(['sign_in.refused', { reason: 'copied_passkey', by: 'passkey' }]);
    expect(await endOf(withPasskey(tenant, authenticator, { twist: { counter: 6 } }))).to.equal('passkey_refused');
    const password = await house().signIn.withPassword(tenant, { identifier: ann.email, password: PASSWORD });
    expect(password, 'and the password alone still opens nothing').to.include({ kind: 'factor-needed' });
  });

  it('counts refusals of an address, and never keeps out who holds the passkey', async () => {
    const { tenant, authenticator } = await somebody();
    const here = fromAddress(tenant);
    const lying = { twist: { userHandle: Buffer.alloc(16) } };
    for (let tries = 0; tries < LIMITS.addressFailures; tries++)
      expect(await endOf(withPasskey(here, authenticator, lying))).to.equal('passkey_refused');
    expect(await endOf(withPasskey(here, authenticator, lying))).to.equal('rate_limited');
    expect((await auditOf(tenant)).filter(({ action }) => action === 'sign_in.refused')).to.have.length(
      LIMITS.addressFailures,
    );
    expect(await endOf(withPasskey(here, authenticator))).to.equal('signed-in');
  });

  describe('after the password', () => {
    type Question = { challengeId: never; factors: readonly string[] };

    async function asked(tenant: TenantCall, email: string, browser: Browser = {}): Promise<Question> {
      const outcome = await house().signIn.withPassword(tenant, { identifier: email, password: PASSWORD, ...browser });
      expect(outcome.kind).to.equal('factor-needed');
      return outcome as never;
    }

    async function answering(
      tenant: TenantCall,
      { challengeId }: Question,
      authenticator: Authenticator,
      { twist = {} as Twist, remember = false, ...more }: Browser & { twist?: Twist; remember?: boolean } = {},
    ): Promise<Outcome> {
      const question = { challengeId, browser: more.browser };
      const options = await house().challenges.webauthnOptions(tenant, question, SITE);
      const assertion = authenticator.get(options, twist);
      return house().signIn.withFactor(tenant, {
        ...question,
        factor: 'webauthn',
        assertion,
        site: SITE,
        remember,
        deviceCookie: more.deviceCookie,
      });
    }

    it('is the second factor, with the person’s own only, also where its user was not verified', async () => {
      const { tenant, ann, authenticator } = await somebody();
      const question = await asked(tenant, ann.email);
      expect(question.factors).to.deep.equal(['webauthn', 'backup_code']);
      const options = await house().challenges.webauthnOptions(tenant, { ...question, browser: undefined }, SITE);
      expect(options.allowCredentials?.map(({ id }) => id)).to.deep.equal([
        authenticator.credentials[0]!.id.toString('base64url'),
      ]);
      expect(options.userVerification).to.equal('preferred');
      const outcome = await answering(tenant, question, authenticator, { twist: { flip: 0x04 } });
      expect(outcome.vouched).to.deep.include({ amr: ['pwd', 'hwk', 'user', 'mfa'], acr: TWO });
    });

    it('is that of the question, and of its browser, tenant and site', async () => {
      const { tenant, ann, authenticator } = await somebody();
      const [one, other] = [await asked(tenant, ann.email), await asked(tenant, ann.email)];
      const options = await house().challenges.webauthnOptions(tenant, { ...other, browser: undefined }, SITE);
      const end = (more: object) => endOf(answering(tenant, one, authenticator, more));
      expect(await end({ twist: { challenge: options.challenge } }), 'another question').to.equal('factor_wrong');
      const login = await house().signIn.passkeyOptions(tenant, { site: SITE });
      expect(await end({ twist: { challenge: login.options.challenge } }), 'a sign-in').to.equal('factor_wrong');
      expect(await end({ twist: { origin: 'https://evil.test' } })).to.equal('factor_wrong');
      expect(await end({ browser: 'another' })).to.equal('challenge_ended');
      expect(await end({})).to.equal('signed-in');
      expect(await end({}), 'answered').to.equal('challenge_ended');
    });

    it('of somebody else is none', async () => {
      const { tenant, ann } = await somebody();
      const bob = await somebodyAt(tenant);
      const question = await asked(tenant, ann.email);
      const options = await house().challenges.webauthnOptions(tenant, { ...question, browser: undefined }, SITE);
      for (const twist of [{}, { userHandle: null }]) {
        const assertion = bob.get({ ...options, allowCredentials: [] }, { ...twist, credential: bob.credentials[0]! });
        const given = { challengeId: question.challengeId, browser: undefined, assertion, site: SITE };
        expect(await endOf(house().signIn.withFactor(tenant, { ...given, factor: 'webauthn' }))).to.equal(
          'factor_wrong',
        );
      }
    });

    it('is not asked for on a browser that was told to remember', async () => {
      const { tenant, ann, authenticator } = await somebody({ mfa: { rememberDeviceDays: 30 } });
      const page = { browser: 'page' };
      const first = await answering(tenant, await asked(tenant, ann.email, page), authenticator, {
        ...page,
        remember: true,
      });
      const again = { identifier: ann.email, password: PASSWORD, ...page, deviceCookie: first.deviceCookie };
      expect(await endOf(house().signIn.withPassword(tenant, again))).to.equal('signed-in');
    });

    it('is no way past five tries, and none of the account’s', async () => {
      const { tenant, ann, authenticator } = await somebody();
      const question = await asked(tenant, ann.email);
      const wrong = () => endOf(answering(tenant, question, authenticator, { twist: { rpId: 'evil.test' } }));
      for (let tries = 0; tries < LIMITS.challengeTries; tries++) expect(await wrong()).to.equal('factor_wrong');
      expect(await wrong()).to.equal('challenge_ended');
      for (let round = 0; round < 3; round++) {
        const next = await asked(tenant, ann.email);
        for (let tries = 0; tries < 4; tries++)
          await endOf(answering(tenant, next, authenticator, { twist: { rpId: 'evil.test' } }));
        expect(await endOf(answering(tenant, next, authenticator))).to.equal('signed-in');
      }
    });

    it('steps a session up, whose time stays', async () => {
      const { tenant, ann, authenticator } = await somebody();
      const authTime = new Date(NOON.getTime() - 3_600_000);
      const session = { userId: ann.id, amr: ['pwd'], authTime };
      const question = (await house().signIn.stepUp(tenant, session, {})) as never as Question;
      const outcome = await answering(tenant, question, authenticator);
      expect(outcome.vouched).to.deep.equal({ userId: ann.id, amr: ['pwd', 'hwk', 'user', 'mfa'], acr: TWO, authTime });
    });
  });

  /** Another person of a tenant, and their authenticator. */
  async function somebodyAt(tenant: TenantCall): Promise<Authenticator> {
    const { id: userId } = await aUser(tenant);
    const authenticator = anAuthenticator({ origin: SITE.origin });
    const by = { userId, proof: { amr: ['pwd'], authTime: tenant.now }, signIn: 'another test' };
    const attestation = authenticator.create(await house().passkeys.registrationOptions(tenant, by, SITE));
    await house().passkeys.register(tenant, by, { site: SITE, attestation });
    return authenticator;
  }
});

/** One house for the tests of a suite. */
function aHouseOnce() {
  let made: ReturnType<typeof aHouse> | undefined;
  return () => {
    made ??= aHouse();
    return made;
  };
}

async function settle(call: TenantCall, settings: OwnSettings): Promise<void> {
  await inOperatorTransaction(call, ({ db }) =>
    db('tenants')
      .where({ id: call.tenantId })
      .update({ settings: JSON.stringify(settings) }),
  );
}
