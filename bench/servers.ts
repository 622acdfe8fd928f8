import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openConnection } from './http-connection.ts';
import { canPin, SERVER_CORE } from './machine.ts';

/** A server in a process of its own, on the server's core. */
export type BenchProcess = {
  port: number;
  pid: number;
  /** Milliseconds from the start of the process to its first answer with status 200. */
  startMs: number;
  stop(): Promise<void>;
};

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const MASTER_KEY = randomBytes(32).toString('base64url');
const POLL_MS = 3;
const START_MS = 60_000;
/** As `npm start` runs it: these flags, and the compiled sources of the last start. */
const FLAGS = ['--disable-proto=delete', '--max-semi-space-size=8'];
const COMPILE_CACHE = file('../var/compile-cache');

/** The environment of a node as in production, but for the request limits per address: all requests come from one. */
export function gatehouseEnvironment(databaseUrl: string, port: number): Record<string, string> {
  return {
    NODE_ENV: 'production',
    PORT: String(port),
    PUBLIC_URL: `http://localhost:${port}`,
    DATABASE_URL: databaseUrl,
    GATEHOUSE_MASTER_KEY: MASTER_KEY,
    ADMIN_PASSWORD: 'a long pass phrase for the bench',
    LOG_LEVEL: 'warn',
    RATE_LIMITS: 'false',
  };
}

/** Starts Gatehouse on a database. @param path what must answer 200 before the start counts as done */
export async function startGatehouse(
  databaseUrl: string,
  path: string,
  { flags = [], settings = {} }: { flags?: readonly string[]; settings?: Record<string, string> } = {},
): Promise<BenchProcess> {
  const port = await freePort();
  const environment = { ...gatehouseEnvironment(databaseUrl, port), ...settings };
  return startProcess('../src/main.ts', { environment, port, path, flags });
}

/** Starts the bare core: oidc-provider with everything in memory. */
export async function startBare(): Promise<BenchProcess> {
  const port = await freePort();
  return startProcess('./bare-provider.ts', {
    environment: { PORT: String(port) },
    port,
    path: '/.well-known/openid-configuration',
    flags: [],
  });
}

/** Applies a file of tenants with the command line, as an operator would. @returns milliseconds it took */
export async function applyTenants(databaseUrl: string, blueprint: string): Promise<number> {
  const started = performance.now();
  execFileSync(process.execPath, [file('../src/cli/gatehouse.ts'), 'apply', blueprint, '--json'], {
    env: { ...process.env, ...gatehouseEnvironment(databaseUrl, 1) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return performance.now() - started;
}

/** Runs a script to its end on the server's core. @returns what it printed */
export function runOnServerCore(name: string): string {
  const [command, ...args] = pinned([process.execPath, ...FLAGS, file(name)]);
  return execFileSync(command!, args, { encoding: 'utf8', env: { ...process.env, UV_THREADPOOL_SIZE: '16' } });
}

type ProcessOptions = { environment: Record<string, string>; port: number; path: string; flags: readonly string[] };

async function startProcess(script: string, { environment, port, path, flags }: ProcessOptions): Promise<BenchProcess> {
  const [command, ...args] = pinned([process.execPath, ...FLAGS, ...flags, file(script)]);
  const { PATH, HOME } = process.env;
  const started = performance.now();
  const child = spawn(command!, args, {
    cwd: file('..'),
    env: { PATH, HOME, UV_THREADPOOL_SIZE: '16', NODE_COMPILE_CACHE: COMPILE_CACHE, ...environment },
    // Its log is at level warn: whatever it says belongs beside the figures, not among them.
    stdio: ['ignore', process.stderr, 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    await firstOk(child, port, path, started + START_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid!, startMs: performance.now() - started, stop };
}

async function firstOk(child: ChildProcess, port: number, path: string, until: number): Promise<void> {
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode} before it answered.`);
    try {
      const connection = await openConnection(port);
      const { status } = await connection.send('GET', path);
      connection.close();
      if (status === 200) return;
    } catch {
      // It does not listen yet.
    }
    await delay(POLL_MS);
  }
  throw new Error('The server did not answer in time.');
}

/** `taskset` replaces itself by the command, so the process keeps its id. */
function pinned(command: readonly string[]): readonly string[] {
  return canPin() ? ['taskset', '-c', String(SERVER_CORE), ...command] : command;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
