import { expect } from 'chai';
import { recogniseHash } from '../../../src/domain/passwords/foreign-hash.ts';
import { createHasher, type HashRun } from '../../../src/domain/passwords/hash.ts';

/** Format, password, hash, and where the pair comes from. */
const VECTORS: [format: string, password: string, hash: string, source: string][] = [
  [
    'argon2',
    'password',
    '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA',
    'phc-winner-argon2, test.c',
  ],
  [
    'argon2',
    'password',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    'phc-winner-argon2, test.c',
  ],
  [
    'argon2',
    'password',
    '$argon2d$v=19$m=65536,p=1,t=2$c29tZXNhbHQ$lV5dWxY6G2C7o1/DbQSWR0+6T2tZrVNihmbwf7L5Pq8',
    'npm argon2, whose parameters stand in another order',
  ],
  ['bcrypt', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'crypt_blowfish, wrapper.c'],
  ['bcrypt', 'U*U*', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK', 'crypt_blowfish, wrapper.c'],
  ['bcrypt', '', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', 'crypt_blowfish, wrapper.c'],
  [
    'scrypt',
    'pleaseletmein',
    '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw',
    'RFC 7914 §12',
  ],
  ['pbkdf2', 'password', '$pbkdf2-sha1$i=4096,l=20$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE', 'RFC 6070 §2'],
  [
    'pbkdf2',
    'Password',
    '$pbkdf2-sha256$i=80000,l=64$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ==',
    'parameters of RFC 7914 §11, by hashlib',
  ],
  [
    'pbkdf2',
    'secret',
    '$pbkdf2-sha512$i=30000,l=64$AAECAwQFBgcICQoLDA0ODw==$Kz3A0jsGvqgTagK4wPhnv1d8DkQCh65AmLlAtsUmidA+m/fYlm7Y1RSTKCQLepUx9etZaBeNVSom6PeVPFAc+A==',
    'hashlib',
  ],
  [
    'pbkdf2',
    'lètmein',
    'pbkdf2_sha256$29000$seasalt$OXvcmd5X4lstJYTdn4pNJCadC+PD0daYfoJ18IQ9vb0=',
    'hashlib, as Django writes it',
  ],
  ['pbkdf2', 'lètmein', 'pbkdf2_sha1$30000$seasalt2$pMzU1zNPcydf6wjnJFbiVKwgULc=', 'Django, test_hashers.py'],
  [
    'pbkdf2',
    'password',
    '$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44',
    'passlib, pbkdf2_sha256',
  ],
  ['phpass', 'test12345', '$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', 'phpass, test.php'],
  ['phpass', 'test12345', '$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', 'the same as phpBB writes it'],
  [
    'sha-crypt',
    'Hello world!',
    '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5',
    'openssl passwd, crypt(3)',
  ],
  [
    'sha-crypt',
    'Hello world!',
    '$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA',
    'openssl passwd, crypt(3)',
  ],
  [
    'sha-crypt',
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    'openssl passwd, crypt(3)',
  ],
  [
    'sha-crypt',
    'Hello world!',
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    'openssl passwd, crypt(3)',
  ],
  [
    'sha-crypt',
    'a very much longer text to encrypt.  This one even stretches over morethan one line.',
    '$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1',
    'openssl passwd, crypt(3)',
  ],
  ['salted-sha', 'testing123', '{SSHA}6+h1HKZirEW2+qbiS61Yq3e0ibhzYWx0c2FsdA==', 'hashlib'],
  ['salted-sha', 'testing123', '{SSHA256}8HExeDpNCLgjCZM23gDUf7v6IyWa7NwuQKllY6PauhpzYWx0c2FsdA==', 'hashlib'],
  [
    'salted-sha',
    'testing123',
    '{SSHA512}jq5/i2CjNQPO79jVc8o98m5QOrPDrp2y2U3K9pB4I0J3zyPyyjOHRRRFJNgc5m4lnQLJhUP4+IPXa9ZLe5fLLXNhbHRzYWx0',
    'hashlib',
  ],
];

describe('a hash of another system', () => {
  for (const [format, password, hash, source] of VECTORS) {
    it(`${hash.slice(0, 24)}… opens to its password only (${source})`, async () => {
      const hasher = createHasher({ memoryKib: 8_192, passes: 1 });
      const stored = { hash, pepperId: null, normalForm: null };

      expect(recogniseHash(hash)).to.equal(format);
      expect(await hasher.verify(stored, password)).to.equal(true);
      expect(await hasher.verify(stored, `${password}x`)).to.equal(false);
      expect(hasher.needsRehash(stored)).to.equal(true);
    });
  }

  it('costs one argon2 verification more when the password is wrong, as an unknown account does', async () => {
    const runs: HashRun[] = [];
    const hasher = createHasher({ memoryKib: 8_192, passes: 1, onRun: (run) => runs.push(run) });
    const stored = { hash: VECTORS.at(-1)![2], pepperId: null, normalForm: null };

    await hasher.verify(stored, 'wrong');

    expect(runs).to.deep.equal([
      { kind: 'foreign', cost: 'salted-sha' },
      { kind: 'verify', cost: 'm=8192,t=1,p=1' },
    ]);
  });

  it('is not recognised when it is of an unknown format or asks for too much', () => {
    const unknown = [
      '',
      'plaintext',
      '5f4dcc3b5aa765d61d8327deb882cf99',
      '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
      '{SSHA}AAAA',
      '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/',
      '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
      '$2b$16$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
      '$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
      `$scrypt$ln=21,r=8,p=1$c2FsdA$${'A'.repeat(43)}`,
      `$scrypt$ln=17,r=8,p=8$c2FsdA$${'A'.repeat(43)}`,
      `pbkdf2_sha256$2000001$seasalt$${'A'.repeat(43)}=`,
      `pbkdf2_md5$1000$seasalt$${'A'.repeat(43)}=`,
      `$pbkdf2-sha256$i=1000,l=64$c2FsdA$${'A'.repeat(43)}`,
      `$5$rounds=1000001$salt$${'a'.repeat(43)}`,
      `$6$salt$${'a'.repeat(43)}`,
      `$P$I12345678${'a'.repeat(22)}`,
      `$argon2id$v=19$m=262145,t=2,p=1$c29tZXNhbHQ$${'A'.repeat(43)}`,
      `$argon2id$v=19$m=65536,m=65536,t=2$c29tZXNhbHQ$${'A'.repeat(43)}`,
      `$argon2id$v=19$m=65536,t=17,p=1$c29tZXNhbHQ$${'A'.repeat(43)}`,
    ];
    expect(
      unknown.map((hash) => [hash, recogniseHash(hash)]).filter(([, format]) => format !== undefined),
    ).to.deep.equal([]);
  });
});
