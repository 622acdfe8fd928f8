/** Chance that a seed repeats. */
export type Chance = {
  /** From 0 up to 1. */
  next(): number;
  /** Whether it happens, of so likely. */
  is(likely: number): boolean;
  /** A whole number below `most`. */
  below(most: number): number;
  pick<T>(all: readonly T[]): T;
};

/** Mulberry32: small, even, and the same everywhere. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (most: number) => Math.floor(next() * most);
  return { next, below, is: (likely) => next() < likely, pick: (all) => all[below(all.length)]! };
}

/** The same chance, with what is seldom ten times as seldom: for requests that get far. */
export function calm(chance: Chance): Chance {
  return { ...chance, is: (likely) => chance.is(likely < SELDOM ? likely / 10 : likely) };
}

const SELDOM = 0.25;
