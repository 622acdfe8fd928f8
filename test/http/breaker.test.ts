import { expect } from 'chai';
import { createBreaker, Resting } from '../../src/http/breaker.ts';
import { LIMITS } from '../../src/kernel/limits.ts';

describe('a breaker', () => {
  const fail = async () => {
    throw new Error('ill');
  };
  const work = async () => 'done';

  /** A breaker with a clock that is moved by hand, and how a call ends. */
  function aBreaker() {
    let now = 0;
    let calls = 0;
    const breaker = createBreaker({ now: () => now });
    const end = (by: () => Promise<string>, key = 'peer', isFault?: () => boolean) =>
      breaker
        .run(
          key,
          () => {
            calls += 1;
            return by();
          },
          isFault,
        )
        .catch((error: unknown) => (error instanceof Resting ? 'rests' : 'failed'));
    return {
      end,
      calls: () => calls,
      pass: (ms: number) => {
        now += ms;
      },
      async break(times: number = LIMITS.breakerFaults) {
        for (let time = 0; time < times; time++) expect(await end(fail)).to.equal('failed');
      },
    };
  }

  it('lets a peer rest after some failures in a row, and others go on', async () => {
    const one = aBreaker();
    await one.break();
    expect(await one.end(work)).to.equal('rests');
    expect(one.calls()).to.equal(LIMITS.breakerFaults);
    expect(await one.end(work, 'another')).to.equal('done');
  });

  it('counts failures in a row only, and only those that are the peer’s', async () => {
    const one = aBreaker();
    await one.break(LIMITS.breakerFaults - 1);
    await one.end(work);
    await one.break(LIMITS.breakerFaults - 1);
    expect(await one.end(fail, 'peer', () => false)).to.equal('failed');
    await one.break(LIMITS.breakerFaults - 1);
    expect(await one.end(work)).to.equal('done');
  });

  it('tries a peer again after its rest, with one call at a time', async () => {
    const one = aBreaker();
    await one.break();
    one.pass(LIMITS.breakerRestMs - 1);
    expect(await one.end(work)).to.equal('rests');
    one.pass(1);
    const trial = Promise.withResolvers<string>();
    const first = one.end(() => trial.promise);
    expect(await one.end(work), 'a second call beside it').to.equal('rests');
    trial.resolve('done');
    expect([await first, await one.end(work)]).to.deep.equal(['done', 'done']);
  });

  it('doubles the rest with each trial that fails, up to ten minutes', async () => {
    const one = aBreaker();
    await one.break();
    let rest: number = LIMITS.breakerRestMs;
    for (let trial = 0; trial < 10; trial++) {
      one.pass(rest - 1);
      expect(await one.end(fail), `before the end of ${rest} ms`).to.equal('rests');
      one.pass(1);
      expect(await one.end(fail), `after ${rest} ms`).to.equal('failed');
      rest = Math.min(rest * 2, LIMITS.breakerMostRestMs);
    }
    expect(rest).to.equal(LIMITS.breakerMostRestMs);
  });

  it('remembers so many peers at most', async () => {
    const one = aBreaker();
    await one.break();
    for (let peer = 0; peer < LIMITS.breakerPeers; peer++) await one.end(fail, `peer ${peer}`);
    expect(await one.end(work)).to.equal('done');
  });
});
