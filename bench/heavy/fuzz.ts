import { type FuzzFigures, type FuzzOptions, fuzz } from '../../test/support/fuzz/fuzz.ts';
import { startNode } from '../../test/support/node.ts';
import type { BenchServer } from '../database.ts';
import { table } from '../numbers.ts';

/** How many faults and slow requests are printed whole. */
const SHOWN = 20;

/** Random requests to every operation of a node on a database of its own; `test/support/fuzz/fuzz.ts` says which. */
export async function heavyFuzz(server: BenchServer, options: FuzzOptions): Promise<FuzzFigures> {
  const settings = { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8', LOG_LEVEL: 'warn' };
  const node = await startNode({ database: await server.create(), settings });
  try {
    const figures = await fuzz(node, options);
    for (const line of node.logged.filter((text) => text.includes('operation failed')).slice(0, SHOWN))
      process.stderr.write(`${line}\n`);
    return figures;
  } finally {
    await node.stop();
  }
}

export function reportFuzz({ requests, seed, operations, statuses, faults, slow, perSecond }: FuzzFigures): string {
  const slowest = slow.sort((a, b) => b.ms - a.ms).slice(0, SHOWN);
  const rows = [
    ['requests', requests],
    ['seed', seed],
    ['operations', operations],
    ['per second', perSecond],
    ['answers by status', JSON.stringify(statuses)],
    ['answers of 5xx, or documented nowhere', faults.length],
    ['longer than a second', slow.length],
  ];
  const details = [...faults.slice(0, SHOWN), ...slowest].map((one) => JSON.stringify(one));
  return [table(['random requests to every operation', ''], rows), ...details].join('\n');
}
