import '../src/oidc/core-notices.ts';
import { type BenchServer, openBenchServer } from './database.ts';
import { heavyFuzz, reportFuzz } from './heavy/fuzz.ts';
import { heavyGuesses, reportGuesses } from './heavy/guesses.ts';
import { heavyImport, reportImport } from './heavy/import.ts';
import { compareStorages, reportStorages } from './heavy/node-storages.ts';
import { heavyNodes, reportNodes } from './heavy/nodes.ts';
import { heavyTenants, reportTenants } from './heavy/tenants.ts';
import { heavyUsersList, reportUsersList } from './heavy/users-list.ts';
import { describeMachine, pinSelf } from './machine.ts';

/** Long runs that no test has the time for; `npm run heavy -- NAME`. Each has a small version among the tests. */
const RUNS: Record<string, () => Promise<string>> = {
  fuzz: () =>
    onServer(async (server) =>
      reportFuzz(
        await heavyFuzz(server, {
          requests: Number(process.argv[3] ?? 100_000),
          seed: Date.now() % 2 ** 31,
          atOnce: 8,
        }),
      ),
    ),
  guesses: () => onServer(async (server) => reportGuesses(await heavyGuesses(server, { guesses: 10_000, atOnce: 32 }))),
  nodes: () =>
    onServer(async (server) =>
      reportNodes(await heavyNodes(server, { fanOut: [10, 100, 10, 10, 9], users: 100_000, places: 20, rounds: 9 })),
    ),
  'node-storages': () =>
    onServer(async (server) =>
      reportStorages(await compareStorages(server, { fanOut: [10, 100, 10, 10, 9], rounds: 5 })),
    ),
  tenants: () =>
    onServer(async (server) =>
      reportTenants(await heavyTenants(server, { tenants: 10_000, cold: 200, warm: 4_000, restarts: 5 })),
    ),
  'users-list': () =>
    onServer(async (server) => reportUsersList(await heavyUsersList(server, { users: 1_000_000, rounds: 9 }))),
  import: () => onServer(async (server) => reportImport(await heavyImport(server, { users: 1_000_000 }))),
};

async function onServer(run: (server: BenchServer) => Promise<string>): Promise<string> {
  const server = await openBenchServer();
  try {
    return await run(server);
  } finally {
    await server.stop();
  }
}

const name = process.argv[2] ?? '';
const run = Object.hasOwn(RUNS, name) ? RUNS[name] : undefined;
if (run) {
  pinSelf();
  process.stdout.write(`${JSON.stringify(describeMachine())}\n${await run()}\n`);
} else {
  process.stderr.write(`Usage: npm run heavy -- ${Object.keys(RUNS).join('|')}\n`);
  process.exitCode = 64;
}
