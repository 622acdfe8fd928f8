import { createPool } from '../../src/database/pool.ts';
import type { JobId } from '../../src/kernel/ids.ts';
import { benchRooms } from './user-rooms.ts';

// A node that does one import and nothing else. Its parent may kill it at any moment.

const [url, masterKey, id] = process.argv.slice(2) as [string, string, JobId];
const db = createPool(url, { max: 4, name: 'import node' });
const { jobs } = benchRooms(Buffer.from(masterKey, 'base64url'));
const operator = { db, actor: { kind: 'system', name: 'jobs' }, now: new Date() } as const;

for (;;) {
  const work = await jobs.take({ ...operator, now: new Date() }, new AbortController().signal, { only: id });
  if (work) {
    await work();
    break;
  }
  // Whoever had it is dead, and its lease is not over yet.
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const megabytes = (process.resourceUsage().maxRSS / 1024).toFixed(0);
process.stdout.write(`${JSON.stringify({ peakMb: Number(megabytes) })}\n`);
await db.destroy();
