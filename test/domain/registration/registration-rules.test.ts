import { expect } from 'chai';
import type { RegistrationDraft } from '../../../src/domain/registration/registration.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { solved } from '../../support/captcha.ts';
import { anAddress, auditOf, endOf, fromAddress, HOLDER, later, PASSWORD } from '../recovery/house.ts';
import { aDraft, aRegistry, type Registry } from './registry.ts';

describe('registration', () => {
  let house: Registry;
  before(() => {
    house = aRegistry();
  });

  describe('where no address must be proven', () => {
    it('makes the user at once, and says that an address is taken', async () => {
      const call = await house.openTenant({ verifyEmail: false });
      const draft = aDraft();
      const { user, verificationRequired } = await house.register(call, draft);
      expect([verificationRequired, user.status, user.emailVerified]).to.deep.equal([false, 'active', false]);
      expect(
        await endOf(house.signIn.withPassword(later(call, 1), { identifier: draft.email, password: PASSWORD })),
      ).to.equal('ok');
      expect(await endOf(house.register(call, aDraft({ email: draft.email.toUpperCase() })))).to.equal('email_taken');
    });

    it('makes one of two at once', async () => {
      const call = await house.openTenant({ verifyEmail: false });
      const draft = aDraft();
      const ends = await Promise.all([endOf(house.register(call, draft)), endOf(house.register(call, draft))]);
      expect(ends.sort()).to.deep.equal(['email_taken', 'ok']);
      expect(await house.usersOf(call)).to.have.lengthOf(1);
    });

    it('removes, after the days of the tenant, whoever has neither proven nor used it; the address is free again', async () => {
      const call = await house.openTenant({ verifyEmail: false, unverifiedDays: 3 });
      const never = await house.openTenant({ verifyEmail: false, unverifiedDays: 0 });
      const [stale, used, proven, kept] = [aDraft(), aDraft(), aDraft(), aDraft()];
      await house.register(call, stale);
      await house.register(call, used);
      await house.signIn.withPassword(later(call, 1), { identifier: used.email, password: PASSWORD });
      const { user } = await house.register(call, proven);
      await house.users.setVerified(call, user.id, { email: true });
      await house.register(never, kept);
      const other = await house.aUser(call);
      const days = (count: number) => ({
        ...later(call, count * 86_400),
        actor: { kind: 'system', name: 'test' } as const,
      });
      await house.registration.removeUnproven(days(2.9));
      expect(await house.usersOf(call)).to.have.lengthOf(4);
      await house.registration.removeUnproven(days(3.1));
      const left = (await house.usersOf(call)).map(({ email }: { email: string }) => email);
      expect(left).to.have.members([used.email, proven.email, other.email]);
      expect(await house.usersOf(never)).to.have.lengthOf(1);
      expect(await auditOf(call)).to.include('user.removed');
      expect(await endOf(house.register(call, stale))).to.equal('ok');
    });
  });

  describe('where a CAPTCHA is asked for', () => {
    const real = <C extends TenantCall>(call: C): C => ({ ...call, now: new Date() });

    it('needs its answer, once', async () => {
      const call = real(await house.openTenant({ captcha: 'altcha' }));
      expect(await endOf(house.register(call, aDraft()))).to.equal('captcha_failed');
      const captcha = await solved((await house.captcha.challenge(call, { captcha: 'altcha' }))!);
      expect(await endOf(house.register(call, aDraft({ password: 'short' }), { captcha })), 'not used up').to.equal(
        'password_policy',
      );
      expect(await endOf(house.register(call, aDraft(), { captcha }))).to.equal('ok');
      expect(await endOf(house.register(call, aDraft(), { captcha }))).to.equal('captcha_failed');
      expect(await house.lettersOf(call)).to.have.lengthOf(1);
    });

    it('lets fewer through without one, each of whom must prove the address, whatever the tenant says', async () => {
      const call = real(await house.openTenant({ captcha: 'altcha', verifyEmail: false }));
      const at = fromAddress(call, anAddress());
      const way = { holder: HOLDER, withoutCaptcha: true };
      for (let more = 0; more < LIMITS.unprovenRegistrationsOfAddress; more++) {
        const { verificationRequired } = await house.registration.register(at, aDraft(), way);
        expect(verificationRequired).to.equal(true);
      }
      expect(await endOf(house.registration.register(at, aDraft(), way))).to.equal('rate_limited');
      expect(await house.usersOf(call)).to.deep.equal([]);
      const captcha = await solved((await house.captcha.challenge(call, { captcha: 'altcha' }))!);
      expect((await house.registration.register(at, aDraft(), { captcha })).verificationRequired).to.equal(false);
    });

    it('lets a tenant’s robots through two hundred times an hour, from wherever they come', async () => {
      const call = real(await house.openTenant({ captcha: 'altcha' }));
      const draft = () => aDraft({ password: 'short' });
      for (let more = 0; more < LIMITS.unprovenRegistrationsOfTenant; more++)
        expect(await endOf(house.register(call, draft(), { withoutCaptcha: true }))).to.equal('password_policy');
      expect(await endOf(house.register(call, draft(), { withoutCaptcha: true }))).to.equal('rate_limited');
    });

    it('goes on as if there were no JavaScript while the service is away', async () => {
      const call = await house.openTenant({
        captcha: 'turnstile',
        captchaSiteKey: 'k',
        captchaSecret: 's',
        verifyEmail: false,
      });
      const { verificationRequired } = await house.register(call, aDraft(), {
        captcha: 'an answer that nobody can judge',
      });
      expect(verificationRequired).to.equal(true);
    });
  });

  describe('is refused', () => {
    it('where the tenant does not let people in by themselves', async () => {
      const closed = await house.aTenant();
      expect(await endOf(house.register(closed, aDraft()))).to.equal('registration_closed');
      expect(await endOf(house.register(closed, aDraft({ email: 'no address' })))).to.equal('registration_closed');
      const suspended = await house.openTenant();
      await house.tenants.suspend(suspended);
      expect(await endOf(house.register(suspended, aDraft()))).to.equal('registration_closed');
    });

    it('at another tenant than the one that is named, or at none', async () => {
      const [one, two] = [await house.openTenant(), await house.openTenant()];
      const { slug } = await house.tenants.get(two, two.tenantId);
      expect(await endOf(house.register(one, aDraft(), { slug }))).to.equal('cross_tenant');
      for (const name of ['nobody-has-this', 'x'.repeat(64), '../x', 'UPPER', ''])
        expect([name, await endOf(house.register(one, aDraft(), { slug: name }))]).to.deep.equal([
          name,
          'cross_tenant',
        ]);
      const { tenantId: _, ...nowhere } = fromAddress(one, anAddress());
      const named = await house.registration.register(nowhere, aDraft(), { slug });
      expect(named.tenantId).to.equal(two.tenantId);
      expect(await endOf(house.registration.register(nowhere, aDraft())), 'the platform').to.equal(
        'registration_closed',
      );
    });

    it('for what is no plain address or name, before any work', async () => {
      const call = await house.openTenant();
      house.runs.length = 0;
      const wrong: Partial<RegistrationDraft>[] = [
        { email: 'a@x.test\r\nBcc: b@x.test' },
        { email: 'a@x.test,b@x.test' },
        { email: '"a b"@x.test' },
        { email: 'a@[127.0.0.1]' },
        { email: '' },
        { firstName: '' },
        { lastName: ' ' },
        { firstName: 'Ann\r\nBcc: x' },
        { firstName: 'A\u202eB' },
        { lastName: 'x'.repeat(101) },
        { password: '\ud800' },
        { locale: 'not a language' },
      ];
      for (const more of wrong)
        expect([more, await endOf(house.register(call, aDraft(more)))]).to.deep.equal([more, 'invalid_input']);
      expect(house.runs).to.deep.equal([]);
    });

    it('for an address of a domain that the tenant does not take', async () => {
      const call = await house.openTenant({ emailDomains: ['acme.example', 'bücher.example'] });
      for (const email of ['a@acme.example', 'a@ACME.example', 'a@BÜCHER.example', 'a@xn--bcher-kva.example'])
        expect([email, await endOf(house.register(call, aDraft({ email })))]).to.deep.equal([email, 'ok']);
      for (const email of ['a@evil.example', 'a@sub.acme.example', 'a@acme.example.evil.example', 'a@notacme.example'])
        expect([email, await endOf(house.register(call, aDraft({ email })))]).to.deep.equal([email, 'invalid_input']);
    });

    it('for a password that the tenant would not take from its users', async () => {
      const call = await house.openTenant();
      for (const password of ['short', 'password1', 'aaaaaaaaaaaa'])
        expect([password, await endOf(house.register(call, aDraft({ password })))]).to.deep.equal([
          password,
          'password_policy',
        ]);
      expect(await house.lettersOf(call)).to.deep.equal([]);
    });

    it('when it was closed before the letter was answered', async () => {
      const call = await house.openTenant();
      await house.register(call, aDraft());
      const { code } = await house.proofOf(call);
      await house.tenants.updateSettings(call, { registration: { selfService: false } });
      house.forgetTenants();
      expect(await endOf(house.enrolment.confirmByCode(call, { holder: HOLDER, code }))).to.equal(
        'registration_closed',
      );
    });
  });
});
