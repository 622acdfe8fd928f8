import { expect } from 'chai';
import { readJson } from '../../src/http/json-body.ts';
import { inTransaction } from '../../src/kernel/call.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { newId } from '../../src/kernel/ids.ts';
import { authorization, configured } from './clients.ts';
import { serving } from './http.ts';
import { aSite, fetchAt, startNode, type TestNode } from './node.ts';
import { aSlug, aTenant, rooms } from './rooms.ts';

// What a limit is tried with, where that takes more than a line of limit-proofs.ts.

export const x = (count: number): string => 'x'.repeat(count);

export function refused(): never {
  throw new Failure('invalid_input');
}

/** A request with a JSON body of exactly so many bytes. */
export async function jsonOf(bytes: number): Promise<void> {
  const server = await serving([
    async (ctx) => {
      ctx.body = (await readJson(ctx)) as object;
    },
  ]);
  try {
    const body = JSON.stringify({ a: x(bytes - 8) });
    expect(body).to.have.length(bytes);
    const { status } = await fetch(`http://127.0.0.1:${server.port}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    if (status !== 200) refused();
  } finally {
    await server.stop();
  }
}

let node: TestNode | undefined;
export const endProofs = async () => node?.stop();

/** An authorization request with a scope of exactly so many characters. */
export async function authorized(chars: number): Promise<void> {
  node ??= await startNode();
  const site = await aSite(node);
  const { url } = await authorization(await configured(node, site), { scope: `openid ${x(chars - 7)}` });
  const answer = await fetchAt(node)(url);
  if (!answer.headers.get('location')?.includes('/interaction/')) refused();
}

export async function secretsOfOneClient(count: number): Promise<void> {
  const call = await aTenant();
  await rooms().clients.create(call, { clientId: 'robot', kind: 'service' });
  for (let more = 1; more < count; more++) await rooms().clients.addSecret(call, 'robot');
}

export async function rotated(overlapSeconds: number): Promise<void> {
  const call = await aTenant();
  await rooms().clients.create(call, { clientId: 'robot', kind: 'service' });
  await rooms().clients.rotateSecret(call, 'robot', { overlapSeconds });
}

export async function domainsOfOneTenant(count: number): Promise<void> {
  const call = await aTenant();
  const name = aSlug();
  for (let at = 0; at < count; at++) await rooms().tenants.addDomain(call, `${name}-${at}.example`);
}

export async function webhooksOfOneTenant(count: number): Promise<void> {
  const call = await aTenant();
  for (let at = 0; at < count; at++)
    await rooms().webhooks.create(call, { url: `https://hooks.example/${at}`, events: ['*'] });
}

/** All but one are written down at once: each by itself would hold up the tenant's row. */
export async function keysOfOneTenant(count: number): Promise<void> {
  const call = await aTenant();
  await inTransaction(call, ({ db, tenantId, now }) =>
    db('api_keys').insert(
      Array.from({ length: count - 1 }, () => ({
        ...{ tenant_id: tenantId, id: newId(), name: 'x', scopes: ['ward.beds:read'], allowed_ips: [] },
        ...{ hash: Buffer.alloc(32), created_at: now },
      })),
    ),
  );
  await rooms().apiKeys.create(call, { name: 'One more', scopes: ['ward.beds:read'] });
}
