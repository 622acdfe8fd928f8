import { expect } from 'chai';
import { z } from 'zod';
import { operation } from '../../src/api/operation.ts';
import { createRoutes } from '../../src/api/routes.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { aContract, calledBy, servingContracts, someone } from '../support/api.ts';

const item = z.strictObject({ id: z.string().regex(/^item-\d{1,6}$/) });

const echo = operation({
  method: 'POST',
  path: '/tiny/items/:id',
  summary: 'Echo',
  access: 'signed-in',
  params: item,
  query: z.strictObject({ verbose: z.enum(['yes', 'no']).optional() }),
  body: z.strictObject({ name: z.string().max(20), tags: z.array(z.strictObject({ text: z.string() })).optional() }),
  answers: { 200: z.object({ id: z.string(), name: z.string() }), 202: null },
  failures: ['user_not_found'],
  async handle({ params, query, body, answer }) {
    if (body.name === 'later') return answer(202, null);
    if (body.name === 'undeclared') throw new Failure('email_taken');
    if (body.name === 'declared') throw new Failure('user_not_found', { secret: 'not for the caller' });
    if (body.name === 'broken') throw new TypeError('select secret from users');
    if (body.name === 'away')
      throw Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });
    if (body.name === 'malformed') return answer(200, { id: params.id } as never);
    const more = { passwordHash: '$argon2id$' };
    return answer(200, { id: params.id, name: `${body.name}${query.verbose ?? ''}`, ...more });
  },
});

const list = operation({
  method: 'GET',
  path: '/tiny/items/recent',
  summary: 'List',
  access: 'anonymous',
  answers: { 200: z.object({ tenant: z.string().nullable(), actor: z.string() }) },
  failures: [],
  handle: async ({ call, answer }) => answer(200, { tenant: call.tenantId ?? null, actor: call.actor.kind }),
});

const remove = operation({
  method: 'DELETE',
  path: '/tiny/items/:id',
  summary: 'Remove',
  access: 'signed-in',
  params: item,
  answers: { 204: null },
  failures: [],
  handle: async ({ answer }) => answer(204, null),
});

describe('an operation', () => {
  const { send, bugs, log } = servingContracts(() => [
    aContract({ echo, list, remove }, { callerOf: calledBy(someone()) }),
  ]);

  it('answers what its handler gives, and nothing that its schema does not name', async () => {
    const { status, body, headers } = await send('POST', '/tiny/items/item-1?verbose=yes', { body: { name: 'a' } });
    expect(status).to.equal(200);
    expect(body).to.deep.equal({ id: 'item-1', name: 'ayes' });
    expect(headers.get('cache-control')).to.equal('no-store');
    expect(headers.get('vary')).to.match(/Authorization/);
  });

  it('answers a status without a body as it is, not as 204', async () => {
    const { status, text } = await send('POST', '/tiny/items/item-1', { body: { name: 'later' } });
    expect(status).to.equal(202);
    expect(text).to.equal('');
  });

  it('names each field that is wrong by its path', async () => {
    const { status, body } = await send('POST', '/tiny/items/item-1', {
      body: { name: 1, tags: [{ text: 'x' }, { text: 1, more: 1 }] },
    });
    expect(status).to.equal(400);
    expect(body.code).to.equal('TINY_invalid_input');
    expect(body.details.map((detail: { field: string }) => detail.field)).to.have.members([
      'name',
      'tags[1].text',
      'tags[1].more',
    ]);
  });

  it('shows twenty problems at most', async () => {
    const strange = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${at}`, 1]));
    const { body } = await send('POST', '/tiny/items/item-1', { body: strange });
    expect(body.details).to.have.length(20);
  });

  it('refuses a query parameter that it does not know, and one that stands twice', async () => {
    for (const query of [
      'other=1',
      'verbose=yes&verbose=no',
      'verbose=maybe',
      'verbose=%ff',
      'verbose=%00',
      '__proto__=1',
    ]) {
      const { status, body } = await send('POST', `/tiny/items/item-1?${query}`, { body: { name: 'a' } });
      expect([query, status]).to.deep.equal([query, 400]);
      expect(body.details, query).to.have.length(1);
    }
  });

  it('takes the query parameter that names the tenant everywhere', async () => {
    expect((await send('GET', '/tiny/items/recent?tenant=acme')).status).to.equal(200);
  });

  it('refuses a body where none is asked for', async () => {
    expect((await send('DELETE', '/tiny/items/item-1', { body: { force: true } })).status).to.equal(400);
    expect((await send('DELETE', '/tiny/items/item-1', { body: {} })).status).to.equal(204);
    expect((await send('DELETE', '/tiny/items/item-1')).status).to.equal(204);
  });

  it('answers a path id that cannot be one like an id that nobody has', async () => {
    const malformed = await send('POST', '/tiny/items/nonsense', { body: { name: 'a' } });
    const absent = await send('POST', '/tiny/items/item-1', { body: { name: 'declared' } });
    expect(malformed.status).to.equal(404);
    expect({ ...malformed.body, requestId: '' }).to.deep.equal({ ...absent.body, requestId: '' });
    expect((await send('DELETE', '/tiny/items/%ff')).status).to.equal(404);
    expect((await send('DELETE', '/tiny/items/nonsense')).body.code).to.equal('TINY_not_found');
  });

  it('shows a declared refusal without its details', async () => {
    const { text, body } = await send('POST', '/tiny/items/item-1', { body: { name: 'declared' } });
    expect(body).to.have.all.keys('code', 'message', 'requestId');
    expect(text).not.to.include('not for the caller');
  });

  it('answers 500 for a refusal that it does not declare, and tells us', async () => {
    const { status, body } = await send('POST', '/tiny/items/item-1', { body: { name: 'undeclared' } });
    expect([status, body.code]).to.deep.equal([500, 'TINY_internal']);
    expect(bugs.splice(0)).to.have.nested.property('[0].code', 'email_taken');
  });

  it('answers 500 for an error, with nothing of it', async () => {
    const { status, text } = await send('POST', '/tiny/items/item-1', { body: { name: 'broken' } });
    expect(status).to.equal(500);
    expect(text).not.to.match(/select|TypeError|mount|\.ts/);
    expect(bugs.splice(0)).to.have.length(1);
    expect(log.text()).to.include('operation failed');
  });

  it('answers 500 for an answer that breaks its own schema', async () => {
    expect((await send('POST', '/tiny/items/item-1', { body: { name: 'malformed' } })).status).to.equal(500);
    expect(bugs.splice(0)).to.have.length(1);
  });

  it('answers 503 with Retry-After while the database is away', async () => {
    const { status, headers, text } = await send('POST', '/tiny/items/item-1', { body: { name: 'away' } });
    expect(status).to.equal(503);
    expect(headers.get('retry-after')).to.equal('1');
    expect(text).not.to.include('10.0.0.1');
  });

  it('comes before an operation with a parameter in the place of its word', async () => {
    expect((await send('GET', '/tiny/items/recent')).body).to.deep.equal({ tenant: null, actor: 'anonymous' });
  });

  it('answers HEAD like GET, without a body', async () => {
    const { status, text } = await send('HEAD', '/tiny/items/recent');
    expect([status, text]).to.deep.equal([200, '']);
  });

  it('answers 405 with Allow for another method, whatever a header says', async () => {
    const { status, headers, body } = await send('PUT', '/tiny/items/item-1', {
      headers: { 'x-http-method-override': 'DELETE' },
      body: {},
    });
    expect([status, body.code]).to.deep.equal([405, 'TINY_method_not_allowed']);
    expect(headers.get('allow')).to.equal('DELETE, POST');
    const get = await send('DELETE', '/tiny/items/recent');
    expect([get.status, get.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    const tunnelled = await send('GET', '/tiny/items/item-1?_method=DELETE');
    expect(tunnelled.status).to.equal(405);
  });

  it('answers what is unknown below the base in the envelope, and leaves the rest to others', async () => {
    const { status, body } = await send('GET', '/tiny/nothing/here');
    expect([status, body.code]).to.deep.equal([404, 'TINY_not_found']);
    expect((await send('GET', '/tiny/items/recent/x.css')).status).to.equal(404);
    expect((await send('GET', '/tiny/items/recent/')).status).to.equal(404);
    expect((await send('GET', '/tinyother')).body).not.to.have.property('code');
  });

  it('carries the id of the request in every answer', async () => {
    for (const path of ['/tiny/items/recent', '/tiny/nothing', '/tiny/items/item-1']) {
      const { headers, body } = await send('GET', path, { headers: { 'x-request-id': 'check-0123.a_b' } });
      expect(headers.get('x-request-id'), path).to.equal('check-0123.a_b');
      if (body.code) expect(body.requestId).to.equal('check-0123.a_b');
    }
  });
});

describe('the order of an operation', () => {
  it('asks who calls before it looks at anything else', async () => {
    const anonymous = await refusing.send('POST', '/tiny/items/nonsense?other=1', {
      raw: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    expect([anonymous.status, anonymous.headers.get('www-authenticate')]).to.deep.equal([401, 'Bearer realm="tiny"']);
  });

  const refusing = servingContracts(() => [
    aContract(
      { echo },
      { callerOf: async (_ctx, call) => Promise.reject(new Failure('unauthenticated', { call: call.now })) },
    ),
  ]);
});

describe('two contracts side by side', () => {
  const other = { ...list, path: '/tiny/v1/others' as const };
  const { send } = servingContracts(() => [
    aContract({ list }),
    aContract({ other }, { name: 'inner', bases: ['/tiny/v1'], errorBody: () => ({ inner: true }) }),
  ]);

  it('may lie within one another', async () => {
    expect((await send('GET', '/tiny/v1/others')).status).to.equal(200);
    expect((await send('GET', '/tiny/v1/nothing')).body).to.deep.equal({ inner: true });
    expect((await send('GET', '/tiny/nothing')).body.code).to.equal('TINY_not_found');
  });

  it('cannot claim the same path', () => {
    const renamed = { ...echo, path: '/tiny/items/:name' as const };
    expect(() => createRoutes([aContract({ list }), aContract({ list })])).to.throw(
      'two operations claim GET /tiny/items/recent',
    );
    expect(() => createRoutes([aContract({ echo, renamed })])).to.throw('two operations claim POST /tiny/items/:name');
  });
});
