import { expect } from 'chai';
import type { Outcome } from '../../../src/domain/sign-in/progress.ts';
import type { SettingsChange } from '../../../src/domain/tenants/settings.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { aHouse, anAddress, auditOf, endOf, fromAddress, type House, later, PASSWORD } from '../recovery/house.ts';

const TERMS = { versions: [{ version: '1', documents: { en: { text: 'Be kind.' } } }] };
const VERIFIED = { requireVerifiedEmail: true };
const BROWSER = 'the interaction of this browser';

/** The ticket with another character in its middle. */
function forged(ticket: string): string {
  const middle = ticket.length >> 1;
  return `${ticket.slice(0, middle)}${ticket[middle] === 'A' ? 'B' : 'A'}${ticket.slice(middle + 1)}`;
}

describe('what a tenant demands at sign-in', () => {
  let house: House;
  before(() => {
    house = aHouse();
  });

  async function person(settings: SettingsChange) {
    const call = await house.aTenant(settings);
    const ann = await house.aUser(call);
    return { call, ann };
  }
  const signIn = (call: TenantCall, email: string, browser: string | undefined = BROWSER) =>
    house.signIn.withPassword(fromAddress(call, anAddress()), { identifier: email, password: PASSWORD, browser });

  function needed(outcome: Outcome, action: string): string {
    if (outcome.kind !== 'action-needed') throw new Error(`it is ${outcome.kind}`);
    expect(outcome.action).to.equal(action);
    return outcome.ticket;
  }
  async function codeOf(call: TenantCall): Promise<string> {
    const letter = (await house.lettersOf(call)).at(-1);
    if (letter?.template !== 'verify-email') throw new Error(`the last letter is ${letter?.template}`);
    return letter.values.code!;
  }

  describe('a proven address', () => {
    it('is asked for after the password, by a letter that is on its way, and proven by its code', async () => {
      const { call, ann } = await person({ signIn: VERIFIED });
      const ticket = needed(await signIn(call, ann.email), 'verify-email');
      expect(await auditOf(call)).not.to.include('sign_in.succeeded');
      const code = await codeOf(call);
      const wrong = house.signIn.withEmailCode(call, { ticket, code: '0', browser: BROWSER });
      expect(await endOf(wrong)).to.equal('token_invalid');
      const elsewhere = house.signIn.withEmailCode(call, { ticket, code, browser: 'another' });
      expect(await endOf(elsewhere)).to.equal('token_invalid');
      const outcome = await house.signIn.withEmailCode(call, { ticket, code, browser: BROWSER });
      expect(outcome.kind).to.equal('signed-in');
      expect((await house.users.get(call, ann.id)).emailVerified).to.equal(true);
      expect(await auditOf(call)).to.include('sign_in.succeeded');
      expect((await signIn(call, ann.email)).kind, 'once').to.equal('signed-in');
    });

    it('is proven by the link too, wherever it is opened', async () => {
      const { call, ann } = await person({ signIn: VERIFIED });
      const ticket = needed(await signIn(call, ann.email), 'verify-email');
      needed(await house.signIn.withEmailLink(call, { ticket, browser: BROWSER }), 'verify-email');
      const [letter] = await house.lettersOf(call);
      if (letter?.template !== 'verify-email') throw new Error('no letter');
      await house.verification.confirm(call, letter.values.link.query!['token']!);
      expect((await house.signIn.withEmailLink(call, { ticket, browser: BROWSER })).kind).to.equal('signed-in');
    });

    it('is asked for by one letter, however often somebody signs in, and three an hour when they ask', async () => {
      const { call, ann } = await person({ signIn: VERIFIED });
      const ticket = needed(await signIn(call, ann.email), 'verify-email');
      for (let more = 0; more < 3; more++) await signIn(call, ann.email);
      expect(await house.lettersOf(call)).to.have.lengthOf(1);
      const again = () =>
        endOf(house.signIn.resendEmailCode(fromAddress(call, anAddress()), { ticket, browser: BROWSER }));
      expect([await again(), await again(), await again()]).to.deep.equal(['ok', 'ok', 'rate_limited']);
      const other = await signIn(call, ann.email, 'another browser');
      needed(other, 'verify-email');
      expect(await house.lettersOf(call), 'nobody fails for the fourth').to.have.lengthOf(3);
    });

    it('is told to programs by a letter with a link alone', async () => {
      const { call, ann } = await person({ signIn: VERIFIED });
      const presented = { identifier: ann.email, password: PASSWORD };
      needed(await house.signIn.withPassword(call, presented), 'verify-email');
      const [letter] = await house.lettersOf(call);
      expect(letter?.values).not.to.have.property('code');
    });

    it('is not asked for where it was proven by a recovery letter', async () => {
      const { call, ann } = await person({ signIn: VERIFIED });
      await house.recovery.request(call, { identifier: ann.email });
      const { token } = await house.letter(call);
      await house.recovery.resetByLink(call, { token, password: PASSWORD });
      expect((await signIn(later(call, 1), ann.email)).kind).to.equal('signed-in');
    });

    it('comes before everything else, and the sign-in goes on with what is left', async () => {
      const { call, ann } = await person({ signIn: VERIFIED, terms: TERMS });
      await house.recovery.mustChangePassword(call, ann.id);
      const first = needed(await signIn(call, ann.email), 'verify-email');
      const second = needed(
        await house.signIn.withEmailCode(call, { ticket: first, code: await codeOf(call), browser: BROWSER }),
        'accept-terms',
      );
      const third = needed(
        await house.signIn.withTerms(call, { ticket: second, version: '1', language: 'en', browser: BROWSER }),
        'new-password',
      );
      const outcome = await house.signIn.withNewPassword(call, {
        ticket: third,
        password: 'seven quiet rivers at dawn',
      });
      expect(outcome.kind).to.equal('signed-in');
      expect((await auditOf(call)).filter((action) => action === 'sign_in.succeeded')).to.have.lengthOf(1);
    });
  });

  describe('terms of use', () => {
    it('are accepted once, as they are in force', async () => {
      const { call, ann } = await person({ terms: TERMS });
      const ticket = needed(await signIn(call, ann.email), 'accept-terms');
      expect((await house.signIn.termsFor(call, ticket))?.version).to.equal('1');
      const other = await house.signIn.withTerms(call, { ticket, version: '2', language: 'en', browser: BROWSER });
      needed(other, 'accept-terms');
      const outcome = await house.signIn.withTerms(call, { ticket, version: '1', language: 'en', browser: BROWSER });
      expect(outcome.kind).to.equal('signed-in');
      expect((await signIn(call, ann.email)).kind).to.equal('signed-in');
    });
  });

  describe('a ticket', () => {
    it('is for one action of one person, for ten minutes, with the password that was shown', async () => {
      const { call, ann } = await person({ signIn: VERIFIED, terms: TERMS });
      const ticket = needed(await signIn(call, ann.email), 'verify-email');
      const attempts: Record<string, () => Promise<unknown>> = {
        'another action': () => house.signIn.withTerms(call, { ticket, version: '1', language: 'en' }),
        'an arrival': () => house.signIn.withArrival(call, { ticket }),
        'too late': () => house.signIn.withEmailLink(later(call, LIMITS.signInTicketSeconds), { ticket }),
        'another tenant': async () => house.signIn.withEmailLink(await house.aTenant(), { ticket }),
        forged: () => house.signIn.withEmailLink(call, { ticket: forged(ticket) }),
        empty: () => house.signIn.termsFor(call, ''),
      };
      for (const [which, attempt] of Object.entries(attempts))
        expect([which, await endOf(attempt())]).to.deep.equal([which, 'sign_in_expired']);
      await house.passwords.set(call, ann.id, 'another good sentence');
      expect(await endOf(house.signIn.withEmailLink(call, { ticket }))).to.equal('sign_in_expired');
    });

    it('of an arrival signs in whoever has just made an account, and nobody whose account was closed', async () => {
      const { call, ann } = await person({ terms: TERMS });
      const ticket = await house.signIn.arrival(call, ann.id);
      needed(await house.signIn.withArrival(call, { ticket, browser: BROWSER }), 'accept-terms');
      await house.users.suspend(call, ann.id);
      expect(await endOf(house.signIn.withArrival(call, { ticket, browser: BROWSER }))).to.equal('sign_in_expired');
      expect(await endOf(house.signIn.arrival(call, ann.id))).to.equal('sign_in_expired');
    });
  });
});
