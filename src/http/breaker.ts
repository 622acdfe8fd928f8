import { LRUCache } from 'lru-cache';
import { LIMITS } from '../kernel/limits.ts';

/** The peer failed so often that it is left alone for a while; nothing was sent. */
export class Resting extends Error {
  constructor() {
    super('the other side has failed several times, and is left alone for a while');
    this.name = 'Resting';
  }
}

type State = { faults: number; restsUntil: number; isTried: boolean };

/**
 * Keeps a peer that hangs from taking the time of all others. After some failures in a row it rests: whoever calls is
 * refused at once. Then one call at a time tries it; each that fails doubles the rest, up to ten minutes, and one that
 * succeeds ends it. A node knows for itself which peers rest.
 */
export function createBreaker({ now = Date.now }: { now?: () => number } = {}) {
  const states = new LRUCache<string, State>({ max: LIMITS.breakerPeers });

  function noteFault(key: string, { faults }: State): void {
    const over = faults + 1 - LIMITS.breakerFaults;
    const rest = over < 0 ? 0 : Math.min(LIMITS.breakerRestMs * 2 ** Math.min(over, 20), LIMITS.breakerMostRestMs);
    states.set(key, { faults: faults + 1, restsUntil: now() + rest, isTried: false });
  }

  return {
    /**
     * Calls a peer, unless it rests.
     *
     * @param isFault which errors are the peer's; any other says that it is well
     * @throws Resting, and what `work` throws
     */
    async run<T>(key: string, work: () => Promise<T>, isFault: (error: unknown) => boolean = () => true): Promise<T> {
      const state = states.get(key) ?? { faults: 0, restsUntil: 0, isTried: false };
      const isIll = state.faults >= LIMITS.breakerFaults;
      if (isIll && (state.isTried || now() < state.restsUntil)) throw new Resting();
      if (isIll) states.set(key, { ...state, isTried: true });
      try {
        const result = await work();
        states.delete(key);
        return result;
      } catch (error) {
        // Others may have failed meanwhile: what is known now counts.
        if (isFault(error)) noteFault(key, states.get(key) ?? state);
        else states.delete(key);
        throw error;
      }
    },
  };
}

export type Breaker = ReturnType<typeof createBreaker>;
