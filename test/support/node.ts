import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { createApp } from '../../src/app.ts';
import { createBackground } from '../../src/background.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import type { Core } from '../../src/core.ts';
import type { ClientDraft } from '../../src/domain/clients/client.ts';
import type { TenantChange } from '../../src/domain/tenants/tenant.ts';
import { prepareInstallation } from '../../src/first-start.ts';
import { type House, openHouse } from '../../src/house.ts';
import { createHttpServer } from '../../src/http/server.ts';
import type { TenantCall } from '../../src/kernel/call.ts';
import type { TenantId, UserId } from '../../src/kernel/ids.ts';
import { createLog } from '../../src/kernel/log.ts';
import { databaseUrl } from './database.ts';
import { dnsServer } from './dns-server.ts';
import { MASTER_KEY } from './rooms.ts';

export const PASSWORD = 'correct horse battery staple';

/** A whole node in this process, on the run's database. */
export type TestNode = { url: string; port: number; house: House; core: Core; logged: string[]; stop(): Promise<void> };

export type NodeOptions = {
  settings?: Record<string, string>;
  publicUrl?: string;
  background?: boolean;
  /** Another database than the run's. */
  database?: string;
};

/** Starts a node: everything but the process. A second one with the first one's `publicUrl` is another node of the same house. */
export async function startNode({
  settings = {},
  publicUrl,
  background = false,
  database,
}: NodeOptions = {}): Promise<TestNode> {
  const port = await freePort();
  const config: Config = loadConfig({
    NODE_ENV: 'test',
    PORT: String(port),
    PUBLIC_URL: publicUrl ?? `http://localhost:${port}`,
    // Nodes and rooms of the run share a database.
    GATEHOUSE_MASTER_KEY: MASTER_KEY.toString('base64url'),
    ADMIN_PASSWORD: PASSWORD,
    ARGON2_MEMORY_KIB: '8192',
    ARGON2_PASSES: '1',
    EGRESS_ALLOWED_CIDRS: '127.0.0.0/8',
    LOG_LEVEL: 'debug',
    DNS_RESOLVER: await dnsServer(),
    ...settings,
  });
  const logged: string[] = [];
  const log = createLog({ level: config.LOG_LEVEL, name: 'test', to: { write: (line) => void logged.push(line) } });
  const house = await openHouse({ config, log, databaseUrl: database ?? databaseUrl() });
  await prepareInstallation(house);
  const { handler, core } = createApp(house);
  const server = createHttpServer({ handler, log, publicUrl: config.PUBLIC_URL });
  await server.listen(port, '127.0.0.1');
  await house.changes.start();
  const jobs = background ? createBackground(house, core) : undefined;
  jobs?.start();
  return {
    url: config.PUBLIC_URL,
    port,
    house,
    core,
    logged,
    async stop() {
      await jobs?.stop();
      await server.drain();
      await house.changes.stop();
      await house.close();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A tenant of its own for a test, with one user and whatever clients it needs. */
export type Site = { call: TenantCall; tenantId: TenantId; slug: string; issuer: string; user: UserId; email: string };

export const WEB_SECRET = 'web-secret-web-secret-web-secret-32';
export const CALLBACK = 'http://localhost:4000/cb';
export const API = 'https://api.acme.test';

/** The clients of examples/acme.yaml. */
export const WEB: ClientDraft & { clientSecret?: string } = {
  clientId: 'web',
  clientSecret: WEB_SECRET,
  kind: 'web',
  firstParty: true,
  redirectUris: [CALLBACK],
  postLogoutRedirectUris: ['http://localhost:4000/'],
};
export const SPA: ClientDraft = {
  clientId: 'spa',
  kind: 'spa',
  redirectUris: ['http://localhost:4001/cb'],
  allowedOrigins: ['http://localhost:4001'],
};
export const TV: ClientDraft = {
  clientId: 'tv',
  kind: 'native',
  grantTypes: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
};
export const ROBOT_SECRET = 'robot-secret-robot-secret-robot-32';
export const ROBOT: ClientDraft & { clientSecret?: string } = {
  clientId: 'robot',
  clientSecret: ROBOT_SECRET,
  kind: 'service',
  scopes: ['read'],
};

export type SiteOptions = {
  clients?: readonly (ClientDraft & { clientSecret?: string })[];
  settings?: TenantChange extends infer _ ? object : never;
};

export async function aSite(
  { house, url }: Pick<TestNode, 'house' | 'url'>,
  { clients = [WEB], settings }: SiteOptions = {},
): Promise<Site> {
  const slug = `t${randomBytes(6).toString('hex')}`;
  const { services, operator } = house;
  const tenant = await services.tenants.create(operator('test'), {
    slug,
    name: `Tenant ${slug}`,
    type: 'customer',
    country: 'US',
  });
  const call: TenantCall = { ...operator('test'), tenantId: tenant.id };
  if (settings) await services.tenants.updateSettings(call, settings);
  const email = `ann@${slug}.test`;
  const user = await services.users.create(call, {
    email,
    emailVerified: true,
    status: 'active',
    firstName: 'Ann',
    lastName: 'Lee',
    password: PASSWORD,
    roles: ['TENANT_ADMIN'],
  });
  await services.apis.create(call, { identifier: API, scopes: ['read', 'write'], accessTokenFormat: 'jwt' });
  for (const client of clients) await services.clients.create(call, client);
  return { call, tenantId: tenant.id, slug, issuer: `${url}/t/${slug}`, user: user.id, email };
}

/**
 * `fetch` that reaches one node whatever the URL's port says, with the URL's own host in the Host header: how a load
 * balancer would send a request of the shared public URL to that node.
 */
export function fetchAt(node: Pick<TestNode, 'port'>): typeof fetch {
  return async (input, init) => {
    const request = new Request(input as string | URL | Request, init);
    const { pathname, search, host } = new URL(request.url);
    const body = request.body ? Buffer.from(await request.arrayBuffer()) : undefined;
    return new Promise<Response>((resolve, reject) => {
      const headers = {
        ...Object.fromEntries(request.headers),
        host,
        ...(body && { 'content-length': String(body.length) }),
      };
      const outgoing = http.request(
        { host: '127.0.0.1', port: node.port, method: request.method, path: pathname + search, headers },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () => {
            const received = new Headers();
            for (let i = 0; i < answer.rawHeaders.length; i += 2)
              received.append(answer.rawHeaders[i] as string, answer.rawHeaders[i + 1] as string);
            const status = answer.statusCode as number;
            resolve(
              new Response([204, 304].includes(status) ? null : Buffer.concat(chunks), { status, headers: received }),
            );
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  };
}
