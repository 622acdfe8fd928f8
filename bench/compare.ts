import { type Flow, type Measured, prepareLoad } from './load.ts';
import { median, rounded } from './numbers.ts';

export type Side = { port: number; pid: number };
export type RoundSettings = { rounds: number; seconds: number; warmSeconds: number; concurrency: number };
export type Figures = { perSecond: number; p50Ms: number; p99Ms: number; cpuMsEach: number };

/** One flow on two servers. A ratio above 1 means that Gatehouse does more, or with less. */
export type Comparison = { name: string; bare: Figures; gatehouse: Figures; ratio: number; cpuRatio: number };

/** Measures one flow on both servers in turn, A B A B, so that what the machine does besides falls on both. */
export async function compare(
  sides: { bare: Side; gatehouse: Side },
  flows: { bare: Flow<unknown>; gatehouse: Flow<unknown> },
  { rounds, seconds, warmSeconds, concurrency }: RoundSettings,
): Promise<Comparison> {
  const bare = await prepareLoad(sides.bare, flows.bare, concurrency);
  const gatehouse = await prepareLoad(sides.gatehouse, flows.gatehouse, concurrency);
  await bare.run(warmSeconds);
  await gatehouse.run(warmSeconds);
  const measured: { bare: Measured[]; gatehouse: Measured[] } = { bare: [], gatehouse: [] };
  for (let round = 0; round < rounds; round++) {
    measured.bare.push(await bare.run(seconds));
    measured.gatehouse.push(await gatehouse.run(seconds));
  }
  bare.close();
  gatehouse.close();
  const [a, b] = [figuresOf(measured.bare), figuresOf(measured.gatehouse)];
  return {
    name: flows.gatehouse.name,
    bare: a,
    gatehouse: b,
    ratio: rounded(b.perSecond / a.perSecond),
    cpuRatio: rounded(a.cpuMsEach / b.cpuMsEach),
  };
}

/** The median of each figure over the rounds. */
export function figuresOf(rounds: readonly Figures[]): Figures {
  const middle = (figure: keyof Figures) => median(rounds.map((round) => round[figure]));
  return {
    perSecond: Math.round(middle('perSecond')),
    p50Ms: rounded(middle('p50Ms')),
    p99Ms: rounded(middle('p99Ms')),
    cpuMsEach: rounded(middle('cpuMsEach'), 3),
  };
}
