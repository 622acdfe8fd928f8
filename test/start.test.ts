import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import * as openid from 'openid-client';
import { aBrowser } from './support/browser.ts';
import { authorization, configured, signedIn } from './support/clients.ts';
import type { TestNode } from './support/node.ts';
import { startTestDatabase, type TestDatabase } from './support/postgres.ts';
import { aDataDir, endProcesses, freePorts, killDatabase, type NodeProcess, startProcess } from './support/process.ts';

const CHEAP_HASHES = { ARGON2_MEMORY_KIB: '8192', ARGON2_PASSES: '1' };
const ADMIN = 'admin@gatehouse.localhost';
const NEW_PASSWORD = 'seven green bottles on a wall';

type Installation = { dataDir: string; settings: Record<string, string>; url: string; demo: string };

/** What a developer has after a clone: nothing but a folder, and two ports. */
async function anInstallation(): Promise<Installation> {
  const [port, demoPort] = await freePorts(2);
  const dataDir = aDataDir();
  const settings = { DATA_DIR: dataDir, PORT: String(port), DEMO_PORT: String(demoPort), ...CHEAP_HASHES };
  return { dataDir, settings, url: `http://localhost:${port}`, demo: `http://localhost:${demoPort}` };
}

async function started({ settings }: Installation): Promise<NodeProcess> {
  const node = startProcess(settings);
  await node.hasPrinted('└');
  return node;
}

/** The tenant of examples/acme.yaml, made by the command line beside the running node. */
async function withAcme({ settings }: Installation): Promise<void> {
  const apply = startProcess(settings, ['src/cli/gatehouse.ts', 'apply', 'examples/acme.yaml']);
  const [code] = await once(apply.child, 'close');
  expect(code, apply.printed()).to.equal(0);
}

const acmeAt = ({ url }: Installation) => ({ issuer: `${url}/t/acme`, email: 'ann@acme.test' });
type Acme = Parameters<typeof signedIn>[1];

/** Signs in at the demonstration as a person would, and gives the page that greets them. */
async function signInAtDemo(
  node: NodeProcess,
  { demo }: Installation,
  password: string,
  next?: string,
): Promise<string> {
  const asVisitor = { redirect: 'manual', headers: { origin: demo, cookie: '' } } satisfies RequestInit;
  const home = await fetch(demo, asVisitor);
  asVisitor.headers.cookie = home.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
  const leave = await fetch(`${demo}/sign-in`, { ...asVisitor, method: 'POST' });
  const browser = aBrowser(node);
  let page = await browser.signIn(leave.headers.get('location') as string, ADMIN, password);
  if (next !== undefined)
    page = await browser.submit(page, { password: next, password_confirmation: next, action: 'save' });
  if (page.url.origin !== demo) return page.html;
  await fetch(page.url, asVisitor);
  return (await fetch(demo, asVisitor)).text();
}

describe('npm start', function () {
  this.timeout(120_000);
  after(endProcesses);

  it('prints where everything is and a password that works once, and the second start prints none', async () => {
    const installation = await anInstallation();
    const { url, demo } = installation;
    const node = await started(installation);
    const password = /^One-time password of \S+: (\S{22})$/m.exec(node.printed())?.[1] ?? '';
    for (const line of [url, demo, ADMIN, `${password}  (one time`, `${url}/.well-known/openid-configuration`]) {
      expect(node.printed()).to.include(line);
    }

    expect(await signInAtDemo(node, installation, password, NEW_PASSWORD)).to.include('Hello');
    expect(await signInAtDemo(node, installation, password))
      .to.include('role="alert"')
      .and.not.include('Hello');
    expect(await node.stop()).to.equal(0);

    const again = await started(installation);
    expect(again.printed())
      .to.include('as set before')
      .and.not.match(/one.time/i);
    expect(again.printed()).not.to.include('schema brought up to date');
    expect(await signInAtDemo(again, installation, NEW_PASSWORD)).to.include('Hello');
    expect(await again.stop()).to.equal(0);
  });

  it('loses no user, session or refresh token when node and database are killed in the middle of traffic', async () => {
    const installation = await anInstallation();
    const acme = acmeAt(installation) as Acme;
    const node = await started(installation);
    await withAcme(installation);
    const kept = await signedIn(node as unknown as TestNode, acme);
    const busy = await signedIn(node as unknown as TestNode, acme);

    let turned = busy.tokens.refresh_token as string;
    let answers = 0;
    const refreshing = (async () => {
      for (;;) {
        turned = (await openid.refreshTokenGrant(busy.config, turned)).refresh_token as string;
        answers += 1;
      }
    })();
    const browsing = (async () => {
      for (;;) await signedIn(node as unknown as TestNode, acme);
    })();
    const ended = Promise.allSettled([refreshing, browsing]);
    while (answers < 25) await Promise.race([new Promise(setImmediate), refreshing]);
    killDatabase(installation.dataDir);
    await node.kill();
    expect((await ended).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);

    const again = await started(installation);
    const config = await configured(again, acme);
    for (const token of [kept.tokens.refresh_token as string, turned]) {
      const { access_token: fresh } = await openid.refreshTokenGrant(config, token);
      expect(await openid.tokenIntrospection(config, fresh)).to.include({ active: true });
    }
    const browser = aBrowser(again);
    browser.setCookies(kept.browser.cookies());
    const { url, redeem } = await authorization(config, { more: { prompt: 'none' } });
    const { sub } = (await redeem((await browser.go(url)).url)).claims()!;
    expect(sub).to.equal(kept.tokens.claims()?.sub);
    expect((await signedIn(again as unknown as TestNode, acme)).tokens.claims()?.sub).to.equal(sub);
    expect(await again.stop()).to.equal(0);
  });

  it('answers the request that is under way before it ends with SIGTERM', async () => {
    const installation = await anInstallation();
    const node = await started(installation);
    await withAcme(installation);
    const body = 'grant_type=client_credentials&resource=https%3A%2F%2Fapi.acme.test';
    const socket = connect(node.port, '127.0.0.1').setEncoding('utf8');
    const received = reading(socket);
    socket.write(
      [
        'POST /t/acme/oauth/token HTTP/1.1',
        `Host: ${new URL(installation.url).host}`,
        `Authorization: Basic ${btoa('robot:robot-secret-robot-secret-robot-32')}`,
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
        'Expect: 100-continue',
        '\r\n',
      ].join('\r\n'),
    );
    await once(socket, 'data'); // 100 Continue: the request has begun

    const ended = node.stop();
    await node.hasPrinted('shutting down');
    socket.write(body);

    expect(await received)
      .to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
      .and.include('access_token');
    expect(await ended).to.equal(0);
  });

  it('refuses insecure production settings before it opens anything, and names each', async () => {
    const node = startProcess({
      NODE_ENV: 'production',
      PUBLIC_URL: 'http://id.example.com',
      DEBUG: '*',
      DATA_DIR: aDataDir(),
    });
    const [code] = await once(node.child, 'close');
    expect(code).to.equal(78);
    for (const name of ['GATEHOUSE_MASTER_KEY', 'DATABASE_URL', 'PUBLIC_URL', 'DEBUG'])
      expect(node.printed()).to.include(`${name}:`);
  });

  describe('on a database server', () => {
    let database: TestDatabase;
    before(async () => {
      database = await startTestDatabase();
    });
    after(() => database.stop());

    it('two nodes may start at once: one makes the installation, both serve it', async () => {
      const ports = await freePorts(2);
      const shared = {
        DATABASE_URL: database.url,
        GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
        PUBLIC_URL: `http://localhost:${ports[0]}`,
        DATA_DIR: aDataDir(),
        DEMO: 'false',
        ...CHEAP_HASHES,
      };
      const nodes = ports.map((port) => startProcess({ ...shared, PORT: String(port) }));
      await Promise.all(nodes.map((node) => node.hasPrinted('└')));

      const passwords = nodes.flatMap((node) => [...node.printed().matchAll(/^One-time password/gm)]);
      expect(passwords).to.have.length(1);
      const issuers = await Promise.all(nodes.map((node) => configured(node, { issuer: shared.PUBLIC_URL })));
      expect(issuers.map((config) => config.serverMetadata().issuer)).to.deep.equal([
        shared.PUBLIC_URL,
        shared.PUBLIC_URL,
      ]);
      expect(await Promise.all(nodes.map((node) => node.stop()))).to.deep.equal([0, 0]);
    });

    it('does not start in production as a role that row-level security does not bind', async () => {
      const [port] = await freePorts(1);
      const node = startProcess({
        NODE_ENV: 'production',
        PORT: String(port),
        PUBLIC_URL: 'https://id.example.com',
        DATABASE_URL: database.superuserUrl,
        GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
        DATA_DIR: aDataDir(),
      });
      const [code] = await once(node.child, 'close');
      expect(code).to.equal(70);
      expect(node.printed()).to.include('bypasses row-level security');
    });
  });
});

/** All that a connection gives, until the other side closes it. */
async function reading(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  await once(socket, 'close');
  return text;
}
