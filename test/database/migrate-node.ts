/** Migrates the database of a URL, for tests that run two at once or kill one: `node migrate-node.ts URL [FOLDER]`. */
import { migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';

const [, , url = '', folder] = process.argv;
const db = createPool(url, { max: 2 });
process.stdout.write(JSON.stringify(await migrate(db, folder)));
await db.destroy();
