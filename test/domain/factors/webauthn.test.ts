import { createHash, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { siteOf, verifyAssertion, verifyAttestation } from '../../../src/domain/factors/webauthn.ts';
import { readAssertion, readAttestation } from '../../../src/domain/factors/webauthn-response.ts';
import { attestationObject, cbor, coseKey, FLAG, registrationJson, type Twist } from '../../support/authenticator.ts';
import { ORIGIN, type Vector, w3cVector } from '../../support/w3c-vectors.ts';
import { ALGORITHMS, aCreation, exampleSite, judged, registering } from './ceremonies.ts';

describe('the test vectors of WebAuthn Level 3', () => {
  /** SHA-256 (its first half) over what §16 prints: both client data, the attestation where there is none, the assertion. */
  const PUBLISHED: readonly [hash: string, end: 'accepted' | 'refused', vector: Vector][] = [
    ['649874d44aab0a7e', 'accepted', w3cVector({ name: 'none.ES256' })],
    ['e8f7a744566926e8', 'accepted', w3cVector({ name: 'none.ES256.long-credential-id', idLength: 1_023 })],
    ['bf2ca948f7578dba', 'refused', w3cVector({ name: 'none.ES256.crossOrigin', crossOrigin: true })],
    ['c28e83d5df5647c4', 'refused', w3cVector({ name: 'none.ES256.topOrigin', crossOrigin: true, topOrigin: true })],
    ['ccc6406cdfa2e1d0', 'accepted', w3cVector({ name: 'packed-self.ES256' })],
    ['270e86597d331633', 'accepted', w3cVector({ name: 'packed.ES256', attestationValues: 2 })],
    ['5fc63d679dcb1e48', 'accepted', w3cVector({ name: 'packed.RS256', alg: 'RS256', attestationValues: 2 })],
    ['5b07a350ca24a19f', 'accepted', w3cVector({ name: 'packed.EdDSA', alg: 'EdDSA', attestationValues: 2 })],
    ['ec9b98716fd25c96', 'accepted', w3cVector({ name: 'tpm.ES256', attestationValues: 2 })],
    ['0d6fcdbccacbaa63', 'accepted', w3cVector({ name: 'android-key.ES256', attestationValues: 1 })],
    ['a9cc80c9bffe4eba', 'accepted', w3cVector({ name: 'apple.ES256', attestationValues: 1 })],
    ['a49b528683e6939d', 'accepted', w3cVector({ name: 'fido-u2f.ES256', attestationValues: 2, isU2f: true })],
  ];

  for (const [hash, end, { name, registration, authentication, bytes }] of PUBLISHED) {
    it(`${name}: without attestation and in use it is ${end}`, async () => {
      const { created, attestation, got, authData, signature } = bytes;
      const printed = [created, ...(name.startsWith('none') ? [attestation] : []), got, authData, signature];
      const digest = createHash('sha256').update(Buffer.concat(printed)).digest('hex');
      expect(digest.slice(0, 16), 'these are the published bytes').to.equal(hash);

      expect(await registering(registration.json)).to.equal(end);
      const { publicKey, backupEligible } = end === 'accepted' ? await made(registration.json) : NOBODY;
      expect(
        await judged(() =>
          verifyAssertion(readAssertion(authentication.json), { site: exampleSite, publicKey, backupEligible }),
        ),
      ).to.equal(end);
    });

    const format = name.split('.')[0]!.replace('packed-self', 'packed');
    if (format === 'none') continue;
    it(`${name}: its attestation is refused before anything is read of it, and nothing is fetched`, async () => {
      const { fetch } = globalThis;
      globalThis.fetch = () => Promise.reject(new Error('something was fetched'));
      try {
        const data = bytes.attestation.subarray(bytes.attestation.indexOf('authData') + 8);
        const authData = data.subarray(data[0] === 0x59 ? 3 : 2);
        const attStmt = new Map<string, unknown>([
          ['alg', -7],
          ['sig', bytes.signature],
          ['x5c', [bytes.created]],
        ]);
        const object = attestationObject(authData, format, attStmt);
        const id = Buffer.from(registration.json.id, 'base64url');
        expect(await registering(registrationJson(id, bytes.created, object))).to.equal('refused');
      } finally {
        globalThis.fetch = fetch;
      }
    });
  }

  const NOBODY = { publicKey: Buffer.from([0]), backupEligible: false };

  async function made(json: unknown) {
    const credential = await verifyAttestation(readAttestation(json), { site: exampleSite });
    if (!credential) throw new Error('refused');
    return credential;
  }
});

describe('a new passkey', function () {
  this.timeout(60_000);
  for (const alg of ALGORITHMS) {
    it(`is accepted with ${alg}, with a key that can be stored`, async () => {
      const json = aCreation({ counter: 5 }, alg);
      const credential = await verifyAttestation(readAttestation(json), { site: exampleSite });
      expect(credential).to.deep.include({ signCount: 5, backupEligible: false, backedUp: false });
      expect(credential?.aaguid).to.equal('00000000-0000-0000-0000-000000000000');
    });
  }

  const UNTRUE: Record<string, Twist> = {
    'of another site': { rpId: 'example.com' },
    'of a parent domain': { rpId: 'org' },
    'from another origin': { origin: 'https://example.com' },
    'that is a sign-in': { type: 'webauthn.get' },
    'in a frame of another site': { crossOrigin: true, topOrigin: 'https://example.com' },
    'in a frame that is not named': { crossOrigin: true },
    'in a frame of our own': { topOrigin: ORIGIN },
    'without anybody there': { flip: FLAG.UP },
    'that is backed up and cannot be': { flip: FLAG.BS },
    'without a credential': { flip: FLAG.AT },
    'with extensions that are not there': { flip: FLAG.ED },
    'of a format that is none': { fmt: 'None' },
    'with a statement': { attStmt: new Map([['alg', -7]]) },
  };
  for (const [what, twist] of Object.entries(UNTRUE)) {
    it(`is refused ${what}`, async () => {
      expect(await registering(aCreation(twist))).to.equal('refused');
    });
  }

  it('is refused under another id than the authenticator made', async () => {
    const json = aCreation();
    const id = Buffer.alloc(32, 1).toString('base64url');
    expect(await registering({ ...json, id, rawId: id })).to.equal('refused');
  });

  it('is refused with a key of another algorithm, another curve, or that is no key', async () => {
    const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey;
    const rsa = (modulusLength: number, publicExponent = 65_537) =>
      generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey;
    const part = (name: string) => Buffer.from((ec('P-256').export({ format: 'jwk' }) as never)[name], 'base64url');
    const map = (...entries: [number, unknown][]) => cbor(new Map(entries));
    const big = Buffer.alloc(520, 0xff);
    const keys: Record<string, Buffer> = {
      'of P-384': map([1, 2], [3, -35], [-1, 2], [-2, Buffer.alloc(48)], [-3, Buffer.alloc(48)]),
      'of P-384 that says ES256': coseKey(ec('P-384')),
      'RSA of 1024 bits': coseKey(rsa(1_024)),
      'RSA of 4160 bits': map([1, 3], [3, -257], [-1, big], [-2, Buffer.from([1, 0, 1])]),
      'RSA with a large exponent': map([1, 3], [3, -257], [-1, big.subarray(0, 256)], [-2, Buffer.alloc(5, 1)]),
      PS256: map([1, 3], [3, -37], [-1, big.subarray(0, 256)], [-2, Buffer.from([1, 0, 1])]),
      'ML-DSA-44': map([1, 7], [3, -48], [-1, Buffer.alloc(1_312, 1)]),
      'no point of the curve': map([1, 2], [3, -7], [-1, 1], [-2, part('x')], [-3, part('x')]),
      'half a point': map([1, 2], [3, -7], [-1, 1], [-2, part('x')]),
      'a short Ed25519 key': map([1, 1], [3, -8], [-1, 6], [-2, Buffer.alloc(31)]),
      'Ed25519 that says ES256': map([1, 1], [3, -7], [-1, 6], [-2, Buffer.alloc(32)]),
      'no algorithm': map([1, 2], [-1, 1], [-2, part('x')], [-3, part('y')]),
      'no map': cbor([1, 2]),
      nothing: Buffer.alloc(0),
    };
    for (const [what, cose] of Object.entries(keys))
      expect(await registering(aCreation({ cose })), what).to.equal('refused');
    // And a key of 4,096 bits is one.
    expect(await registering(aCreation({ cose: coseKey(rsa(4_096)) }))).to.equal('accepted');
  });

  it('is refused wherever it is cut short, goes on, or one of its first bits is another', async () => {
    const json = aCreation();
    const object = Buffer.from(json.response.attestationObject, 'base64url');
    const clientData = Buffer.from(json.response.clientDataJSON, 'base64url');
    const id = Buffer.from(json.id, 'base64url');
    const end = (bytes: Buffer) => registering(registrationJson(id, clientData, bytes));
    const ends = new Set<string>();
    for (let length = 0; length < object.length; length++) ends.add(await end(object.subarray(0, length)));
    for (const more of [Buffer.alloc(1), cbor(new Map()), object]) ends.add(await end(Buffer.concat([object, more])));
    const before = object.indexOf('authData') + 10;
    for (let bit = 0; bit < before * 8; bit++) {
      const changed = Buffer.from(object);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      ends.add(await end(changed));
    }
    expect([...ends]).to.have.members(['refused', 'invalid_input']);
    expect(await end(object)).to.equal('accepted');
  });
});

describe('a site', () => {
  it('is the host and the origin of an issuer, wherever it is mounted', () => {
    expect(siteOf('https://id.example.com/t/acme')).to.deep.equal({
      origin: 'https://id.example.com',
      rpId: 'id.example.com',
    });
    expect(siteOf('http://localhost:3000')).to.deep.equal({ origin: 'http://localhost:3000', rpId: 'localhost' });
  });
});
