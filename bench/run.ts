import '../src/oidc/core-notices.ts';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Comparison, compare, type Figures, figuresOf, type RoundSettings } from './compare.ts';
import { type BenchServer, openBenchServer } from './database.ts';
import { issuerFlows, loginFlow, mixFlow } from './flows.ts';
import { prepareLoad } from './load.ts';
import { canPin, describeMachine, pinSelf, rssMb } from './machine.ts';
import { median, rounded, table } from './numbers.ts';
import { applyTenants, type BenchProcess, runOnServerCore, startBare, startGatehouse } from './servers.ts';
import { giveSigningKeys } from './signing-keys.ts';
import { slugOf, writeBlueprint } from './site.ts';

/** What each figure is meant to reach; a note beside the table, never a test. */
const TARGETS: Record<string, number> = {
  'client_credentials, JWT': 1,
  'introspection, opaque': 0.8,
  'refresh, opaque access token': 0.7,
  'code flow, opaque access token': 0.7,
  discovery: 3,
  JWKS: 3,
};

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    /** Only the flows and parts whose name contains this. */
    only: { type: 'string' },
    tenants: { type: 'string', default: '10000' },
    /** Writes a CPU profile of the node into this folder. */
    profile: { type: 'string' },
  },
});
const settings: RoundSettings = {
  rounds: Number(given.rounds),
  seconds: Number(given.seconds),
  warmSeconds: 2,
  concurrency: 16,
};
const wanted = (name: string) => given.only === undefined || name.includes(given.only);
const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
const say = (text: string) => process.stdout.write(`${text}\n`);
const ISSUER = `/t/${slugOf(0)}`;
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;

type Results = {
  at: string;
  machine: ReturnType<typeof describeMachine>;
  postgres: string;
  settings: RoundSettings;
  flows: Comparison[];
  login?: { hashCpuMs: number; loginCpuMs: number; ratio: number; perSecond: number };
  start?: { gatehouseMs: number; bareMs: number; gatehouseIdleMb: number; bareIdleMb: number };
  tenants?: { count: number; few: Figures; busy: Figures; all: Figures; fewMb: number; manyMb: number };
};

async function main(): Promise<void> {
  pinSelf();
  if (!canPin()) say('Processes cannot be bound to cores here: the figures of server and load mix.');
  const server = await openBenchServer();
  try {
    const results: Results = {
      at: new Date().toISOString(),
      machine: describeMachine(),
      postgres: server.version,
      settings,
      flows: [],
    };
    say(JSON.stringify({ ...results.machine, postgres: server.version }));
    await measureIssuer(server, results);
    if (wanted('tenants')) results.tenants = await compareTenants(server, Number(given.tenants));
    report(results);
  } finally {
    await server.stop();
    rmSync(scratch, { recursive: true });
  }
}

/** All that is measured on one tenant: each flow beside the bare core, a login beside its hash, start and memory. */
async function measureIssuer(server: BenchServer, results: Results): Promise<void> {
  const database = await server.create();
  await applyTenants(database, writeBlueprint(join(scratch, 'ten.yaml'), 10));
  // A first start makes the installation and the tenant's keys: what is measured is a restart.
  await (await startGatehouse(database, DISCOVERY)).stop();
  if (wanted('start')) results.start = await measureStart(database);
  const bare = await startBare();
  const gatehouse = await startGatehouse(
    database,
    DISCOVERY,
    given.profile ? { flags: ['--cpu-prof', `--cpu-prof-dir=${given.profile}`] } : {},
  );
  try {
    const [ofBare, ofGatehouse] = [issuerFlows(''), issuerFlows(ISSUER)];
    for (const [index, flow] of ofGatehouse.entries()) {
      if (!wanted(flow.name)) continue;
      const comparison = await compare({ bare, gatehouse }, { bare: ofBare[index]!, gatehouse: flow }, settings);
      results.flows.push(comparison);
      say(JSON.stringify(comparison));
    }
    if (wanted('login')) results.login = await measureLogin(gatehouse);
  } finally {
    await Promise.all([bare.stop(), gatehouse.stop()]);
  }
}

async function measureLogin(gatehouse: BenchProcess): Promise<NonNullable<Results['login']>> {
  const hashes: number[] = [];
  const logins: Figures[] = [];
  const load = await prepareLoad(gatehouse, loginFlow, 4);
  await load.run(settings.warmSeconds);
  for (let round = 0; round < settings.rounds; round++) {
    hashes.push(Number(runOnServerCore('./bare-hash.ts')));
    logins.push(await load.run(settings.seconds));
  }
  load.close();
  const [hashCpuMs, loginCpuMs] = [median(hashes), median(logins.map(({ cpuMsEach }) => cpuMsEach))];
  return {
    hashCpuMs: rounded(hashCpuMs),
    loginCpuMs: rounded(loginCpuMs),
    ratio: rounded(loginCpuMs / hashCpuMs),
    perSecond: Math.round(median(logins.map(({ perSecond }) => perSecond))),
  };
}

/** Restarts, several times: milliseconds to the first 200, and the memory of a node at rest. */
async function measureStart(database: string): Promise<NonNullable<Results['start']>> {
  const times = { gatehouse: [] as number[], bare: [] as number[] };
  const memory = { gatehouse: [] as number[], bare: [] as number[] };
  for (let round = 0; round < settings.rounds; round++) {
    for (const name of ['bare', 'gatehouse'] as const) {
      const node = name === 'bare' ? await startBare() : await startGatehouse(database, DISCOVERY);
      times[name].push(node.startMs);
      // At rest: what the start left behind has been collected, the first rounds of the jobs are over.
      await delay(4_000);
      memory[name].push(rssMb(node.pid));
      await node.stop();
    }
  }
  return {
    gatehouseMs: Math.round(median(times.gatehouse)),
    bareMs: Math.round(median(times.bare)),
    gatehouseIdleMb: rounded(median(memory.gatehouse), 1),
    bareIdleMb: rounded(median(memory.bare), 1),
  };
}

/** Tenants that are busy at the same time, of however many there are. */
const BUSY = 500;

/**
 * The same mix of requests in turn: over ten tenants, over those that are busy of many, and over all of the many, which
 * is more than a node keeps in memory. Ten and many have a node and a database each.
 */
async function compareTenants(server: BenchServer, count: number): Promise<NonNullable<Results['tenants']>> {
  const few = await startTenants(server, 10);
  const many = await startTenants(server, count);
  const { concurrency, warmSeconds, rounds, seconds } = settings;
  const parts = {
    few: await prepareLoad(few, mixFlow(10), concurrency),
    busy: await prepareLoad(many, mixFlow(count, Math.min(BUSY, count)), concurrency),
    all: await prepareLoad(many, mixFlow(count), concurrency),
  };
  const measured = { few: [] as Figures[], busy: [] as Figures[], all: [] as Figures[] };
  for (const name of ['few', 'busy', 'all'] as const) {
    // Every tenant that is asked for has been met before it is measured.
    await parts[name].run(name === 'few' ? warmSeconds : warmSeconds * 5);
    for (let round = 0; round < rounds; round++) {
      if (name !== 'few') measured.few.push(await parts.few.run(seconds));
      if (name !== 'few') measured[name].push(await parts[name].run(seconds));
    }
  }
  for (const load of Object.values(parts)) load.close();
  const memory = { fewMb: Math.round(rssMb(few.pid)), manyMb: Math.round(rssMb(many.pid)) };
  await Promise.all([few.stop(), many.stop()]);
  const figures = { few: figuresOf(measured.few), busy: figuresOf(measured.busy), all: figuresOf(measured.all) };
  return { count, ...figures, ...memory };
}

async function startTenants(server: BenchServer, tenants: number): Promise<BenchProcess> {
  const database = await server.create();
  const took = await applyTenants(database, writeBlueprint(join(scratch, `${tenants}.yaml`), tenants));
  await giveSigningKeys(database);
  say(`${tenants} tenants applied in ${Math.round(took)} ms`);
  return startGatehouse(database, DISCOVERY);
}

function report(results: Results): void {
  const { flows, login, start, tenants } = results;
  if (flows.length > 0) {
    const head = [
      'flow',
      'bare /s',
      'Gatehouse /s',
      'ratio',
      'target',
      'bare CPU ms',
      'Gatehouse CPU ms',
      'bare p50 ms',
      'Gatehouse p50 ms',
    ];
    say(
      table(
        head,
        flows.map(({ name, bare, gatehouse, ratio }) => [
          name,
          bare.perSecond,
          gatehouse.perSecond,
          ratio.toFixed(2),
          TARGETS[name] ?? '',
          bare.cpuMsEach,
          gatehouse.cpuMsEach,
          bare.p50Ms,
          gatehouse.p50Ms,
        ]),
      ),
    );
  }
  const rows: (string | number)[][] = [];
  if (login)
    rows.push([
      'CPU of a password login, to one hash',
      `${login.loginCpuMs} / ${login.hashCpuMs} ms`,
      login.ratio,
      '<= 1.15',
    ]);
  if (start) {
    rows.push(['start to first 200', `${start.gatehouseMs} ms (bare ${start.bareMs} ms)`, '', '<= 1000 ms']);
    rows.push(['idle memory', `${start.gatehouseIdleMb} MB (bare ${start.bareIdleMb} MB)`, '', '<= 160 MB']);
  }
  if (tenants) {
    const { few, count } = tenants;
    for (const [name, part] of [
      [`${BUSY} of ${count}`, tenants.busy],
      [`all of ${count}`, tenants.all],
    ] as const) {
      rows.push([
        `mix over ${name} tenants, to 10`,
        `${part.perSecond} / ${few.perSecond} per s`,
        rounded(part.perSecond / few.perSecond),
        '>= 0.9',
      ]);
      rows.push([`p50 of it`, `${part.p50Ms} / ${few.p50Ms} ms`, rounded(part.p50Ms / few.p50Ms), '<= 1.1']);
    }
    rows.push(['memory after the mix', `${tenants.manyMb} / ${tenants.fewMb} MB`, '', '']);
  }
  if (rows.length > 0) say(`\n${table(['figure', 'value', 'ratio', 'target'], rows)}`);
  const folder = fileURLToPath(new URL('results', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'latest.json'), `${JSON.stringify(results, null, 2)}\n`);
}

await main();
