import http from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { expect } from 'chai';
import { z } from 'zod';
import { operation } from '../../src/api/operation.ts';
import { createIdempotencyService } from '../../src/domain/idempotency/idempotency-service.ts';
import type { Services } from '../../src/domain/services.ts';
import { createExpiry } from '../../src/jobs/expiry.ts';
import { type Actor, inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aContract, servingContracts } from '../support/api.ts';
import { pool } from '../support/database.ts';
import { aLog } from '../support/http.ts';
import { actor, as, aTenant, rooms } from '../support/rooms.ts';

/** How often each operation was prepared and done. */
const counted = { prepared: 0, done: 0 };
/** What a handler does besides, in a test. */
let meanwhile: (call: TenantCall) => Promise<void> = async () => {};

const body = z.strictObject({ name: z.string(), pin: z.string().optional() });
const made = z.object({ name: z.string(), number: z.int(), secret: z.string() });

const make = operation({
  method: 'POST',
  path: '/tiny/things',
  summary: 'Make',
  access: 'signed-in',
  body,
  answers: { 201: made, 202: null },
  failures: ['role_taken'],
  idempotent: 'required',
  async prepare({ body: { name } }) {
    counted.prepared += 1;
    return `prepared for ${name}`;
  },
  async handle({ call, body: { name }, ready, browser, answer }, { access }) {
    counted.done += 1;
    await meanwhile(call);
    if (name === 'later') return answer(202, null);
    await access.createRole(call, { name });
    browser.setDevice('device');
    return answer(
      201,
      { name, number: counted.done, secret: `once-${ready}` },
      { version: 'v1', location: '/tiny/things/1' },
    );
  },
});

const other = operation({ ...make, path: '/tiny/others' } as never);
const change = operation({
  method: 'PUT',
  path: '/tiny/things/:id',
  summary: 'Change',
  access: 'signed-in',
  params: z.strictObject({ id: z.string() }),
  body,
  answers: { 200: z.object({ number: z.int() }) },
  failures: [],
  idempotent: 'honoured',
  async handle({ answer }) {
    counted.done += 1;
    return answer(200, { number: counted.done });
  },
});
const join = operation({
  method: 'POST',
  path: '/tiny/join',
  summary: 'Join',
  access: 'anonymous',
  body,
  answers: { 200: z.object({ number: z.int() }) },
  failures: [],
  idempotent: 'honoured',
  async handle({ answer }) {
    counted.done += 1;
    return answer(200, { number: counted.done });
  },
});

describe('a request with an Idempotency-Key', () => {
  let tenant: TenantCall;
  let person: Actor;
  let now = new Date();
  const { send, port } = servingContracts(
    () => [
      aContract(
        { make, other, change, join },
        { callerOf: async (_ctx, call) => ({ ...call, now, tenantId: tenant.tenantId, actor: person }) },
      ),
    ],
    () => ({
      services: {
        ...rooms(),
        idempotency: createIdempotencyService({
          keys: rooms().tenantKeys,
          platformTenant: async () => tenant.tenantId,
        }),
      } as unknown as Services,
    }),
  );
  beforeEach(async () => {
    tenant = await aTenant();
    person = actor(['iam.roles:write']);
    now = new Date();
    meanwhile = async () => {};
    Object.assign(counted, { prepared: 0, done: 0 });
  });

  const ask = (key: string | undefined, given: object, path = '/tiny/things', method = 'POST') =>
    send(method, path, { body: given, ...(key !== undefined && { headers: { 'idempotency-key': key } }) });
  /** Joins from an address of this machine. */
  const joinFrom = (localAddress: string, given: object) =>
    new Promise<{ status: number; text: string; replayed: unknown }>((resolve, reject) => {
      const text = JSON.stringify(given);
      const headers = { 'content-type': 'application/json', 'content-length': text.length, 'idempotency-key': 'key-9' };
      const request = http.request(
        { host: '127.0.0.1', port: port(), path: '/tiny/join', method: 'POST', localAddress, headers },
        async (answer) => {
          const { statusCode: status = 0, headers: received } = answer;
          resolve({ status, text: await readAll(answer), replayed: received['idempotency-replayed'] });
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  const rolesMade = async () =>
    (await rooms().access.list(as(tenant, { kind: 'system', name: 'test' }))).items.filter(({ system }) => !system)
      .length;

  it('has one effect, and the same answer again byte for byte, for a day', async () => {
    const first = await ask('key-1', { name: 'clerk' });
    const again = await ask('key-1', { name: 'clerk' });

    expect([first.status, again.status]).to.deep.equal([201, 201]);
    expect(again.text).to.equal(first.text);
    for (const header of ['etag', 'location', 'set-cookie', 'content-type'])
      expect(again.headers.get(header), header).to.equal(first.headers.get(header));
    expect([first.headers.get('etag'), first.headers.get('location')]).to.deep.equal(['"v1"', '/tiny/things/1']);
    expect(first.headers.get('set-cookie')).to.match(/device=device/);
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).to.deep.equal([
      null,
      'true',
    ]);
    expect(counted).to.deep.equal({ prepared: 1, done: 1 });

    now = new Date(now.getTime() + LIMITS.idempotencySeconds * 1000 - 1);
    expect((await ask('key-1', { name: 'clerk' })).text).to.equal(first.text);
    now = new Date(now.getTime() + 1);
    const nextDay = await ask('key-1', { name: 'clerk2' });
    expect([nextDay.status, nextDay.body.name]).to.deep.equal([201, 'clerk2']);
    expect((await ask('key-1', { name: 'clerk2' })).text).to.equal(nextDay.text);
  });

  it('is the same whatever the order of its fields, and another with another body, path or query', async () => {
    const first = await ask('key-2', { name: 'clerk', pin: '1' });
    expect((await ask('key-2', { pin: '1', name: 'clerk' })).text).to.equal(first.text);
    for (const given of [{ name: 'clerk' }, { name: 'clerk', pin: '2' }, { name: 'Clerk', pin: '1' }]) {
      const { status, body: refusal } = await ask('key-2', given);
      expect([status, refusal.code]).to.deep.equal([409, 'TINY_idempotency_mismatch']);
    }
    const changed = await ask('key-2', { name: 'a' }, '/tiny/things/1', 'PUT');
    expect((await ask('key-2', { name: 'a' }, '/tiny/things/1', 'PUT')).text).to.equal(changed.text);
    const elsewhere = await ask('key-2', { name: 'a' }, '/tiny/things/2', 'PUT');
    expect(elsewhere.body.code).to.equal('TINY_idempotency_mismatch');
    expect(counted.done).to.equal(2);
  });

  it('has its key for itself in its operation, for its person and in its tenant', async () => {
    await ask('key-3', { name: 'clerk' });
    expect((await ask('key-3', { name: 'later' }, '/tiny/others')).status).to.equal(202);
    person = actor(['iam.roles:write']);
    expect((await ask('key-3', { name: 'later' })).status).to.equal(202);
    tenant = await aTenant();
    expect((await ask('key-3', { name: 'later' })).status).to.equal(202);
    expect(counted.done).to.equal(4);
  });

  it('needs one where the operation says so, and takes none that is not printable ASCII of at most 255', async () => {
    const none = await ask(undefined, { name: 'clerk' });
    expect(none.body.code).to.equal('TINY_idempotency_key_required');
    const long = 'x'.repeat(LIMITS.idempotencyKeyChars);
    expect((await ask(long, { name: 'clerk' })).status).to.equal(201);
    for (const bad of [`${long}x`, '', 'caf\u00e9', '\u0080', 'a\tb']) {
      const { status } = await ask(bad, { name: 'clerk2' });
      expect([bad, status]).to.deep.equal([bad, 400]);
    }
    expect((await ask(undefined, { name: 'a' }, '/tiny/things/1', 'PUT')).status).to.equal(200);
    expect(await rolesMade()).to.equal(1);
  });

  it('leaves nothing of a refusal: the next try is a first one', async () => {
    await ask('key-4', { name: 'clerk' });
    const taken = await ask('key-5', { name: 'clerk' });
    expect([taken.status, taken.body.code]).to.deep.equal([422, 'TINY_role_taken']);
    const [role] = (await rooms().access.list(tenant)).items.filter(({ system }) => !system);
    await rooms().access.removeRole(tenant, role!.id);
    const again = await ask('key-5', { name: 'clerk' });
    expect([again.status, again.headers.get('idempotency-replayed')]).to.deep.equal([201, null]);
  });

  it('is one of twenty at once, at every moment', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('key-6', { name: 'clerk' })));
    expect(new Set(answers.map(({ text }) => text)).size).to.equal(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).to.have.length(1);
    expect([counted.done, await rolesMade()]).to.deep.equal([1, 1]);
  });

  it('is told to come again while the first takes its time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    meanwhile = async () => {
      begin();
      await promise;
    };
    const first = ask('key-7', { name: 'clerk' });
    await begun;
    const second = await ask('key-7', { name: 'clerk' });
    expect([second.body.code, second.headers.get('retry-after')]).to.deep.equal(['TINY_idempotency_in_flight', '1']);
    resolve();
    expect((await first).status).to.equal(201);
    expect((await ask('key-7', { name: 'clerk' })).headers.get('idempotency-replayed')).to.equal('true');
  });

  it('is kept with its work or not at all: the connection dies in the middle, and the next try does it', async () => {
    meanwhile = async ({ db }) => {
      await db.raw('select pg_terminate_backend(pg_backend_pid())');
    };
    expect((await ask('key-8', { name: 'clerk' })).status).to.equal(503);
    expect(await rolesMade()).to.equal(0);
    meanwhile = async () => {};
    expect((await ask('key-8', { name: 'clerk' })).status).to.equal(201);
    expect(await rolesMade()).to.equal(1);
  });

  it('keeps neither key, request nor answer readable', async () => {
    await ask('key-canary', { name: 'clerk', pin: 'pin-canary' });
    const rows = await inTransaction(tenant, ({ db }) =>
      db('idempotency_keys').where({ tenant_id: tenant.tenantId }).select(),
    );
    expect(rows).to.have.length(1);
    const bytes = Buffer.concat(Object.values(rows[0]).filter(Buffer.isBuffer)).toString('latin1');
    expect(bytes + JSON.stringify(rows)).not.to.match(/canary|clerk|once/);
  });

  it('tells strangers apart by their network', async () => {
    const fromHome = await joinFrom('127.0.0.1', { name: 'a' });
    expect(await joinFrom('127.0.0.1', { name: 'a' })).to.deep.equal({ ...fromHome, replayed: 'true' });
    expect((await joinFrom('127.0.0.1', { name: 'b' })).text).to.include('TINY_idempotency_mismatch');
    expect((await joinFrom('127.0.0.2', { name: 'b' })).status).to.equal(200);
    expect(counted.done).to.equal(2);
  });

  it('is not held up by the sweep of what has ended', async () => {
    await ask('key-10', { name: 'clerk' });
    await createExpiry({ db: pool(), log: aLog().log }).sweep();
    expect((await ask('key-10', { name: 'clerk' })).headers.get('idempotency-replayed')).to.equal('true');
  });
});
