import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { BenchServer } from '../database.ts';
import { type Answer, headerOf, openConnection } from '../http-connection.ts';
import { median, quantile, rounded, table } from '../numbers.ts';
import { applyTenants, type BenchProcess, startGatehouse } from '../servers.ts';
import { slugOf, USER, writeBlueprint } from '../site.ts';

export type GuessesOptions = {
  /** Wrong passwords, each from an address of its own. */
  guesses: number;
  /** How many are under way at once. */
  atOnce: number;
  /** Settings of the node beside the usual ones. */
  settings?: Record<string, string>;
};

export type GuessesFigures = {
  guesses: number;
  /** Wrong passwords that were compared with the right one; the others were held and learnt nothing. */
  lookedAt: number;
  held: number;
  /** All answers to guesses, by status. */
  statuses: Record<string, number>;
  /** How many different bodies there were, apart from ids and times. */
  bodies: number;
  guessMs: { median: number; p95: number };
  perSecond: number;
  /** The owner, during and after the attack: status and milliseconds. */
  owner: { during: { status: number; ms: number }[]; after: number };
  /** Somebody elsewhere who has the right password. */
  strangerWithPassword: number;
};

/** Addresses that RFC 2544 gives to benchmarks: each guess comes from another one. */
const addressOf = (guess: number) => `198.${18 + (guess >> 16)}.${(guess >> 8) & 255}.${guess & 255}`;

/**
 * Wrong passwords for one account from ever other addresses, as many at once as are told, while its owner signs in on a
 * browser that is known. What was looked at stands in the audit trail.
 */
export async function heavyGuesses(server: BenchServer, options: GuessesOptions): Promise<GuessesFigures> {
  const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-heavy-'));
  try {
    const database = await server.create();
    await applyTenants(database, writeBlueprint(join(scratch, 'one.yaml'), 1));
    const settings = { RATE_LIMITS: 'true', TRUSTED_PROXIES: '127.0.0.0/8', ...options.settings };
    const node = await startGatehouse(database, '/ready', { settings });
    try {
      return await attack(node, database, options);
    } finally {
      await node.stop();
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

async function attack(node: BenchProcess, database: string, options: GuessesOptions): Promise<GuessesFigures> {
  const { guesses, atOnce } = options;
  const first = await login(node, USER.password, '192.0.2.1');
  const device = /(?:^|\r\n)set-cookie: *(gh_device=[^;]+)/i.exec(first.head)?.[1];
  if (first.status !== 200 || !device) throw new Error(`the owner cannot sign in: ${first.head}`);
  let visits = 1;
  // On the move: an address has five logins a minute, whoever they are.
  const asOwner = () => timed(() => login(node, USER.password, `192.0.2.${++visits}`, device));

  const times: number[] = [];
  const statuses: Record<string, number> = {};
  const bodies = new Set<string>();
  const during: { status: number; ms: number }[] = [];
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let guess = next++; guess < guesses; guess = next++) {
        const { answer, ms } = await timed(() => login(node, `wrong password ${guess}`, addressOf(guess)));
        times.push(ms);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
        bodies.add(answer.body.replace(/"(requestId|timestamp)":"[^"]*"/g, ''));
        if (guess % Math.ceil(guesses / 10) === 0) {
          const owner = await asOwner();
          during.push({ status: owner.answer.status, ms: rounded(owner.ms, 1) });
        }
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const after = await asOwner();
  const stranger = await login(node, USER.password, addressOf(guesses + 1));
  const reasons = await reasonsOf(database);
  return {
    guesses,
    lookedAt: reasons['wrong_credentials'] ?? 0,
    held: (reasons['held'] ?? 0) - (stranger.status === 401 ? 1 : 0),
    ...{ statuses, bodies: bodies.size, perSecond: Math.round(guesses / seconds) },
    guessMs: { median: rounded(median(times), 1), p95: rounded(quantile(times, 0.95), 1) },
    owner: { during, after: after.answer.status },
    strangerWithPassword: stranger.status,
  };
}

/** One login of v1, from an address as a trusted proxy would name it. */
async function login(node: BenchProcess, password: string, address: string, cookie?: string): Promise<Answer> {
  const connection = await openConnection(node.port);
  const headers = `x-forwarded-for: ${address}\r\nx-tenant-slug: ${slugOf(0)}\r\n${cookie ? `cookie: ${cookie}\r\n` : ''}`;
  try {
    return await connection.send('POST', '/api/v1/auth/login', {
      headers,
      json: JSON.stringify({ email: USER.email, password }),
    });
  } finally {
    connection.close();
  }
}

async function timed(work: () => Promise<Answer>): Promise<{ answer: Answer; ms: number }> {
  for (;;) {
    const began = performance.now();
    const answer = await work();
    const ms = performance.now() - began;
    // The line before the hashes was full: whoever is told so comes again.
    if (answer.status !== 503 || headerOf(answer, 'retry-after') === undefined) return { answer, ms };
  }
}

/** Why logins were refused, as the audit trail has it. */
async function reasonsOf(database: string): Promise<Record<string, number>> {
  const client = new pg.Client(database);
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('gatehouse.operator', 'on', true)`);
    const { rows } = await client.query<{ reason: string; count: number }>(
      `select details ->> 'reason' as reason, count(*)::int from audit_events where action = 'sign_in.refused' group by 1`,
    );
    return Object.fromEntries(rows.map(({ reason, count }) => [reason, count]));
  } finally {
    await client.end();
  }
}

export function reportGuesses(figures: GuessesFigures): string {
  const { owner, guessMs } = figures;
  const slowest = Math.max(...owner.during.map(({ ms }) => ms));
  return table(
    ['wrong passwords for one account, each from another address', ''],
    [
      ['guesses', figures.guesses],
      ['at once, per second', figures.perSecond],
      ['looked at', figures.lookedAt],
      ['held', figures.held],
      ['answers by status', JSON.stringify(figures.statuses)],
      ['different bodies, apart from ids and times', figures.bodies],
      ['median and p95 of a guess, ms', `${guessMs.median} / ${guessMs.p95}`],
      ['the owner on a known browser meanwhile', owner.during.map(({ status }) => status).join(' ')],
      ['the slowest of these, ms', slowest],
      ['the owner afterwards', owner.after],
      ['a stranger with the right password', figures.strangerWithPassword],
    ],
  );
}
