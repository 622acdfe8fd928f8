import { expect } from 'chai';
import { newId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { anAddress, auditOf, endOf, fromAddress, HOLDER, later, outboxOf, PASSWORD } from '../recovery/house.ts';
import { asOperator } from '../sign-in/house.ts';
import { statementsOf } from '../sign-in/statements.ts';
import { aDraft, aRegistry, type Registry } from './registry.ts';

describe('registration', () => {
  let house: Registry;
  before(() => {
    house = aRegistry();
  });

  describe('where an address must be proven', () => {
    it('makes nobody before the letter was answered', async () => {
      const call = await house.openTenant();
      const draft = aDraft();
      const { user, verificationRequired } = await house.register(call, draft);
      expect(verificationRequired).to.equal(true);
      expect(user).to.include({ email: draft.email, status: 'pending', emailVerified: false, firstName: 'Ann' });
      expect(await house.usersOf(call)).to.deep.equal([]);
      const login = { identifier: draft.email, password: PASSWORD };
      expect(await endOf(house.signIn.withPassword(call, login))).to.equal('invalid_credentials');

      const { code, found } = await house.proofOf(call);
      expect(found.to, 'a stranger’s words do not stand in a letter').to.deep.equal({ name: '', address: draft.email });
      const made = await house.enrolment.confirmByCode(call, { holder: HOLDER, code });
      expect(made.user).to.include({ id: user.id, status: 'active', emailVerified: true });
      expect(await endOf(house.signIn.withPassword(later(call, 1), login))).to.equal('ok');
      expect((await house.lettersOf(call)).map(({ template }) => template)).to.deep.equal(['verify-email', 'welcome']);
      expect(await auditOf(call)).to.include.members(['registration.requested', 'user.created', 'user.registered']);
    });

    it('answers alike, after the same work, whoever has the address; one letter goes to it either way', async () => {
      const call = await house.openTenant();
      const owner = await house.aUser(call);
      await house.registration.rulesOf(call);
      const seen: { statements: string[]; runs: unknown; answer: unknown }[] = [];
      for (const email of [`free-${newId()}@example.com`, owner.email, owner.email.toUpperCase()]) {
        house.runs.length = 0;
        let answer: unknown;
        const statements = await statementsOf(async () => {
          const { user, ...rest } = await house.register(call, aDraft({ email }));
          answer = { ...rest, user: { ...user, id: '', email: '', emailCanonical: '' } };
        });
        seen.push({ statements, runs: [...house.runs], answer });
      }
      expect(seen[0]!.runs).to.deep.equal([{ kind: 'hash', cost: 'm=8192,t=1,p=1' }]);
      for (const other of seen) expect(other).to.deep.equal(seen[0]);

      const letters = await house.lettersOf(call);
      expect(letters.map(({ template }) => template)).to.deep.equal([
        'verify-email',
        'account-exists',
        'account-exists',
      ]);
      expect(letters[1]!.to).to.deep.equal({ name: 'Ann', address: owner.email });
      expect(JSON.stringify(letters[1]!.values)).to.equal('{"link":{"path":"/"},"recovery":{"path":"/recovery"}}');
    });

    it('carries wishes out with the same statements, but for the letter’s words', async () => {
      const call = await house.openTenant();
      const owner = await house.aUser(call);
      const counts: number[] = [];
      for (const email of [`free-${newId()}@example.com`, owner.email]) {
        await house.register(call, aDraft({ email }));
        const wish = (await outboxOf(call))
          .filter(({ kind, deliveredAt }) => kind === 'registration' && !deliveredAt)
          .at(-1)!;
        counts.push((await statementsOf(() => house.registration.carryOut(call, wish))).length);
      }
      expect(counts[0]).to.equal(counts[1]);
    });

    it('keeps neither address, name, password nor proofs in a form that can be read, and the wish no longer than needed', async () => {
      const call = await house.openTenant();
      const draft = aDraft();
      await house.register(call, draft);
      const before = JSON.stringify(await outboxOf(call));
      const { token, code } = await house.proofOf(call);
      const outbox = await outboxOf(call);
      expect(outbox.find(({ kind }) => kind === 'registration')!.payload).to.deep.equal({});
      const rows = JSON.stringify(
        await asOperator(call, 'select * from email_tokens where tenant_id = ?', [call.tenantId]),
      );
      for (const secret of [draft.email, 'Archer', PASSWORD, 'argon2'])
        expect(before + JSON.stringify(outbox), secret).not.to.include(secret);
      for (const secret of ['Archer', PASSWORD, 'argon2', token, code, HOLDER])
        expect(rows, secret).not.to.include(secret);
    });

    it('writes once, however often the wish is carried out', async () => {
      const call = await house.openTenant();
      await house.register(call, aDraft());
      const [wish] = await outboxOf(call);
      for (let more = 0; more < 3; more++) await house.registration.carryOut(call, wish!);
      expect((await outboxOf(call)).filter(({ kind }) => kind === 'mail')).to.have.lengthOf(1);
    });

    it('takes three registrations of an address an hour, and thirty of a network', async () => {
      const call = await house.openTenant();
      const email = `ann-${newId()}@example.com`;
      for (const spelled of [email, email.toUpperCase(), ` ${email}`])
        await house.register(call, aDraft({ email: spelled }));
      expect(await endOf(house.register(call, aDraft({ email })))).to.equal('rate_limited');
      expect(await house.lettersOf(call)).to.have.lengthOf(3);
      const at = fromAddress(call, anAddress());
      for (let more = 0; more < LIMITS.recoveriesOfAddress; more++)
        await house.registration.register(at, aDraft({ password: 'short' })).catch(() => {});
      expect(await endOf(house.registration.register(at, aDraft()))).to.equal('rate_limited');
    });

    it('does not keep the owner of an address from recovery', async () => {
      const call = await house.openTenant();
      const owner = await house.aUser(call);
      for (let more = 0; more < 3; more++) await house.register(call, aDraft({ email: owner.email }));
      expect(await endOf(house.recovery.request(fromAddress(call), { identifier: owner.email }))).to.equal('ok');
    });

    it('lets several registrations of one address stand side by side; the first that is proven counts', async () => {
      const call = await house.openTenant();
      const email = `ann-${newId()}@example.com`;
      const [thief, owner] = ['what the thief has chosen', 'what the owner has chosen'];
      await house.register(call, aDraft({ email, password: thief }), { holder: 'the thief’s browser' });
      const first = await house.proofOf(call);
      await house.register(call, aDraft({ email, password: owner }));
      const second = await house.proofOf(call);
      await house.enrolment.confirmByCode(call, { holder: HOLDER, code: second.code });
      const stolen = { holder: 'the thief’s browser', code: first.code };
      expect(await endOf(house.enrolment.confirmByCode(call, stolen))).to.equal('token_invalid');
      expect(await endOf(house.enrolment.verifyEmail(call, first.token))).to.equal('token_invalid');
      const login = (password: string) =>
        endOf(house.signIn.withPassword(later(call, 1), { identifier: email, password }));
      expect([await login(thief), await login(owner)]).to.deep.equal(['invalid_credentials', 'ok']);
    });

    it('sends the letter again to the browser that registered, and to no other', async () => {
      const call = await house.openTenant();
      const owner = await house.aUser(call);
      const email = `ann-${newId()}@example.com`;
      await house.register(call, aDraft({ email }));
      await house.register(call, aDraft({ email: owner.email }));
      const first = await house.lettersOf(call);
      const again = (to: string, holder = HOLDER) =>
        house.registration.resend(fromAddress(call, anAddress()), { email: to, holder });
      await again(email);
      const resent = await house.proofOf(call);
      await again(owner.email);
      expect((await house.lettersOf(call)).at(-1)!.template).to.equal('account-exists');
      await again(email, 'another browser');
      await again(`nobody-${newId()}@example.com`);
      expect(await house.lettersOf(call)).to.have.lengthOf(first.length + 2);
      expect(await endOf(house.enrolment.confirmByCode(call, { holder: HOLDER, code: resent.code }))).to.equal('ok');
      expect(await endOf(again(email)), 'three an hour').to.equal('rate_limited');
    });
  });
});
