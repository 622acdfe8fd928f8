import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ejs from 'ejs';
import type { Context, Middleware } from 'koa';
import type { Assets } from '../http/assets.ts';
import type { Contract, Schema } from './contract.ts';
import { openapi, outcomesOf } from './openapi.ts';
import { type Access, wantsCaller } from './operation.ts';
import { type Route, routesOf } from './routes.ts';

type Document = { body: Buffer; type: string; etag: string };

/** No script, nothing inline, nothing from elsewhere; the page has no form. */
const CSP =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** Seconds for which anyone may keep them: they change with the version only. */
const MAX_AGE = 300;

/**
 * `/openapi.json` (every contract), `/openapi/:contract.json`, `/schemas/:name.schema.json`, and `/docs`, the same for
 * people. Each is made once, when it is first asked for: most nodes are never asked, and all have to start.
 */
export function serveDocs(
  contracts: readonly Contract[],
  deps: { version: string; publicUrl: string; assets: Pick<Assets, 'href'> },
): Middleware {
  const makers = new Map<string, () => Document>([
    ['/openapi.json', () => jsonDocument(openapi(contracts, deps))],
    ...contracts.map(
      (contract) => [`/openapi/${contract.name}.json`, () => jsonDocument(openapi([contract], deps))] as const,
    ),
    ...contracts.flatMap(({ schemas = [] }) => schemas).map(schemaDocument),
    ['/docs', () => documentOf(pageOf(contracts, deps), 'text/html; charset=utf-8')],
  ]);
  const made = new Map<string, Document>();
  return async (ctx, next) => {
    const make = makers.get(ctx.path);
    if (!make) return next();
    const document = made.get(ctx.path) ?? make();
    made.set(ctx.path, document);
    ctx.state['route'] = ctx.path;
    if (ctx.method === 'GET' || ctx.method === 'HEAD') return send(ctx, document);
    ctx.status = 405;
    ctx.set('Allow', 'GET, HEAD');
  };
}

function send(ctx: Context, { body, type, etag }: Document): void {
  ctx.status = 200;
  ctx.type = type;
  ctx.set('Cache-Control', `public, max-age=${MAX_AGE}`);
  ctx.set('ETag', etag);
  if (ctx.path === '/docs') ctx.set('Content-Security-Policy', CSP);
  // Generators and explorers of other origins may read what anyone may read.
  else ctx.set({ 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' });
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = body;
}

const jsonDocument = (content: object) => documentOf(JSON.stringify(content), 'application/json; charset=utf-8');

const schemaDocument = ({ name, schema }: Schema): [path: string, make: () => Document] => [
  `/schemas/${name}.schema.json`,
  () => documentOf(JSON.stringify(schema), 'application/schema+json; charset=utf-8'),
];

function documentOf(text: string, type: string): Document {
  const body = Buffer.from(text);
  return { body, type, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}

function pageOf(
  contracts: readonly Contract[],
  { version, assets }: { version: string; assets: Pick<Assets, 'href'> },
): string {
  const filename = resolve('views/api/docs.ejs');
  const template = ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    strict: true,
    _with: false,
    localsName: 'page',
  });
  return template({
    version,
    css: assets.href('gatehouse.css'),
    docsCss: assets.href('docs.css'),
    favicon: assets.href('favicon.svg'),
    contracts: contracts.map((contract) => ({
      ...contract,
      groups: groupsOf(contract),
      messages: messagesOf(contract),
    })),
  });
}

const messagesOf = ({ name: contract, messages = [] }: Contract): object[] =>
  messages.map(({ name, summary, example }) => ({
    id: `${contract}-${name}`,
    name,
    summary,
    example: pretty(example),
  }));

/** The operations of a contract by the first word below its base, in the order of their files. */
function groupsOf(contract: Contract): { title: string; operations: object[] }[] {
  const document = describedBy(contract);
  const groups = Object.groupBy(routesOf([contract]), ({ operation: { path } }) => {
    const base = contract.bases.find((start) => path.startsWith(`${start}/`)) ?? '';
    return path.slice(base.length + 1).split('/')[0] ?? '';
  });
  return Object.entries(groups).map(([title, members = []]) => ({
    title,
    operations: members.map((route) => shown(route, document)),
  }));
}

function shown(route: Route, document: Whole): object {
  const { name, operation, contract } = route;
  const { parameters, requestBody } = openapiOf(route, document);
  return {
    id: `${contract.name}-${name}`,
    method: operation.method,
    path: operation.path,
    summary: operation.summary,
    description: operation.description,
    access: accessText(operation.access),
    needsToken: wantsCaller(operation),
    rates: (operation.rate ?? []).map(
      ({ points, seconds, per }) => `${points} in ${seconds} s per ${per === 'ip' ? 'address' : per}`,
    ),
    parameters: parameters.filter(
      ({ in: place, name }) => place === 'path' || place === 'query' || (place === 'header' && name !== 'X-Request-Id'),
    ),
    fields: fieldsOf(requestBody?.content['application/json']?.schema),
    exampleBody: pretty(operation.example?.body),
    exampleAnswer: pretty(operation.example?.answer),
    outcomes: outcomesOf(route).map(({ status, body, codes }) => ({ status, isAnswer: body !== undefined, codes })),
  };
}

type Property = {
  type?: string | string[];
  anyOf?: Property[];
  format?: string;
  maxLength?: number;
  enum?: unknown[];
  pattern?: string;
};
type Parameter = { name: string; in: string; required?: boolean; schema: Property };
type Described = {
  parameters: Parameter[];
  requestBody?: {
    content: { 'application/json': { schema: { properties?: Record<string, Property>; required?: string[] } } };
  };
};

type Whole = {
  paths: Record<
    string,
    Record<string, Omit<Described, 'parameters'> & { parameters: (Parameter | { $ref: string })[] }>
  >;
  components: { parameters: Record<string, Parameter> };
};

/** The document of a contract, without what every operation takes besides. */
const describedBy = (contract: Contract): Whole =>
  openapi([{ ...contract, tenantParameters: [] }], { version: '', publicUrl: '' }) as unknown as Whole;

function openapiOf({ operation: { path, method } }: Route, { paths, components }: Whole): Described {
  const described = paths[path.replace(/:(\w+)/g, '{$1}')]![method.toLowerCase()]!;
  const parameters = described.parameters.map((one) =>
    '$ref' in one ? components.parameters[one.$ref.split('/').at(-1)!]! : one,
  );
  return { ...described, parameters };
}

function fieldsOf(schema: { properties?: Record<string, Property>; required?: string[] } | undefined): object[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    type: typeText(property),
    isRequired: schema?.required?.includes(name) === true,
  }));
}

function typeText({ type, anyOf, format, enum: values }: Property): string {
  if (values) return values.join(' | ');
  if (anyOf) return anyOf.map(typeText).join(' | ');
  return [Array.isArray(type) ? type.join(' | ') : (type ?? 'any'), format].filter(Boolean).join(', ');
}

function accessText(access: Access): string {
  if (typeof access === 'object') return `permission ${access.permission}`;
  const texts: Record<typeof access, string> = {
    anonymous: 'anyone',
    proof: 'whoever has the proof in the request',
    'signed-in': 'a signed-in user',
    known: 'a signed-in user, or a client by its own token',
    'tenant-admin': 'an administrator of the tenant',
    super: 'an operator',
    internal: 'the operator’s own networks',
  };
  return texts[access];
}

const pretty = (example: unknown) => (example === undefined ? undefined : JSON.stringify(example, null, 2));
