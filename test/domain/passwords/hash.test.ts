import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { loadNodeRs, loadReference, parseArgon2 } from '../../../src/domain/passwords/argon2.ts';
import {
  createHasher,
  type HasherSettings,
  type HashRun,
  type StoredHash,
} from '../../../src/domain/passwords/hash.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';

const COST = { memoryKib: 8_192, passes: 1 };
const COST_TEXT = 'm=8192,t=1,p=1';

function aHasher(settings: Partial<HasherSettings> = {}) {
  const runs: HashRun[] = [];
  return { ...createHasher({ ...COST, onRun: (run) => runs.push(run), ...settings }), runs };
}

const foreign = (hash: string): StoredHash => ({ hash, pepperId: null, normalForm: null });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof Failure ? error.code : String(error)),
  );

describe('a hashed password', () => {
  it('opens to itself and to no other, and is a PHC string of argon2id', async () => {
    const hasher = aHasher();
    const stored = await hasher.hash('correct horse');

    expect(stored.hash).to.match(/^\$argon2id\$v=19\$m=8192,t=1,p=1\$/);
    expect(await hasher.verify(stored, 'correct horse')).to.equal(true);
    expect(await hasher.verify(stored, 'correct horsf')).to.equal(false);
    expect(hasher.needsRehash(stored)).to.equal(false);
  });

  it('is told apart beyond the 72nd byte', async () => {
    const hasher = aHasher();
    const stored = await hasher.hash(`${'x'.repeat(72)}a`);
    expect(await hasher.verify(stored, `${'x'.repeat(72)}b`)).to.equal(false);
    expect(await hasher.verify(stored, `${'x'.repeat(72)}a`)).to.equal(true);
  });

  it('keeps NUL and spaces, and takes both normal forms of a letter for one', async () => {
    const hasher = aHasher();
    const stored = await hasher.hash(' caf\u00e9\u0000 ');
    expect(stored.normalForm).to.equal('NFC');
    expect(await hasher.verify(stored, ' cafe\u0301\u0000 ')).to.equal(true);
    expect(await hasher.verify(stored, ' caf\u00e9\u0000')).to.equal(false);
    expect(await hasher.verify(stored, ' caf\u00e9')).to.equal(false);
    expect(await hasher.verify(stored, 'caf\u00e9\u0000 ')).to.equal(false);
  });

  it('is refused when it is no well-formed string of at most 256 characters', async () => {
    const hasher = aHasher();
    const values = [
      '\ud800abcdefgh',
      'abcdefgh\udc00',
      'x'.repeat(257),
      42,
      ['p', 'w'],
      [112, 119],
      {},
      null,
      true,
      undefined,
    ];
    for (const value of values) {
      expect(await codeOf(hasher.hash(value as string))).to.equal('invalid_input');
      expect(await codeOf(hasher.verify(undefined, value as string))).to.equal('invalid_input');
    }
    expect(hasher.runs).to.deep.equal([]);
    expect(await codeOf(hasher.hash('\u{1f600}'.repeat(LIMITS.passwordMaxChars)))).to.equal('no failure');
  });
});

describe('a stored hash that cannot be trusted', () => {
  const tag = 'mp31FEmDawYMYyraQxsMzxy4DJjrN7kPx9NAXfxvKCQ';
  const salt = 'dBWqAVIe9zRv24euWlxScQ';
  const bad = [
    '',
    'garbage',
    '$2b$',
    '$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234',
    `$argon2id$v=19$m=19456,t=2,p=1$${salt}$`,
    `$argon2id$v=19$m=19456,t=2,p=1$${salt}$AAAA`,
    `$argon2id$v=19$m=4294967295,t=2,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=19456,t=1000000,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=19456,t=2,p=200$${salt}$${tag}`,
    `$argon2id$v=19$m=7,t=1,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=19456,t=2,p=1$${salt.slice(1)}$${tag}`,
    `$scrypt$ln=30,r=8,p=1$${salt}$${tag}`,
    `pbkdf2_sha256$9999999$salt$${tag}=`,
    `$6$rounds=999999999$saltstring$${'a'.repeat(86)}`,
    `$P$Z12345678${'a'.repeat(22)}`,
    `${'$argon2id$v=19$m=19456,t=2,p=1$'.padEnd(100_000, 'A')}`,
  ];

  it('opens to nobody, throws nothing, and costs one verification with the present parameters', async () => {
    for (const hash of bad) {
      const hasher = aHasher();
      expect(await hasher.verify(foreign(hash), 'whatever'), hash.slice(0, 60)).to.equal(false);
      expect(hasher.runs, hash.slice(0, 60)).to.deep.equal([{ kind: 'verify', cost: COST_TEXT }]);
    }
  });

  it('opens to nobody when its pepper is not known', async () => {
    const stored = await aHasher({ pepper: randomBytes(32) }).hash('correct horse');
    const hasher = aHasher({ pepper: randomBytes(32) });
    expect(await hasher.verify(stored, 'correct horse')).to.equal(false);
    expect(hasher.runs).to.deep.equal([{ kind: 'verify', cost: COST_TEXT }]);
  });
});

describe('no account at all', () => {
  it('costs one verification with the present parameters', async () => {
    const hasher = aHasher();
    expect(await hasher.verify(undefined, 'whatever')).to.equal(false);
    expect(hasher.runs).to.deep.equal([{ kind: 'verify', cost: COST_TEXT }]);
  });
});

describe('a pepper', () => {
  it('is needed to open what was hashed with it', async () => {
    const pepper = randomBytes(32);
    const stored = await aHasher({ pepper }).hash('correct horse');
    expect(await aHasher({ pepper }).verify(stored, 'correct horse')).to.equal(true);
    expect(await aHasher().verify({ ...stored, pepperId: null }, 'correct horse')).to.equal(false);
  });

  it('that was replaced still opens, and asks for a new hash', async () => {
    const [old, present] = [randomBytes(32), randomBytes(32)];
    const stored = await aHasher({ pepper: old }).hash('correct horse');
    const plain = await aHasher().hash('correct horse');
    const hasher = aHasher({ pepper: present, previousPeppers: [old] });

    expect(await hasher.verify(stored, 'correct horse')).to.equal(true);
    expect(await hasher.verify(plain, 'correct horse')).to.equal(true);
    expect(hasher.needsRehash(stored)).to.equal(true);
    expect(hasher.needsRehash(plain)).to.equal(true);
    expect(hasher.needsRehash(await hasher.hash('correct horse'))).to.equal(false);
  });
});

describe('a hash is due for replacement', () => {
  it('when type, memory, passes or normal form are not the present ones', async () => {
    const hasher = aHasher();
    const stored = await hasher.hash('correct horse');
    expect(aHasher({ memoryKib: 9_000 }).needsRehash(stored)).to.equal(true);
    expect(aHasher({ passes: 2 }).needsRehash(stored)).to.equal(true);
    expect(hasher.needsRehash({ ...stored, hash: stored.hash.replace('argon2id', 'argon2i') })).to.equal(true);
    expect(hasher.needsRehash({ ...stored, normalForm: null })).to.equal(true);
    expect(hasher.needsRehash(foreign('{SSHA}abc'))).to.equal(true);
  });
});

describe('the queue of hashes', () => {
  it('runs as many as there are places, lets the line wait, and refuses the one past it', async () => {
    const hasher = aHasher({ atOnce: 2 });
    const all = Array.from({ length: 2 + LIMITS.hashQueue }, () => hasher.verify(undefined, 'x'));
    expect(hasher.load().argon2).to.deep.equal({ running: 2, waiting: LIMITS.hashQueue });

    expect(await codeOf(hasher.verify(undefined, 'one too many'))).to.equal('busy');
    expect(await Promise.all(all)).to.deep.equal(all.map(() => false));
    expect(hasher.load().argon2).to.deep.equal({ running: 0, waiting: 0 });
    expect(await codeOf(hasher.verify(undefined, 'again'))).to.equal('no failure');
  });
});

describe('the two argon2 libraries', () => {
  it('open each other’s hashes, with and without a pepper', async () => {
    const [fast, reference] = [await loadNodeRs(), await loadReference()];
    const cost = { memoryKib: 8_192, passes: 1, lanes: 1 };
    for (const secret of [undefined, randomBytes(32)]) {
      const [a, b] = [await fast.hash('pässword', cost, secret), await reference.hash('pässword', cost, secret)];
      expect(parseArgon2(a)).to.include({ type: 'argon2id', ...cost });
      expect(parseArgon2(b)).to.include({ type: 'argon2id', ...cost });
      expect(await reference.verify(a, 'pässword', secret)).to.equal(true);
      expect(await fast.verify(b, 'pässword', secret)).to.equal(true);
      expect(await fast.verify(b, 'password', secret)).to.equal(false);
    }
  });
});
