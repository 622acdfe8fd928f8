import { expect } from 'chai';
import { verifyAssertion } from '../../../src/domain/factors/webauthn.ts';
import { readAssertion } from '../../../src/domain/factors/webauthn-response.ts';
import { authenticationJson, FLAG, type Twist } from '../../support/authenticator.ts';
import { ORIGIN } from '../../support/w3c-vectors.ts';
import { ALGORITHMS, aCredential } from './ceremonies.ts';

const bytesOf = (json: ReturnType<typeof authenticationJson>) => ({
  clientData: Buffer.from(json.response.clientDataJSON, 'base64url'),
  authData: Buffer.from(json.response.authenticatorData, 'base64url'),
  signature: Buffer.from(json.response.signature, 'base64url'),
});

describe('the use of a passkey', function () {
  this.timeout(60_000);

  for (const alg of ALGORITHMS) {
    it(`is accepted with ${alg}, and says what happened`, async () => {
      const { get, stored } = aCredential(alg, { synced: true });
      expect(await verifyAssertion(readAssertion(get({ counter: 9 })), stored)).to.deep.equal({
        signCount: 9,
        backedUp: true,
        userVerified: true,
      });
    });

    it(`is refused with ${alg} where one bit is another`, async () => {
      const { get, judging } = aCredential(alg);
      const id = Buffer.from(get().id, 'base64url');
      const whole = bytesOf(get());
      const ends = new Set<string>();
      for (const part of ['authData', 'clientData', 'signature'] as const) {
        for (let bit = 0; bit < whole[part].length * 8; bit++) {
          const changed = Buffer.from(whole[part]);
          changed[bit >> 3]! ^= 1 << (bit & 7);
          ends.add(await judging(authenticationJson(id, { ...whole, [part]: changed })));
        }
      }
      expect([...ends]).to.have.members(['refused', 'invalid_input']);
      expect(await judging(authenticationJson(id, whole))).to.equal('accepted');
    });

    it(`is refused with ${alg} where it is cut short or goes on`, async () => {
      const { get, judging } = aCredential(alg);
      const id = Buffer.from(get().id, 'base64url');
      const whole = bytesOf(get());
      const ends = new Set<string>();
      for (const part of ['authData', 'clientData', 'signature'] as const) {
        for (let length = 0; length < whole[part].length; length++)
          ends.add(await judging(authenticationJson(id, { ...whole, [part]: whole[part].subarray(0, length) })));
        for (const more of [Buffer.alloc(1), Buffer.from(' '), Buffer.alloc(500), whole[part]])
          ends.add(await judging(authenticationJson(id, { ...whole, [part]: Buffer.concat([whole[part], more]) })));
      }
      expect([...ends]).to.have.members(['refused', 'invalid_input']);
    });
  }

  const UNTRUE: Record<string, Twist> = {
    'of another site': { rpId: 'example.com' },
    'of a parent domain': { rpId: 'org' },
    'of a domain below': { rpId: 'www.example.org' },
    'from another origin': { origin: 'https://example.com' },
    'from another port': { origin: `${ORIGIN}:8443` },
    'without TLS': { origin: 'http://example.org' },
    'from a host below': { origin: 'https://www.example.org' },
    'from an origin in capitals': { origin: 'https://EXAMPLE.org' },
    'from an origin with a slash': { origin: `${ORIGIN}/` },
    'from an application': { origin: 'android:apk-key-hash:AAAA' },
    'that is a registration': { type: 'webauthn.create' },
    'of another kind': { type: 'payment.get' },
    'in a frame of another site': { crossOrigin: true, topOrigin: 'https://example.com' },
    'in a frame that is not named': { crossOrigin: true },
    'in a frame of our own': { topOrigin: ORIGIN },
    'with a word for true': { crossOrigin: 'true' },
    'without anybody there': { flip: FLAG.UP },
    'that goes from device to device now': { flip: FLAG.BE },
    'that is backed up and cannot be': { flip: FLAG.BS },
  };
  for (const [what, twist] of Object.entries(UNTRUE)) {
    it(`is refused ${what}`, async () => {
      const { using } = aCredential();
      expect(await using()).to.equal('accepted');
      expect(await using(twist)).to.equal('refused');
    });
  }

  it('is refused when the credential was for several devices and is for one now', async () => {
    const { using } = aCredential('ES256', { synced: true });
    expect(await using({ flip: FLAG.BS })).to.equal('accepted');
    expect(await using({ flip: FLAG.BE | FLAG.BS })).to.equal('refused');
  });

  it('tells that the user was not verified, and gives the counter as it is: both are for others to judge', async () => {
    const { get, stored } = aCredential('ES256', { verifies: false });
    const use = await verifyAssertion(readAssertion(get({ counter: 0 })), stored);
    expect(use).to.deep.equal({ signCount: 0, backedUp: false, userVerified: false });
  });

  it('is refused with the key of another credential', async () => {
    const [one, other] = [aCredential(), aCredential()];
    expect(await one.judging(other.get())).to.equal('refused');
  });

  it('is no request that is not of one form', async () => {
    const { get, judging } = aCredential();
    const { response, ...outer } = get();
    const wrong: unknown[] = [
      undefined,
      null,
      'text',
      [],
      {},
      { ...outer, response: null },
      { ...outer, response: [] },
      { ...outer, response, id: undefined },
      { ...outer, response, rawId: 'AAAA' },
      { ...outer, response, type: 'password' },
      { ...outer, response, id: `${outer.id}=`, rawId: `${outer.id}=` },
      { ...outer, response: { ...response, signature: 5 } },
      { ...outer, response: { ...response, signature: '' } },
      { ...outer, response: { ...response, signature: `${response.signature}\n` } },
      { ...outer, response: { ...response, signature: response.signature.replace(/^./, '+') } },
      { ...outer, response: { ...response, userHandle: '' } },
      { ...outer, response: { ...response, userHandle: 'A'.repeat(88) } },
      { ...outer, response: { ...response, clientDataJSON: Buffer.from('[]').toString('base64url') } },
      { ...outer, response: { ...response, clientDataJSON: Buffer.from('{"type":5}').toString('base64url') } },
      { ...outer, response: { ...response, clientDataJSON: Buffer.from([0xff]).toString('base64url') } },
    ];
    for (const one of wrong) expect(await judging(one), JSON.stringify(one)).to.equal('invalid_input');
  });
});
