import { expect } from 'chai';
import { z } from 'zod';
import { createContracts } from '../../src/api/contracts.ts';
import { serveDocs } from '../../src/api/docs.ts';
import { openapi } from '../../src/api/openapi.ts';
import { operation } from '../../src/api/operation.ts';
import { createAssets } from '../../src/http/assets.ts';
import { createSecurityHeaders } from '../../src/http/security-headers.ts';
import { aContract, sender } from '../support/api.ts';
import { get, serving } from '../support/http.ts';

const about = { version: '1.2.3', publicUrl: 'https://id.test' };
/** Their doors are not opened here. */
const contracts = createContracts({ publicHost: 'id.test' } as never);

const act = operation({
  method: 'PUT',
  path: '/tiny/items/:id/parts/:part',
  summary: 'Act',
  access: { permission: 'iam.items:write' },
  params: z.strictObject({
    id: z
      .string()
      .regex(/^item-\d+$/)
      .transform(Number),
    part: z.string(),
  }),
  query: z.strictObject({ dry: z.enum(['yes', 'no']).optional(), by: z.string() }),
  body: z.strictObject({ at: z.iso.datetime().transform((text) => new Date(text)), count: z.int().min(1).default(1) }),
  answers: { 200: z.object({ id: z.string() }), 409: z.object({ other: z.string() }) },
  failures: ['user_not_found'],
  example: { body: { at: '2026-01-01T00:00:00Z' }, answer: { id: 'item-1' } },
  handle: async ({ answer }) => answer(200, { id: '1' }),
});

const once = operation({
  method: 'POST',
  path: '/tiny/once',
  summary: 'Once',
  access: 'signed-in',
  answers: { 201: z.object({}) },
  failures: [],
  idempotent: 'required',
  rate: [{ name: 'tiny', points: 1, seconds: 1, per: 'tenant', count: 'exact' }],
  handle: async ({ answer }) => answer(201, {}),
});
const seen = operation({
  method: 'GET',
  path: '/tiny/seen',
  summary: 'Seen',
  access: 'signed-in',
  answers: { 200: z.object({}) },
  failures: [],
  versioned: true,
  streams: ['text/csv'],
  handle: async ({ answer }) => answer(200, {}, { version: '1' }),
});
const turn = operation({ ...seen, method: 'PATCH', idempotent: 'honoured' } as never);

// biome-ignore lint/suspicious/noExplicitAny: a document of any shape
const documentOf = (...given: Parameters<typeof openapi>[0]) => openapi(given, about) as any;

describe('the OpenAPI document', () => {
  const document = documentOf(aContract({ act }));
  const described = document.paths['/tiny/items/{id}/parts/{part}'].put;

  it('names an operation as its contract does', () => {
    expect(document).to.include({ openapi: '3.1.0' });
    expect(document.info).to.deep.equal({ title: 'Tiny', version: '1.2.3', description: 'For tests.' });
    expect(described).to.include({ operationId: 'tiny_act', summary: 'Act' });
    expect(described.security).to.deep.equal([{ tiny: ['iam.items:write'] }]);
  });

  it('names what is sent to receivers, where anything is', () => {
    const user = {
      name: 'user.born',
      summary: 'Somebody was born.',
      schema: z.object({ at: z.string() }),
      example: { at: 'noon' },
    };
    const { post } = documentOf(aContract({ act }, { messages: [user] })).webhooks['user.born'];
    expect(post).to.include({ operationId: 'tiny_user.born', summary: 'Somebody was born.' });
    expect(post.requestBody.content['application/json']).to.deep.include({ example: { at: 'noon' } });
    expect(post.requestBody.content['application/json'].schema).to.deep.include({ required: ['at'] });
    expect(post.parameters.map(({ name }: { name: string }) => name)).to.include('webhook-signature');
    expect(document).not.to.have.property('webhooks');
    expect(Object.keys(documentOf(...contracts).webhooks)).to.include('user.created');
  });

  it('describes what travels, before any transform', () => {
    const { schema, example } = described.requestBody.content['application/json'];
    expect(schema)
      .to.include({ type: 'object', additionalProperties: false })
      .and.to.deep.include({ required: ['at'] });
    expect(schema.properties.at).to.include({ type: 'string', format: 'date-time' });
    expect(example).to.deep.equal({ at: '2026-01-01T00:00:00Z' });
    expect(
      described.parameters
        .filter(({ name }: { name?: string }) => name !== undefined)
        .map(({ name, in: where, required }: Record<string, unknown>) => [name, where, required]),
    ).to.deep.equal([
      ['id', 'path', true],
      ['part', 'path', true],
      ['dry', 'query', false],
      ['by', 'query', true],
      ['tenant', 'query', false],
    ]);
    expect(described.parameters[0].schema).to.include({ type: 'string', pattern: '^item-\\d+$' });
  });

  it('has every status that the operation can answer', () => {
    expect(Object.keys(described.responses)).to.deep.equal([
      '200',
      '400',
      '401',
      '403',
      '404',
      '409',
      '413',
      '415',
      '429',
      '500',
      '503',
    ]);
    expect(described.responses[403].description).to.equal('TINY_cross_tenant, TINY_forbidden');
    expect(described.responses[404].content['application/json'].schema).to.deep.equal({
      $ref: '#/components/schemas/tinyError',
    });
    expect(described.responses[429].headers).to.have.property('Retry-After');
    expect(described.responses[200].content['application/json'].example).to.deep.equal({ id: 'item-1' });
  });

  it('shows what each refusal looks like', () => {
    const { examples } = described.responses[403].content['application/json'];
    expect(examples).to.deep.equal({
      cross_tenant: { $ref: '#/components/examples/tiny_cross_tenant' },
      forbidden: { $ref: '#/components/examples/tiny_forbidden' },
    });
    expect(document.components.examples.tiny_forbidden.value).to.include({ code: 'TINY_forbidden' });
  });

  it('has the headers by which a request may be sent again, and a change be refused', () => {
    const all = documentOf(aContract({ once, seen, turn }));
    const headersOf = (method: string, path: string) =>
      all.paths[path][method].parameters.flatMap(({ $ref }: { $ref?: string }) =>
        $ref ? [all.components.parameters[$ref.split('/').at(-1)!]] : [],
      );
    const names = (method: string, path: string) =>
      headersOf(method, path).map(({ name, required = false }: { name: string; required?: boolean }) => [
        name,
        required,
      ]);
    expect(names('post', '/tiny/once')).to.deep.equal([
      ['X-Request-Id', false],
      ['Idempotency-Key', true],
    ]);
    expect(names('get', '/tiny/seen')).to.deep.equal([['X-Request-Id', false]]);
    expect(names('patch', '/tiny/seen')).to.deep.equal([
      ['X-Request-Id', false],
      ['Idempotency-Key', false],
      ['If-Match', false],
    ]);
    const responses = (method: string, path: string) => all.paths[path][method].responses;
    expect(responses('post', '/tiny/once')[201].headers).to.include.keys('Idempotency-Replayed', 'RateLimit');
    expect(responses('post', '/tiny/once')[400].description).to.include('TINY_idempotency_key_required');
    expect(responses('get', '/tiny/seen')[200].headers).to.include.keys('ETag');
    expect(responses('get', '/tiny/seen')).not.to.have.property('412');
    expect(responses('patch', '/tiny/seen')[412].description).to.equal('TINY_precondition_failed');
    expect(responses('get', '/tiny/seen')[200].content).to.have.all.keys('application/json', 'text/csv');
  });

  it('refers to nothing that it does not hold', () => {
    const all = documentOf(...contracts);
    for (const [, path] of JSON.stringify(all).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      expect(
        path!.split('/').reduce((node, key) => node?.[key], all),
        path,
      ).to.be.an('object');
    }
    for (const contract of contracts) expect(all.components.schemas).to.have.property(`${contract.name}Error`);
  });

  it('has an id for each operation that no other has', () => {
    const ids = Object.values(
      documentOf(...contracts).paths as Record<string, Record<string, { operationId: string }>>,
    ).flatMap((path) => Object.values(path).map(({ operationId }) => operationId));
    expect(new Set(ids).size).to.equal(ids.length);
    expect(ids).to.include.members(['v1_login', 'v1_refresh', 'v1_me', 'v1_revokeMySession']);
  });
});

describe('the documentation', () => {
  let served: Awaited<ReturnType<typeof serving>>;
  before(async () => {
    served = await serving([
      createSecurityHeaders(about.publicUrl),
      serveDocs(contracts, { ...about, assets: createAssets() }),
    ]);
  });
  after(() => served.stop());
  const send = sender(() => served.port);

  it('is one document for all contracts, and one for each', async () => {
    const all = await send('GET', '/openapi.json');
    expect(all.status).to.equal(200);
    expect(all.body.paths).to.have.property('/api/v1/auth/login');
    for (const { name } of contracts) expect((await send('GET', `/openapi/${name}.json`)).status).to.equal(200);
    expect((await send('GET', '/openapi/none.json')).status).to.equal(404);
    expect((await send('POST', '/openapi.json')).status).to.equal(405);
  });

  it('have the schemas of what people keep beside them', async () => {
    const { status, headers, text } = await send('GET', '/schemas/privacy-export.schema.json');
    expect([status, headers.get('content-type')]).to.deep.equal([200, 'application/schema+json; charset=utf-8']);
    expect(JSON.parse(text).$id).to.equal('urn:gatehouse:schema:privacy-export:1');
    expect((await send('GET', '/schemas/none.schema.json')).status).to.equal(404);
  });

  it('need not be sent twice', async () => {
    const { headers } = await get(served.port, '/openapi.json');
    const again = await get(served.port, '/openapi.json', { 'if-none-match': headers.get('etag')! });
    expect([again.status, again.body]).to.deep.equal([304, '']);
  });

  it('tells people of the headers too', async () => {
    const other = await serving([serveDocs([aContract({ once, turn })], { ...about, assets: createAssets() })]);
    const { text } = await sender(() => other.port)('GET', '/docs');
    await other.stop();
    expect(text).to.match(/<code>Idempotency-Key<\/code><\/th><td>header<\/td><td>string<\/td><td>yes</);
    expect(text).to.match(/<code>If-Match<\/code><\/th><td>header<\/td><td>string<\/td><td>no</);
    expect(text).to.include('1 in 1 s per tenant').and.not.include('X-Request-Id');
  });

  it('is a page for people, with every operation and without code', async () => {
    const { status, headers, text } = await send('GET', '/docs');
    expect([status, headers.get('content-type')]).to.deep.equal([200, 'text/html; charset=utf-8']);
    expect(headers.get('content-security-policy')).to.match(/^default-src 'none'; style-src 'self'/);
    expect(text).not.to.match(/<script|<style|\sstyle=|\son[a-z]+=|javascript:/i);
    for (const { operations } of contracts) {
      for (const { path, summary } of Object.values(operations)) expect(text).to.include(path).and.include(summary);
    }
    expect(text).to.match(/href="\/assets\/docs\.css\?v=[0-9a-f]{12}"/);
  });

  it('lets no text of an operation become markup', async () => {
    const sharp = { ...act, summary: '<b onclick="x">"&' };
    const other = await serving([serveDocs([aContract({ sharp })], { ...about, assets: createAssets() })]);
    const { text } = await sender(() => other.port)('GET', '/docs');
    await other.stop();
    expect(text).to.include('&lt;b onclick=&#34;x&#34;&gt;&#34;&amp;').and.not.include('<b onclick');
  });

  it('has one id for each place that a link can lead to', async () => {
    const { text } = await send('GET', '/docs');
    const ids = [...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const [, target] of text.matchAll(/href="#([^"]+)"/g)) expect(ids).to.include(target);
  });
});
