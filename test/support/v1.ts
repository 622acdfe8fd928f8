import { expect } from 'chai';
import type { House } from '../../src/house.ts';
import { newId } from '../../src/kernel/ids.ts';
import { type ApiAnswer, type Request, type Send, sender } from './api.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode } from './node.ts';

/** A tenant with a signed-in user, and ways to ask as them. */
export type SignedIn = {
  node: TestNode;
  site: Site;
  house: House;
  tokens: { accessToken: string; refreshToken: string; user: { id: string; tenantId: string; email: string } };
  login: ApiAnswer;
  /** Asks with the access token. */
  as: Send;
};

/** A node for the tests of one `describe`, each of which speaks from an address of its own. */
export function servingV1(
  settings: Record<string, string> = {},
  { background = false } = {},
): {
  node(): TestNode;
  /** Asks as a stranger from an address that nobody else has. */
  stranger(): Send;
  site(): Promise<Site>;
  signIn(site?: Site): Promise<SignedIn>;
  /** Signs in as an operator of the platform tenant. */
  operator(): Promise<SignedIn>;
} {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({
      background,
      settings: { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8', ...settings },
    });
  });
  after(() => node.stop());
  afterEach(() => {
    const faults = node.logged.splice(0).filter((line) => line.includes('operation failed'));
    expect(faults, 'what v1 answered with 500').to.deep.equal([]);
  });

  const stranger = (): Send => {
    const ip = anAddress();
    const send = sender(() => node.port);
    return (method, path, request: Request = {}) =>
      send(method, path, { ...request, headers: { 'x-forwarded-for': ip, ...request.headers } });
  };
  const site = () => aSite(node, { clients: [] });

  async function signIn(at?: Site): Promise<SignedIn> {
    const home = at ?? (await site());
    const send = stranger();
    const login = await send('POST', '/api/v1/auth/login', { body: { email: home.email, password: PASSWORD } });
    expect(login.status, login.text).to.equal(200);
    const authorization = `Bearer ${login.body.accessToken}`;
    return {
      node,
      site: home,
      house: node.house,
      tokens: login.body,
      login,
      as: (method, path, request = {}) =>
        send(method, path, { ...request, headers: { authorization, ...request.headers } }),
    };
  }

  return {
    node: () => node,
    stranger,
    site,
    signIn,
    operator: async () => signIn(await operatorsSite(node)),
  };
}

/** An operator of their own, in the platform tenant that all share. */
async function operatorsSite({ house, url }: TestNode): Promise<Site> {
  const { services, operator } = house;
  const { tenant } = await services.tenants.ensurePlatform(operator('test'), { slug: 'platform', name: 'Gatehouse' });
  const call = { ...operator('test'), tenantId: tenant.id };
  const email = `${newId()}@operators.test`;
  const user = await services.users.create(call, {
    ...{ email, emailVerified: true, status: 'active', password: PASSWORD, roles: ['SUPER_ADMIN'] },
  });
  return { call, tenantId: tenant.id, slug: tenant.slug, issuer: url, user: user.id, email };
}

let addresses = 0;
/** The next address from the range that RFC 2544 gives to benchmarks. */
function anAddress(): string {
  addresses += 1;
  return `198.18.${addresses >> 8}.${addresses & 255}`;
}
