import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';

const SCRIPT = fileURLToPath(new URL('embedded-node.ts', import.meta.url));
const IS_ROOT = process.getuid?.() === 0;
const SOMEBODY = 65_534;

type Event = { url?: string; log?: string; message?: string; refused?: string; drained?: number; ended?: string };
type Node = { child: ChildProcess; next(): Promise<Event>; exit: Promise<unknown> };

const folders: string[] = [];
const nodes: ChildProcess[] = [];

function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-embedded-'));
  folders.push(folder);
  return join(folder, 'var');
}

function startNode(dataDir: string, ...more: string[]): Node {
  const child = spawn(process.execPath, [SCRIPT, dataDir, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  nodes.push(child);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    child,
    next: async () => JSON.parse((await lines.next()).value ?? '{}') as Event,
    exit: once(child, 'exit'),
  };
}

async function urlOf(node: Node): Promise<string> {
  const event = await node.next();
  expect(event.refused).to.equal(undefined);
  return event.url!;
}

async function kill(node: Node): Promise<void> {
  node.child.kill('SIGKILL');
  await node.exit;
}

async function end(node: Node): Promise<void> {
  node.child.kill('SIGTERM');
  await node.exit;
}

async function ask<Row extends object>(url: string, text: string): Promise<Row> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows[0]!;
  } finally {
    await client.end();
  }
}

const STARTED = 'select pg_postmaster_start_time()::text as at';

function postmasterOf(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
  }
}

async function killPostmaster(dataDir: string, url: string): Promise<void> {
  const witness = new pg.Client(url);
  witness.on('error', () => {});
  await witness.connect();
  const ended = new Promise((resolve) => witness.once('end', resolve));
  process.kill(postmasterOf(dataDir), 'SIGKILL');
  await ended;
}

function isStopped(dataDir: string): boolean {
  return !existsSync(join(dataDir, 'postgres/postmaster.pid'));
}

describe('the embedded database', () => {
  after(() => {
    for (const node of nodes) node.kill('SIGKILL');
    for (const folder of folders) {
      const dataDir = join(folder, 'var');
      // Only after a test that failed; its own folder, so its own process.
      if (existsSync(join(dataDir, 'postgres/postmaster.pid'))) killIfAlive(postmasterOf(dataDir));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });

  it('is owned by a role that row-level security binds, keeps what it has committed, and is not on the network', async () => {
    const node = startNode(newDataDir());
    const facts = await ask(
      await urlOf(node),
      `select current_user as role, rolsuper or rolbypassrls as exempt, pg_get_userbyid(datdba) as owner,
         current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, current_setting('listen_addresses') as network
       from pg_roles, pg_database where rolname = current_user and datname = current_database()`,
    );
    expect(facts).to.deep.equal({
      role: 'gatehouse',
      exempt: false,
      owner: 'gatehouse',
      fsync: 'on',
      commit: 'on',
      network: '',
    });
    await end(node);
  });

  it('lets in only its own account and root', async () => {
    const dataDir = newDataDir();
    const node = startNode(dataDir);
    await urlOf(node);
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).to.equal(0o700);
    const environment = `/proc/${postmasterOf(dataDir)}/environ`;
    if (existsSync(environment)) expect(readFileSync(environment, 'utf8')).to.equal('LC_ALL=C\0');
    await end(node);
  });

  it('outlives a killed node; the next one adopts it and stops it', async () => {
    const dataDir = newDataDir();
    const first = startNode(dataDir);
    const url = await urlOf(first);
    await ask(url, 'create table kept as select 42 as answer');
    const { at } = await ask<{ at: string }>(url, STARTED);
    await kill(first);

    const second = startNode(dataDir);
    expect(await urlOf(second)).to.equal(url);
    expect(await ask(url, `select answer, (${STARTED}) as at from kept`)).to.deep.equal({ answer: 42, at });
    await end(second);
    expect(isStopped(dataDir)).to.equal(true);
  });

  it('recovers when it was killed with its node, even if its process id is somebody else’s by now', async () => {
    const dataDir = newDataDir();
    const first = startNode(dataDir);
    const url = await urlOf(first);
    await ask(url, 'create table kept as select 42 as answer');
    await kill(first);
    await killPostmaster(dataDir, url);
    // A process of the database's own account is the worst case: PostgreSQL itself would take it for a postmaster.
    const { uid, gid } = statSync(join(dataDir, 'postgres'));
    const other = spawn('sleep', ['60'], { stdio: 'ignore', ...(IS_ROOT ? { uid, gid } : {}) });
    await once(other, 'spawn');
    for (const file of ['postmaster.pid', '.s.PGSQL.5432.lock']) {
      const path = join(dataDir, 'postgres', file);
      writeFileSync(path, readFileSync(path, 'utf8').replace(/^\d+/, String(other.pid)));
    }

    const second = startNode(dataDir);
    expect(await ask(await urlOf(second), 'select answer from kept')).to.deep.equal({ answer: 42 });
    expect(other.kill(0)).to.equal(true);
    await end(second);
    other.kill('SIGKILL');
  });

  it('is made anew when its first start was killed half way', async () => {
    const dataDir = newDataDir();
    mkdirSync(dataDir);
    const events = watch(dataDir);
    const first = startNode(dataDir);
    for await (const [, name] of on(events, 'change')) if (String(name).startsWith('postgres.new-')) break;
    events.close();
    // The whole group: initdb dies with its node.
    process.kill(-first.child.pid!, 'SIGKILL');
    await first.exit;
    expect(readdirSync(dataDir).some((name) => name.startsWith('postgres.new-'))).to.equal(true);
    expect(existsSync(join(dataDir, 'postgres'))).to.equal(false);

    const second = startNode(dataDir);
    expect(await ask(await urlOf(second), 'select 1 as works')).to.deep.equal({ works: 1 });
    expect(readdirSync(dataDir)).to.have.members(['postgres', 'postgres.lock', 'postgres.log']);
    await end(second);
  });

  it('is shared by nodes that start at once; the last to stop stops it, and killed ones do not count', async () => {
    const dataDir = newDataDir();
    const [a, b, c] = [startNode(dataDir), startNode(dataDir), startNode(dataDir)] as const;
    const urls = await Promise.all([urlOf(a), urlOf(b), urlOf(c)]);
    expect(new Set(urls)).to.have.lengthOf(1);
    const before = await ask(urls[0], STARTED);
    await end(a);
    expect(await ask(urls[0], STARTED)).to.deep.equal(before);
    await kill(b);
    await end(c);
    expect(isStopped(dataDir)).to.equal(true);
  });

  it('is started again by the node when it breaks down, and the log says so', async () => {
    const dataDir = newDataDir();
    const node = startNode(dataDir);
    const url = await urlOf(node);
    await ask(url, 'create table kept as select 42 as answer');
    await killPostmaster(dataDir, url);
    expect((await node.next()).log).to.equal('error');
    expect(await node.next()).to.deep.equal({ log: 'warn', message: 'The embedded database is back.' });
    expect(await ask(url, 'select answer from kept')).to.deep.equal({ answer: 42 });
    await end(node);
  });

  it('tells of a crash of one of its processes and of the recovery', async () => {
    const dataDir = newDataDir();
    const node = startNode(dataDir);
    const superuserUrl = (await urlOf(node)).replace('//gatehouse@', '//postgres@');
    const { pid } = await ask<{ pid: number }>(
      superuserUrl,
      `select pid from pg_stat_activity where backend_type = 'checkpointer'`,
    );
    process.kill(pid, 'SIGKILL');
    expect((await node.next()).log).to.equal('error');
    expect((await node.next()).log).to.equal('warn');
    expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).to.match(/was terminated by signal 9/);
    await end(node);
  });

  it('does not stop by Ctrl-C before its node has drained', async () => {
    const dataDir = newDataDir();
    const node = startNode(dataDir);
    await urlOf(node);
    // As a terminal does it: to every process of the group.
    process.kill(-node.child.pid!, 'SIGINT');
    expect(await node.next()).to.deep.equal({ drained: 1 });
    await node.exit;
    expect(isStopped(dataDir)).to.equal(true);
  });

  it('is not touched when it is of another version', async () => {
    const dataDir = newDataDir();
    const first = startNode(dataDir);
    await urlOf(first);
    await end(first);
    writeFileSync(join(dataDir, 'postgres/PG_VERSION'), '17\n');
    const { refused } = await startNode(dataDir).next();
    expect(refused).to.match(/is of PostgreSQL 17, the embedded one is 18/);
    expect(isStopped(dataDir)).to.equal(true);
  });

  it('does not take the place of files that are not a database', async () => {
    const dataDir = newDataDir();
    mkdirSync(join(dataDir, 'postgres'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres/thesis.txt'), 'years of work');
    const { refused } = await startNode(dataDir).next();
    expect(refused).to.match(/is not empty, and is not a database/);
    expect(readdirSync(join(dataDir, 'postgres'))).to.deep.equal(['thesis.txt']);
  });

  it('works in a folder whose path is longer than a socket’s may be', async () => {
    const dataDir = join(newDataDir(), 'x'.repeat(120));
    const node = startNode(dataDir);
    expect(await ask(await urlOf(node), 'select 1 as works')).to.deep.equal({ works: 1 });
    await end(node);
  });

  it('runs as an ordinary user, and belongs to that user', async () => {
    const dataDir = newDataDir();
    mkdirSync(dataDir);
    if (IS_ROOT) for (const folder of [join(dataDir, '..'), dataDir]) chownSync(folder, SOMEBODY, SOMEBODY);
    const node = IS_ROOT ? startNode(dataDir, String(SOMEBODY)) : startNode(dataDir);
    expect(await ask(await urlOf(node), 'select 1 as works')).to.deep.equal({ works: 1 });
    expect(statSync(join(dataDir, 'postgres')).uid).to.equal(IS_ROOT ? SOMEBODY : process.getuid?.());
    await end(node);

    // Where root starts it afterwards, it stays that user's.
    const again = startNode(dataDir);
    await urlOf(again);
    await end(again);
    const backAgain = IS_ROOT ? startNode(dataDir, String(SOMEBODY)) : startNode(dataDir);
    expect(await ask(await urlOf(backAgain), 'select 1 as works')).to.deep.equal({ works: 1 });
    await end(backAgain);
  });
});
