import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Knex } from 'knex';
import { isExemptFromRowSecurity, migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';
import { superuserUrl } from '../support/database.ts';
import { startTestDatabase, type TestDatabase } from '../support/postgres.ts';

const SCRIPT = fileURLToPath(new URL('migrate-node.ts', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));
const ALL = readdirSync(FOLDER).sort();

function startMigration(url: string, folder?: string): { child: ChildProcess; names: Promise<string[]> } {
  const child = spawn(process.execPath, [SCRIPT, url, ...(folder ? [folder] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { child, names: text(child.stdout!).then((output) => JSON.parse(output || '[]')) };
}

/** A folder of migrations, each with the statement it runs. */
function folderOf(statements: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-migrations-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const [name, statement] of Object.entries(statements)) {
    writeFileSync(
      join(folder, name),
      `export const up = (knex) => knex.raw(${JSON.stringify(statement)});\nexport const down = async () => {};\n`,
    );
  }
  return folder;
}

async function relations(db: Knex): Promise<string[]> {
  const { rows } = await db.raw(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'S')`,
  );
  return rows
    .map(({ relname }: { relname: string }) => relname)
    .filter((name: string) => !name.startsWith('knex_migrations'));
}

async function functions(db: Knex): Promise<string[]> {
  const { rows } = await db.raw(`select proname from pg_proc where pronamespace = 'public'::regnamespace`);
  return rows.map(({ proname }: { proname: string }) => proname);
}

describe('migrations', () => {
  let database: TestDatabase;
  let db: Knex;
  const folders: string[] = [];

  beforeEach(async () => {
    database = await startTestDatabase();
    db = createPool(database.url, { max: 3, name: 'test' });
  });

  afterEach(async () => {
    await db.destroy();
    await database.stop();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  it('are run by one of two nodes that start at once, and both succeed', async () => {
    const both = [startMigration(database.url), startMigration(database.url)];
    const names = await Promise.all(both.map((one) => one.names));
    expect(names.sort((a, b) => a.length - b.length)).to.deep.equal([[], ALL]);
    expect(await migrate(db)).to.deep.equal([]);
  });

  it('leave nothing when one of them fails, and are all run later', async () => {
    const good = { '1-good.ts': 'create table good (id int)' };
    const folder = folderOf({ ...good, '2-bad.ts': 'create table bad (id int); select 1 / 0' });
    folders.push(folder);
    const error = await migrate(db, folder).catch((reason) => reason);
    expect(error.code).to.equal('22012');
    expect(await relations(db)).to.deep.equal([]);

    writeFileSync(
      join(folder, '2-bad.ts'),
      `export const up = (knex) => knex.raw('create table bad (id int)');\nexport const down = async () => {};\n`,
    );
    // Another process: this one remembers the file as it was.
    expect(await startMigration(database.url, folder).names).to.deep.equal(['1-good.ts', '2-bad.ts']);
    expect(await relations(db)).to.have.members(['good', 'bad']);
  });

  it('leave nothing when their node is killed, and are run by the next', async () => {
    const folder = folderOf({ '1-slow.ts': 'create table slow (id int); select pg_advisory_xact_lock(1)' });
    folders.push(folder);
    await db.transaction(async (gate) => {
      await gate.raw('select pg_advisory_xact_lock(1)');
      const { child } = startMigration(database.url, folder);
      let waiting = false;
      while (!waiting) {
        const { rows } = await db.raw(
          `select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`,
        );
        waiting = rows.length > 0;
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    expect(await startMigration(database.url, folder).names).to.deep.equal(['1-slow.ts']);
    expect(await relations(db)).to.deep.equal(['slow']);
  });

  it('can all be taken back, and run again', async () => {
    expect(await migrate(db)).to.deep.equal(ALL);
    const [tables, routines] = [await relations(db), await functions(db)];
    await db.migrate.rollback({ directory: FOLDER, loadExtensions: ['.ts'] }, true);
    expect(await relations(db)).to.deep.equal([]);
    expect(await functions(db)).to.deep.equal([]);
    expect(await migrate(db)).to.deep.equal(ALL);
    expect(await relations(db)).to.have.members(tables);
    expect(await functions(db)).to.have.members(routines);
  });

  it('are run as a role that row-level security binds', async () => {
    expect(await isExemptFromRowSecurity(db)).to.equal(false);
    const superuser = createPool(superuserUrl(), { max: 1, name: 'test' });
    expect(await isExemptFromRowSecurity(superuser)).to.equal(true);
    await superuser.destroy();
  });
});
