/**
 * A node with nothing but an embedded database, for tests that kill it: `node embedded-node.ts DATA_DIR [UID]`. Prints
 * one JSON line an event; ends with SIGTERM, after SIGINT only when the database was asked once more.
 */
import pg from 'pg';
import { startEmbedded } from '../../src/database/embedded.ts';
import { findBinaries } from '../../src/database/embedded-binaries.ts';

const [, , dataDir = '', uid] = process.argv;
if (uid) {
  // In a checkout that only root can read, the programs are first copied to where this user can run them.
  await findBinaries({ uid: Number(uid), gid: Number(uid) });
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}

function tell(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const log = {
  warn: (message: string) => tell({ log: 'warn', message }),
  error: (message: string) => tell({ log: 'error', message }),
};

try {
  const { url, stop } = await startEmbedded({ dataDir, log });
  const end = async (answer: object) => {
    tell(answer);
    await stop();
    process.exit(0);
  };
  process.once('SIGTERM', () => end({ ended: 'SIGTERM' }));
  process.once('SIGINT', async () => {
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query('select 1 as drained');
    await client.end();
    await end(rows[0]);
  });
  tell({ url });
} catch (error) {
  tell({ refused: (error as Error).message });
  process.exit(1);
}
