import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A node as an operator runs it: a process of its own, that is told things by its environment and by signals. */
export type NodeProcess = {
  child: ChildProcess;
  port: number;
  /** All that it has printed so far. */
  printed(): string;
  /** Resolves when it has printed this; rejects when it ends before. */
  hasPrinted(text: string | RegExp): Promise<void>;
  /** Ends it in good order. @returns the exit code */
  stop(): Promise<number | null>;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
};

const running = new Set<ChildProcess>();
const folders = new Set<string>();

/** A new DATA_DIR for one installation. */
export function aDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-start-'));
  folders.add(folder);
  return join(folder, 'var');
}

/** Starts a process with these settings and nothing else of our environment. */
export function startProcess(
  settings: Record<string, string>,
  script: readonly string[] = ['src/main.ts'],
): NodeProcess {
  const child = spawn(process.execPath, ['--disable-proto=delete', ...script], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_COMPILE_CACHE: 'var/compile-cache', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let text = '';
  const exited = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const matches = (wanted: string | RegExp) => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text));
  return {
    child,
    port: Number(settings['PORT']),
    printed: () => text,
    hasPrinted: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (matches(wanted)) resolve();
        };
        child.stdout?.on('data', look);
        child.stderr?.on('data', look);
        exited.then((code) =>
          matches(wanted) ? resolve() : reject(new Error(`it ended with ${code} and printed:\n${text}`)),
        );
        look();
      }),
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Kills the embedded database of a DATA_DIR, all of it at once. */
export function killDatabase(dataDir: string): void {
  const pid = Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGKILL');
}

/** After a suite: ends what a failed test has left running, and removes the folders. */
export async function endProcesses(): Promise<void> {
  for (const child of running) {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  for (const folder of folders) {
    try {
      killDatabase(join(folder, 'var'));
    } catch {
      // It was stopped by its node.
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
  folders.clear();
}

/** TCP ports that nobody listens on now. */
export async function freePorts<const N extends number>(count: N): Promise<number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      return probe;
    }),
  );
  return Promise.all(
    probes.map(async (probe) => {
      const { port } = probe.address() as AddressInfo;
      probe.close();
      await once(probe, 'close');
      return port;
    }),
  );
}
