import { randomBytes } from 'node:crypto';
import * as openid from 'openid-client';
import { deliveryIds } from '../../src/api/v1/ids.ts';
import { PERMISSIONS } from '../../src/domain/access/role.ts';
import type { Send } from './api.ts';
import { sender } from './api.ts';
import { aPerson } from './colleagues.ts';
import { enrolTotp } from './factors.ts';
import { fetchAt, PASSWORD, ROBOT, ROBOT_SECRET, type Site, type TestNode } from './node.ts';
import { aDelivery } from './sessions.ts';
import type { SignedIn, servingV1 } from './v1.ts';
import { allow, rememberBrowser } from './writes/own.ts';
import { WRITES } from './writes.ts';

/** One thing of each kind that a tenant has: by the prefix of its ids, or as `test/support/places.ts` calls it. */
export type Things = Readonly<Record<string, string>>;

type Maker = (owner: SignedIn) => Promise<Record<string, string>> | Record<string, string>;

const made = async ({ as }: SignedIn, path: string, body: object) => (await as('POST', path, { body })).body;

/** How things are made. What can bear a name bears the tenant's slug, so that whoever shows it gives it away. */
const MAKERS: readonly Maker[] = [
  ({ tokens: { user }, site: { slug } }) => ({ usr: user.id, ten: user.tenantId, slug }),
  async ({ as }) => ({ ses: (await as('GET', '/api/v1/me/sessions')).body.data[0].id }),
  async (owner) => ({ nod: (await made(owner, '/api/v1/nodes', { type: 'team', name: nameIn(owner) })).id }),
  async (owner) => {
    const roleName = nameIn(owner);
    return { roleName, rol: (await made(owner, '/api/v1/roles', { name: roleName, displayName: roleName })).id };
  },
  async (owner) => ({ prm: (await made(owner, '/api/v1/permissions', { name: `${nameIn(owner)}.beds:read` })).id }),
  async (owner) => {
    const url = `https://${nameIn(owner)}.example/`;
    const { id: whk } = await made(owner, '/api/v1/webhooks', { url, events: ['role.*'] });
    const { id: whd } = await made(owner, `/api/v1/webhooks/${whk}/test`, {});
    const { jobId: job } = await made(owner, `/api/v1/webhooks/${whk}/redeliver`, { since: '2026-01-01T00:00:00Z' });
    return { whk, whd, job };
  },
  async ({ site: { call } }) => ({ dlv: deliveryIds.encode(await aDelivery(call)) }),
  async (owner) => {
    const clientId = nameIn(owner);
    await allow(owner, clientId);
    return { grant_not_found: clientId, clientId };
  },
  async (owner) => {
    const [client_id, client_name] = [nameIn(owner), nameIn(owner)];
    return { client_not_found: (await made(owner, '/api/v1/clients', { kind: 'service', client_id, client_name })).id };
  },
  async (owner) => {
    const { token } = (await WRITES['v1']!['acceptInvite']!.make(owner)).body!;
    const { body } = await owner.as('GET', '/api/v1/invites');
    return { inv: body.data[0].id, token: String(token) };
  },
  async (owner) => ({
    key: (await made(owner, '/api/v1/api-keys', { name: nameIn(owner), scopes: ['iam.users:read'] })).id,
  }),
  async (owner) => {
    const { call, tenantId } = owner.site;
    const { serviceAccounts } = owner.house.services;
    const { account } = await serviceAccounts.create(call, { name: nameIn(owner), tenantId, scopes: [] });
    return { svc: account.clientId };
  },
  async (owner) => {
    const { body } = await owner.as('POST', `/api/v1/tenants/${owner.tokens.user.tenantId}/domains`, {
      body: { domain: `${nameIn(owner)}.example` },
    });
    return { domain_not_found: body.domain };
  },
  async (owner) => ({ device_not_found: await rememberBrowser(owner) }),
  async ({ as, site }) => {
    const { factorId } = await enrolTotp(as);
    const login = await as('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
    return { fac: factorId, chl: login.body.challengeId };
  },
];

const nameIn = ({ site: { slug } }: SignedIn): string => `${slug}-${randomBytes(4).toString('hex')}`;

/** Makes one thing of every kind in the tenant of `owner`. */
export async function thingsOf(owner: SignedIn): Promise<Things> {
  const things: Record<string, string> = {};
  for (const make of MAKERS) Object.assign(things, await make(owner));
  for (const [kind, value] of Object.entries(things))
    if (typeof value !== 'string') throw new Error(`no ${kind} was made`);
  return things;
}

/** The value of a thing of this kind. */
export function oneOf(things: Things, kind: string): string {
  const value = things[kind];
  if (value === undefined)
    throw new Error(`MAKERS in test/support/things.ts has no ${kind}: say there how one is made`);
  return value;
}

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** What is spelled like a thing, and names none. */
export function absentLike(value: string): string {
  const random = (many: number) => Array.from({ length: many }, () => LETTERS[Math.trunc(Math.random() * 32)]).join('');
  if (/^[a-z]{3}_[0-7][0-9A-Z]{25}$/.test(value)) return `${value.slice(0, 5)}${random(25)}`;
  if (value.length === 43) return `${random(42)}A`;
  return `absent-${random(12).toLowerCase()}`;
}

/** Somebody who asks, and what is their tenant's own. */
export type Asker = { name: string; send: Send; site: Site; own: Things };

/** One of each kind of who may ask in a tenant, beside the administrator who owns it. */
export async function askersOf(v1: ReturnType<typeof servingV1>, owner: SignedIn, own: Things): Promise<Asker[]> {
  const { site } = owner;
  const { email } = await aPerson(v1.node(), site, []);
  const machine = await aMachine(v1.node(), site);
  const visitor = v1.stranger();
  const { secret } = await made(owner, '/api/v1/api-keys', { name: 'Everything', scopes: [...PERMISSIONS] });
  const byKey: Send = (method, path, request = {}) =>
    v1.stranger()(method, path, { ...request, headers: { 'x-api-key': secret, ...request.headers } });
  return [
    { name: 'an administrator', send: owner.as, site, own },
    { name: 'a plain user', send: (await v1.signIn({ ...site, email })).as, site, own },
    { name: 'a machine with every permission', send: machine, site, own },
    { name: 'an API key with every permission', send: byKey, site, own },
    { name: 'a visitor', send: visitor, site, own },
  ];
}

/** The operator's own administrator, who asks without naming a tenant. */
export async function anOperator(v1: ReturnType<typeof servingV1>): Promise<SignedIn> {
  const { house, url } = v1.node();
  const { PLATFORM_SLUG: slug } = house.config;
  const platform = (await house.directory.bySlug(house.operator('test'), slug))!;
  const site = { call: { ...house.operator('test'), tenantId: platform.id }, tenantId: platform.id, slug, issuer: url };
  const { id: user, email } = await aPerson(v1.node(), { ...site, user: '' as never, email: '' }, ['SUPER_ADMIN']);
  return v1.signIn({ ...site, user, email });
}

/** A machine of the site that holds every permission there is. */
export async function aMachine(node: TestNode, { call, issuer }: Site): Promise<Send> {
  const { clients, access } = node.house.services;
  await clients.create(call, ROBOT);
  await access.createRole(call, { name: 'everything', permissions: [...PERMISSIONS] });
  await access.setClientRoles(call, 'robot', ['everything']);
  const config = await openid.discovery(new URL(issuer), 'robot', ROBOT_SECRET, undefined, {
    execute: [openid.allowInsecureRequests],
    [openid.customFetch]: fetchAt(node) as never,
  });
  const { access_token: token } = await openid.clientCredentialsGrant(config, { resource: `${issuer}/api` });
  const send = sender(() => node.port);
  return (method, path, request = {}) =>
    send(method, path, { ...request, headers: { authorization: `Bearer ${token}`, ...request.headers } });
}
