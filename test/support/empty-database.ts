import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';
import { databaseUrl, superuserUrl } from './database.ts';

/** Runs `work` on a database of its own, with the schema and without a row. */
export async function inEmptyDatabase<T>(work: (db: Knex, url: string) => Promise<T>): Promise<T> {
  const name = `empty_${randomBytes(6).toString('hex')}`;
  const superuser = createPool(superuserUrl(), { max: 1, name: 'test superuser' });
  await superuser.raw(`create database ${name} owner ??`, [new URL(databaseUrl()).username]);
  const url = Object.assign(new URL(databaseUrl()), { pathname: name }).href;
  const db = createPool(url, { max: 5, name: 'test' });
  try {
    await migrate(db);
    return await work(db, url);
  } finally {
    await db.destroy();
    await superuser.raw(`drop database ${name} with (force)`);
    await superuser.destroy();
  }
}
