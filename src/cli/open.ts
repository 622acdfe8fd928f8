import '../oidc/core-notices.ts';
import { destination } from 'pino';
import type { Contract } from '../api/contract.ts';
import { type ContractDeps, createContracts } from '../api/contracts.ts';
import { type Config, loadConfig } from '../config.ts';
import { createCore } from '../core.ts';
import { startEmbedded } from '../database/embedded.ts';
import { migrate } from '../database/migrate.ts';
import { createPool } from '../database/pool.ts';
import { openHouse } from '../house.ts';
import { createLog, type Log } from '../kernel/log.ts';
import type { CorePages } from '../oidc/features.ts';
import { issueInitialAccessToken } from '../oidc/registration-token.ts';
import type { CliHouse } from './command.ts';

type Reach = { config: Config; log: Log; databaseUrl: string; leave(): Promise<void> };

/** The settings of the server, and its database: the embedded one is shared with a running node, or started for a while. */
async function reach(): Promise<Reach> {
  const config = loadConfig();
  // Standard output is the command's answer; what is worth a line in the log goes to standard error.
  const level = config.LOG_LEVEL === 'info' ? 'warn' : config.LOG_LEVEL;
  const log = createLog({ level, name: 'gatehouse', to: destination({ fd: 2, sync: true }) });
  if (config.DATABASE_URL) return { config, log, databaseUrl: config.DATABASE_URL, leave: async () => {} };
  const embedded = await startEmbedded({ dataDir: config.DATA_DIR, log });
  return { config, log, databaseUrl: embedded.url, leave: () => embedded.stop() };
}

/** Opens the house for one command: everything but the doors. */
export async function openForCommand(): Promise<CliHouse> {
  const { leave, ...options } = await reach();
  try {
    const house = await openHouse(options);
    return {
      services: house.services,
      platformSlug: options.config.PLATFORM_SLUG,
      operator: house.operator,
      issueInitialAccessToken: (tenant, seconds) =>
        issueInitialAccessToken(createCore(house, NO_PAGES), tenant.id, seconds),
      async close() {
        await house.close();
        await leave();
      },
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** Brings the schema up to date and opens nothing else. @returns the names of the migrations that were run */
export async function migrateForCommand(): Promise<string[]> {
  const { databaseUrl, leave } = await reach();
  const db = createPool(databaseUrl, { max: 2 });
  try {
    return await migrate(db);
  } finally {
    await db.destroy();
    await leave();
  }
}

/** The contracts as they are mounted, for reading: nobody is served, so nothing that serving needs is there. */
export async function contractsToRead(): Promise<readonly Contract[]> {
  return createContracts({} as ContractDeps);
}

/** No page is drawn on the command line; the core does not ask for one unless a browser comes. */
const NO_PAGES = new Proxy({} as CorePages, {
  get: (_target, name) => () => {
    throw new Error(`the command line draws no page (${String(name)})`);
  },
});
