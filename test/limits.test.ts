import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Failure } from '../src/kernel/failure.ts';
import { LIMITS } from '../src/kernel/limits.ts';
import { endProofs } from './support/limit-attempts.ts';
import { AHEAD, type Limit, PROOFS } from './support/limit-proofs.ts';

const outcomeOf = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
    return 'let through';
  } catch (error) {
    return error instanceof Failure ? 'refused' : error;
  }
};

describe('limits', function () {
  this.timeout(60_000);
  after(endProofs);
  const names = Object.keys(LIMITS) as Limit[];
  const textOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

  it('each has a line in this file, and this file no other', () => {
    expect([...Object.keys(PROOFS), ...AHEAD].sort()).to.deep.equal([...names].sort());
  });

  it('each is used', () => {
    const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && path !== join('kernel', 'limits.ts'))
      .map((path) => readFileSync(join('src', path), 'utf8'))
      .join('\n');
    const isUsed = (name: string) => new RegExp(`LIMITS\\.${name}\\b|\\b${name}\\b[^;]*= LIMITS\\b`).test(source);
    expect(names.filter((name) => !isUsed(name))).to.deep.equal(AHEAD);
  });

  it('what a line names is there', () => {
    const missing = Object.entries(PROOFS).filter(([name, proof]) => {
      if ('sizes' in proof) return !new RegExp(`\\b${name}\\b`).test(textOf(proof.sizes));
      return 'file' in proof && !textOf(proof.file).includes(proof.title ?? `LIMITS.${name}`);
    });
    expect(missing).to.deep.equal([]);
  });

  for (const [name, proof] of Object.entries(PROOFS)) {
    if (!('upTo' in proof || 'downTo' in proof)) continue;
    const [attempt, step] = 'upTo' in proof ? [proof.upTo, 1] : [proof.downTo, -1];
    it(`${name}: what is on the limit is let through, and one ${step > 0 ? 'more' : 'less'} is refused`, async () => {
      const limit = LIMITS[name as Limit];
      expect(await outcomeOf(() => attempt(limit))).to.equal('let through');
      expect(await outcomeOf(() => attempt(limit + step))).to.equal('refused');
    });
  }
});
