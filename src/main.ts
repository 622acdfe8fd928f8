import { createApp } from './app.ts';
import { createBackground } from './background.ts';
import { BadConfiguration, type Config, loadConfig } from './config.ts';
import { type Embedded, startEmbedded } from './database/embedded.ts';
import { prepareDemo, prepareInstallation } from './first-start.ts';
import { type House, openHouse } from './house.ts';
import { createHttpServer } from './http/server.ts';
import { createLog, type Log } from './kernel/log.ts';
import { welcomeBox } from './welcome.ts';

/** Exit codes of sysexits.h: a configuration that is wrong, and anything else that is. */
const EX_CONFIG = 78;
const EX_SOFTWARE = 70;

type Step = { name: string; end(): Promise<unknown> };

/** Starts a node, and takes it down again in the reverse order. */
async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLog({ level: config.LOG_LEVEL, name: 'gatehouse' });
  const open: Step[] = [];
  const shutDown = createShutDown(open, log);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown(signal, 0));
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise was rejected and nobody looked'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught');
    void shutDown('uncaught', EX_SOFTWARE);
  });
  try {
    await start(config, log, open);
  } catch (error) {
    log.fatal({ err: error }, 'could not start');
    process.stderr.write(`${(error as Error).message}\n`);
    await shutDown('failed start', EX_SOFTWARE);
  }
}

async function start(config: Config, log: Log, open: Step[]): Promise<void> {
  const embedded: Embedded | undefined = config.DATABASE_URL
    ? undefined
    : await startEmbedded({ dataDir: config.DATA_DIR, log });
  if (embedded) open.push({ name: 'database', end: () => embedded.stop() });
  const house = await openHouse({ config, log, databaseUrl: config.DATABASE_URL ?? (embedded as Embedded).url });
  open.push({ name: 'house', end: () => house.close() });
  const installation = await prepareInstallation(house);
  // At once, and not only in the box: what fails after this must not take the only copy with it.
  if (installation.oneTimePassword)
    process.stdout.write(`One-time password of ${installation.adminEmail}: ${installation.oneTimePassword}\n`);

  await applyAtStart(house);

  let draining = false;
  const { handler, core } = createApp(house, { isDraining: () => draining });
  const server = createHttpServer({
    handler,
    log,
    publicUrl: config.PUBLIC_URL,
    dropped: house.metrics.countDroppedConnection,
  });
  const port = await server.listen(config.PORT, config.HOST);
  open.push({
    name: 'http',
    end: async () => {
      draining = true;
      await server.drain();
    },
  });
  log.info({ port, host: config.HOST, publicUrl: config.PUBLIC_URL, ms: Math.round(performance.now()) }, 'listening');
  await house.changes.start();
  open.push({ name: 'changes', end: () => house.changes.stop() });
  const background = createBackground(house, core);
  background.start();
  open.push({ name: 'background', end: () => background.stop() });
  const demo = config.DEMO ? await startDemo(config, house, open) : undefined;
  if (config.NODE_ENV === 'development') process.stdout.write(welcome(config, installation, demo));
}

/** Tenants as code at start: the file of GATEHOUSE_APPLY, whole or not at all. A mistake in it stops the start. */
async function applyAtStart({ config, log, services, operator }: House): Promise<void> {
  if (config.GATEHOUSE_APPLY === undefined) return;
  const { applyFile } = await import('./cli/apply.ts');
  const changes = await applyFile(services.blueprint, operator('apply'), config.GATEHOUSE_APPLY);
  log.info({ file: config.GATEHOUSE_APPLY, changes: changes.length }, 'tenants applied');
}

/** The demonstration application, on a port of its own: loaded only where it is wanted. */
async function startDemo(config: Config, house: House, open: Step[]): Promise<string> {
  const { createRelyingParty } = await import('../examples/relying-party/relying-party.ts');
  const origin = `http://localhost:${config.DEMO_PORT}`;
  const clientSecret = await prepareDemo(house, origin);
  const demo = createRelyingParty({ issuer: config.PUBLIC_URL, clientId: 'demo', clientSecret, origin });
  await new Promise<void>((resolve, reject) =>
    demo.once('error', reject).listen(config.DEMO_PORT, '127.0.0.1', resolve),
  );
  open.push({ name: 'demo', end: async () => void demo.close() });
  return origin;
}

function welcome(
  config: Config,
  { adminEmail, oneTimePassword }: Awaited<ReturnType<typeof prepareInstallation>>,
  demo: string | undefined,
): string {
  return welcomeBox([
    ['Gatehouse', 'is running'],
    ['Sign in', demo ?? `${config.PUBLIC_URL}/`],
    ['Administrator', adminEmail],
    [
      'Password',
      oneTimePassword === undefined
        ? 'as set before (npm run gatehouse -- user password to reset)'
        : `${oneTimePassword}  (one time; you choose your own at the first sign-in)`,
    ],
    ...(demo ? [['Demo application', demo] as const] : []),
    ['Discovery', `${config.PUBLIC_URL}/.well-known/openid-configuration`],
    ['API', `${config.PUBLIC_URL}/docs`],
    ['Letters', `${config.PUBLIC_URL}/dev/mail`],
  ]);
}

/** Takes down what was opened, last first. A second signal ends the process at once. */
function createShutDown(open: readonly Step[], log: Log): (reason: string, code: number) => Promise<void> {
  let begun = false;
  return async (reason, code) => {
    if (begun) process.exit(code || 1);
    begun = true;
    log.info({ reason }, 'shutting down');
    for (const { name, end } of open.toReversed()) {
      await end().catch((error: unknown) => log.error({ err: error, step: name }, 'did not end in order'));
    }
    process.exit(code);
  };
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof BadConfiguration ? error.message : String((error as Error).stack ?? error)}\n`,
  );
  process.exit(error instanceof BadConfiguration ? EX_CONFIG : EX_SOFTWARE);
});
