import { randomBytes } from 'node:crypto';
import type { Route } from '../../../src/api/routes.ts';
import { userIds } from '../../../src/api/v1/ids.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { type ApiAnswer, sender } from '../api.ts';
import { aPerson } from '../colleagues.ts';
import { aSite, PASSWORD, type Site, type TestNode } from '../node.ts';
import { everyRoute } from '../write-requests.ts';
import { type Chance, calm, chanceOf } from './chance.ts';
import { type FuzzRequest, type Known, requestFor } from './requests.ts';

export type FuzzOptions = {
  requests: number;
  /** The same seed asks the same; which ids are known by then, the answers say. */
  seed: number;
  /** How many are under way at once. */
  atOnce: number;
};

export type Fault = FuzzRequest & { request: number; status: number; answer: string; problem: string };

export type FuzzFigures = {
  requests: number;
  seed: number;
  operations: number;
  statuses: Record<string, number>;
  faults: Fault[];
  /** Requests that took more than a second, and what they asked. */
  slow: { what: string; ms: number }[];
  perSecond: number;
};

/** So many ids of a kind, and tags, are remembered: the latest. */
const REMEMBERED = 50;
const SLOW_MS = 1_000;

/**
 * Sends random requests to every operation, as an administrator, a plain user, somebody of another tenant, and nobody.
 * A fault is an answer of 5xx, or one that the documentation does not have.
 */
export async function fuzz(node: TestNode, { requests, seed, atOnce }: FuzzOptions): Promise<FuzzFigures> {
  const memory = createMemory();
  const callers = await createCallers(node, memory);
  const figures: FuzzFigures = {
    requests,
    seed,
    operations: everyRoute.length,
    statuses: {},
    faults: [],
    slow: [],
    perSecond: 0,
  };
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let request = next++; request < requests; request = next++) {
        const wild = chanceOf(seed * 1_000_003 + request);
        const chance = wild.is(0.5) ? wild : calm(wild);
        const route = everyRoute[request % everyRoute.length]!;
        await one(request, route, chance, { node, memory, callers, figures });
      }
    }),
  );
  figures.perSecond = Math.round(requests / ((performance.now() - began) / 1000));
  return figures;
}

type Running = {
  node: TestNode;
  memory: ReturnType<typeof createMemory>;
  callers: Awaited<ReturnType<typeof createCallers>>;
  figures: FuzzFigures;
};

async function one(request: number, route: Route, chance: Chance, running: Running): Promise<void> {
  const { node, memory, callers, figures } = running;
  const caller = callers.pick(chance);
  const asked = requestFor(route, chance, { ...memory.known, slugs: callers.slugs() });
  const headers = { ...(caller.token && { authorization: `Bearer ${caller.token}` }), ...asked.headers };
  const raw = asked.body === undefined ? {} : { raw: asked.body };
  const began = performance.now();
  let answer: ApiAnswer | undefined;
  let problem = '';
  try {
    answer = await sender(
      () => node.port,
      (given) => {
        answer = given;
      },
    )(asked.method, asked.path, { headers, ...raw });
  } catch (error) {
    problem = String((error as Error).message);
  }
  const ms = performance.now() - began;
  const status = answer?.status ?? 0;
  figures.statuses[status] = (figures.statuses[status] ?? 0) + 1;
  if (ms > SLOW_MS) figures.slow.push({ what: `${asked.method} ${asked.path.slice(0, 120)}`, ms: Math.round(ms) });
  if (status >= 500) problem ||= `answered ${status}`;
  if (problem) figures.faults.push({ ...asked, request, status, answer: answer?.text.slice(0, 500) ?? '', problem });
  if (!answer) return;
  memory.learn(answer);
  const { error } = answer.body ?? {};
  // Whoever lost a role by what was asked gets into little any more.
  if (error === 'IDENT_UNAUTHENTICATED' || (error === 'IDENT_FORBIDDEN' && caller.roles.length > 0 && chance.is(0.3)))
    await callers.renew(caller);
}

/** Remembers the ids and tags of answers. */
function createMemory() {
  const ids = new Map<string, string[]>();
  const tags: string[] = [];
  const keep = (list: string[], value: string) => {
    const at = list.indexOf(value);
    if (at >= 0) list.splice(at, 1);
    list.push(value);
    if (list.length > REMEMBERED) list.shift();
  };
  const known: Omit<Known, 'slugs'> = {
    ids: {
      known: (prefix) => ids.get(prefix) ?? [],
      absent: (prefix) => userIds.encode(newId()).replace('usr', prefix),
    },
    tags,
  };
  return {
    known,
    learn({ text, headers }: Pick<ApiAnswer, 'text' | 'headers'>): void {
      for (const [id] of text.matchAll(/\b[a-z]{3}_[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g)) {
        const prefix = id.slice(0, 3);
        if (!ids.has(prefix)) ids.set(prefix, []);
        keep(ids.get(prefix)!, id);
      }
      const tag = headers.get('etag');
      if (tag) keep(tags, tag);
    },
  };
}

type Caller = { site: Site; roles: readonly string[]; token: string | undefined; renewing: Promise<void> | undefined };

/** Whoever asks. Who loses their session, their account or their tenant by what was asked gets another one. */
async function createCallers(node: TestNode, memory: ReturnType<typeof createMemory>) {
  const [mine, theirs] = [await aSite(node), await aSite(node)];
  const caller = (site: Site, roles: readonly string[]): Caller => ({
    site,
    roles,
    token: undefined,
    renewing: undefined,
  });
  const admin = caller(mine, ['TENANT_ADMIN']);
  const plain = caller(mine, []);
  const other = caller(theirs, ['TENANT_ADMIN']);
  const nobody: Caller = { ...caller(mine, []), token: undefined };
  const stale: Caller = { ...caller(mine, []), token: randomBytes(32).toString('base64url') };

  async function signIn(who: Caller): Promise<void> {
    const send = sender(() => node.port);
    for (let tries = 0; tries < 3; tries++) {
      const { email } = await aPerson(node, who.site, who.roles).catch(() => ({ email: '' }));
      const headers = { 'x-tenant-slug': who.site.slug };
      const login = await send('POST', '/api/v1/auth/login', { headers, body: { email, password: PASSWORD } });
      if (login.status === 200) {
        who.token = login.body.accessToken;
        memory.learn(login);
        return;
      }
      who.site = await aSite(node);
    }
    throw new Error('nobody can sign in any more');
  }
  for (const who of [admin, plain, other]) await signIn(who);

  return {
    slugs: () => [admin.site.slug, other.site.slug],
    pick: (chance: Chance) => (chance.is(0.8) ? admin : chance.pick([plain, plain, other, other, nobody, stale])),
    async renew(who: Caller): Promise<void> {
      if (who === nobody || who === stale) return;
      who.renewing ??= signIn(who).finally(() => {
        who.renewing = undefined;
      });
      await who.renewing;
    },
  };
}
