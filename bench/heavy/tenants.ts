import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchServer } from '../database.ts';
import { firstToken } from '../flows.ts';
import { openConnection } from '../http-connection.ts';
import { rssMb } from '../machine.ts';
import { median, quantile, rounded, table } from '../numbers.ts';
import { applyTenants, type BenchProcess, startGatehouse } from '../servers.ts';
import { giveSigningKeys } from '../signing-keys.ts';
import { slugOf, writeBlueprint } from '../site.ts';

export type TenantsOptions = {
  tenants: number;
  /** Tenants that nobody has asked for since they were made: their first request makes their keys. */
  cold: number;
  /** Tenants, each with its keys, that are asked for one after the other, to see what stays in memory. */
  warm: number;
  restarts: number;
  /** Milliseconds after a start before its memory is read. */
  restMs?: number;
};

type Node = { tenants: number; applyMs: number; startMs: number; idleMb: number };

export type TenantsFigures = {
  few: Node;
  many: Node;
  /** Milliseconds of the first request to a tenant: a token for a machine, keys made on the way. */
  cold: { count: number; medianMs: number; p95Ms: number; worstMs: number };
  /** The same for a tenant that has its keys already, and is only not in memory. */
  woken: { count: number; medianMs: number };
  /** Memory after so many different tenants have been served. */
  memory: { served: number; mb: number }[];
};

const FEW = 10;

/** Ten tenants and many, each on a database of their own: what the many cost a node that starts, rests, and serves them. */
export async function heavyTenants(server: BenchServer, options: TenantsOptions): Promise<TenantsFigures> {
  const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-heavy-'));
  try {
    const few = await measureNode(server, FEW, scratch, options);
    const many = await measureNode(server, options.tenants, scratch, options);
    const node = await startGatehouse(many.database, '/ready');
    try {
      const cold = await firstRequests(node, 0, options.cold);
      await giveSigningKeys(many.database);
      const woken = await firstRequests(node, options.cold, Math.min(options.cold, options.tenants - options.cold));
      return {
        few: few.figures,
        many: many.figures,
        cold: {
          count: cold.length,
          medianMs: rounded(median(cold), 1),
          p95Ms: rounded(quantile(cold, 0.95), 1),
          worstMs: rounded(Math.max(...cold), 1),
        },
        woken: { count: woken.length, medianMs: rounded(median(woken), 1) },
        memory: await memoryWhileServing(node, options),
      };
    } finally {
      await node.stop();
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

async function measureNode(
  server: BenchServer,
  tenants: number,
  scratch: string,
  { restarts, restMs = 4_000 }: TenantsOptions,
) {
  const database = await server.create();
  const applyMs = await applyTenants(database, writeBlueprint(join(scratch, `${tenants}.yaml`), tenants));
  const [starts, memory]: [number[], number[]] = [[], []];
  // The first start makes the installation; those after it are measured.
  await (await startGatehouse(database, '/ready')).stop();
  for (let restart = 0; restart < restarts; restart++) {
    const node = await startGatehouse(database, '/ready');
    starts.push(node.startMs);
    await delay(restMs);
    memory.push(rssMb(node.pid));
    await node.stop();
  }
  const figures: Node = {
    tenants,
    applyMs: Math.round(applyMs),
    startMs: Math.round(median(starts)),
    idleMb: rounded(median(memory), 1),
  };
  return { database, figures };
}

/** One request each to tenants that follow one another. @returns milliseconds of each */
async function firstRequests(node: BenchProcess, from: number, count: number): Promise<number[]> {
  const connection = await openConnection(node.port);
  const times: number[] = [];
  for (let tenant = from; tenant < from + count; tenant++) {
    const began = performance.now();
    await firstToken(connection, `/t/${slugOf(tenant)}`);
    times.push(performance.now() - began);
  }
  connection.close();
  return times;
}

async function memoryWhileServing(
  node: BenchProcess,
  { warm, tenants }: TenantsOptions,
): Promise<TenantsFigures['memory']> {
  const readings: TenantsFigures['memory'] = [];
  const connection = await openConnection(node.port);
  const last = Math.min(warm, tenants);
  for (let tenant = 0; tenant < last; tenant++) {
    await firstToken(connection, `/t/${slugOf(tenant)}`);
    const served = tenant + 1;
    if (served % 500 === 0 || served === last) readings.push({ served, mb: Math.round(rssMb(node.pid)) });
  }
  connection.close();
  return readings;
}

export function reportTenants({ few, many, cold, woken, memory }: TenantsFigures): string {
  const nodes = table(
    ['tenants', 'apply ms', 'start to first 200, ms', 'idle MB'],
    [few, many].map(({ tenants, applyMs, startMs, idleMb }) => [tenants, applyMs, startMs, idleMb]),
  );
  const requests = table(
    ['first request to a tenant', 'requests', 'median ms', 'p95 ms', 'worst ms'],
    [
      ['that has no keys yet', cold.count, cold.medianMs, cold.p95Ms, cold.worstMs],
      ['that is not in memory', woken.count, woken.medianMs, '', ''],
    ],
  );
  const held = table(
    ['different tenants served', 'MB'],
    memory.map(({ served, mb }) => [served, mb]),
  );
  return [nodes, requests, held].join('\n\n');
}
