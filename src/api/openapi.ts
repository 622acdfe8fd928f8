import { z } from 'zod';
import { FAILURES, type FailureCode } from '../kernel/failure.ts';
import type { Contract, Message } from './contract.ts';
import { HEADERS, PARAMETERS, text } from './openapi-parts.ts';
import { commonFailures, isConditional, type Operation, wantsCaller } from './operation.ts';
import { type Route, routesOf } from './routes.ts';

type Json = Record<string, unknown>;

/** One status of an operation: what is answered by design, and which refusals share the status. */
export type Outcome = {
  status: number;
  body: z.ZodType | null | undefined;
  refusals: readonly FailureCode[];
  /** Their public names, each once. */
  codes: readonly string[];
};

/** The OpenAPI 3.1 document of contracts, written from the same operations the router serves. */
export function openapi(
  contracts: readonly Contract[],
  { version, publicUrl }: { version: string; publicUrl: string },
): Json {
  const paths: Record<string, Json> = {};
  for (const route of routesOf(contracts)) {
    const path = route.operation.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.operation.method.toLowerCase()]: describe(route) };
  }
  const [only, ...others] = contracts;
  const isOne = only !== undefined && others.length === 0;
  return withSharedSchemas({
    openapi: '3.1.0',
    info: { title: isOne ? only.title : 'Gatehouse', version, ...(isOne && { description: only.description }) },
    servers: [{ url: publicUrl }],
    tags: contracts.map(({ name, title, description }) => ({ name, description: `${title}. ${description}` })),
    paths,
    ...webhooksOf(contracts),
    components: {
      securitySchemes: Object.fromEntries(
        contracts.flatMap(waysOf).map(({ name, scheme }): [string, object] => [name, scheme]),
      ),
      schemas: Object.fromEntries(
        contracts.map((contract) => [errorName(contract), schemaOf(contract.errorSchema, 'output')]),
      ),
      examples: Object.assign({}, ...contracts.map(examplesOf)),
      parameters: PARAMETERS,
      headers: HEADERS,
    },
  });
}

/** What a schema defines for itself, because it holds itself (a tree), stands with the other schemas of the document. */
function withSharedSchemas<T extends Json & { components: { schemas: Json } }>(document: T): T {
  const shared: Json = {};
  const text = JSON.stringify(document, (key, value) => {
    if (key !== '$defs') return value;
    Object.assign(shared, value);
    return undefined;
  });
  const moved = (json: string) => JSON.parse(json.replaceAll('"#/$defs/', '"#/components/schemas/'));
  const whole = moved(text) as T;
  Object.assign(whole.components.schemas, moved(JSON.stringify(shared)));
  return whole;
}

/** What is sent to receivers (OpenAPI 3.1 §4.8.1); nothing where no contract sends anything. */
function webhooksOf(contracts: readonly Contract[]): Json {
  const messages = contracts.flatMap(({ name, messages: all = [] }) => all.map((message) => [name, message] as const));
  if (messages.length === 0) return {};
  return { webhooks: Object.fromEntries(messages.map(([contract, one]) => [one.name, { post: sent(contract, one) }])) };
}

const SIGNED = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

const sent = (contract: string, { name, summary, schema, example }: Message): Json => ({
  operationId: `${contract}_${name}`,
  tags: [contract],
  summary,
  parameters: SIGNED.map((header) => ({ name: header, in: 'header', required: true, schema: { type: 'string' } })),
  requestBody: { required: true, content: content(schemaOf(schema, 'output'), example) },
  responses: { '2XX': { description: 'Taken.' }, '410': { description: 'No more, please.' } },
});

/** Every status of an operation, in order: its answers, its declared refusals, and those that any operation can give. */
export function outcomesOf({ contract, operation }: Route): Outcome[] {
  const codes = Object.groupBy(refusalsOf(operation), (code) => contract.failures[code].status) as Record<
    string,
    FailureCode[]
  >;
  const statuses = new Set([...Object.keys(operation.answers), ...Object.keys(codes)]);
  return [...statuses]
    .map(Number)
    .sort()
    .map((status) => ({
      status,
      body: operation.answers[status],
      refusals: codes[status] ?? [],
      codes: [...new Set((codes[status] ?? []).map((code) => contract.failures[code].code))],
    }));
}

function refusalsOf(operation: Operation): FailureCode[] {
  return [...new Set([...operation.failures, ...commonFailures(operation)])];
}

/** A body of each refusal, by its name below `components/examples`. */
function examplesOf(contract: Contract): Json {
  return Object.fromEntries(
    (Object.keys(FAILURES) as FailureCode[]).map((code) => [
      exampleName(contract, code),
      { value: exampleOf(contract, code) },
    ]),
  );
}

/** What a refusal looks like. */
export function exampleOf({ failures, errorBody }: Contract, code: FailureCode): object {
  return errorBody({
    code: failures[code].code,
    message: FAILURES[code],
    requestId: '01980f3c-6f9f-7b54-9a51-3c8e1d0a4b77',
    now: new Date('2026-01-01T12:00:00Z'),
    details: code === 'invalid_input' ? [{ field: 'name', message: 'is too long' }] : undefined,
    extra: failures[code].shows?.example ?? {},
  });
}

const exampleName = ({ name }: Contract, code: FailureCode) => `${name}_${code}`;

const errorName = ({ name }: Contract) => `${name}Error`;

function describe(route: Route): Json {
  const { contract, operation, name } = route;
  const { summary, description, body, example } = operation;
  return {
    operationId: `${contract.name}_${name}`,
    tags: [contract.name],
    summary,
    ...(description && { description }),
    security: securityOf(contract, operation),
    parameters: [
      ...parameters('path', operation.params, operation.example?.params),
      ...parameters('query', operation.query, operation.example?.query),
      ...contract.tenantParameters.map((parameter) => ({ ...parameter, required: false, schema: text })),
      ...headerParameters(operation),
    ],
    ...(operation.uploads && {
      requestBody: {
        required: true,
        content: Object.fromEntries(operation.uploads.map((type) => [type, { schema: text }])),
      },
    }),
    ...(body && {
      requestBody: {
        required: !body.safeParse(undefined).success,
        content: content(schemaOf(body, 'input'), example?.body),
      },
    }),
    responses: Object.fromEntries(outcomesOf(route).map((outcome) => [outcome.status, response(route, outcome)])),
  };
}

const waysOf = ({ security, alsoSecurity = [] }: Contract) => [security, ...alsoSecurity];

/** The ways in which a caller may show who they are; a program shows it in more than one. */
function securityOf(contract: Contract, operation: Operation): Json[] {
  const { access } = operation;
  if (!wantsCaller(operation)) return [];
  if (typeof access !== 'object') return [{ [contract.security.name]: [] }];
  return waysOf(contract).map(({ name }) => ({ [name]: [access.permission] }));
}

function headerParameters(operation: Operation): Json[] {
  const names: (keyof typeof PARAMETERS)[] = ['requestId'];
  if (operation.idempotent)
    names.push(operation.idempotent === 'required' ? 'idempotencyKeyRequired' : 'idempotencyKey');
  if (isConditional(operation)) names.push('ifMatch');
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function response(route: Route, outcome: Outcome): Json {
  const { contract, operation } = route;
  const { status, body, refusals, codes } = outcome;
  const schemas = [...(body ? [schemaOf(body, 'output')] : []), ...errorSchemas(contract, refusals)];
  const streamed = Object.fromEntries(
    ((status === 200 && operation.streams) || []).map((type) => [type, { schema: text }]),
  );
  const json = schemas.length > 0 && {
    'application/json': {
      schema: schemas.length === 1 ? schemas[0]! : { anyOf: schemas },
      ...responseExamples(route, outcome),
    },
  };
  return {
    description: codes.length > 0 ? codes.join(', ') : 'Done.',
    headers: responseHeaders(operation, status),
    ...((json || operation.streams) && { content: { ...json, ...streamed } }),
  };
}

/** The contract's error, and beside it what some of the refusals show in addition. */
function errorSchemas(contract: Contract, refusals: readonly FailureCode[]): Json[] {
  if (refusals.length === 0) return [];
  const error = { $ref: `#/components/schemas/${errorName(contract)}` };
  const more = refusals.flatMap((code) => contract.failures[code].shows?.schema ?? []);
  return [error, ...more.map((schema) => ({ allOf: [error, schemaOf(schema, 'output')] }))];
}

function responseExamples({ contract, operation }: Route, { status, body, refusals }: Outcome): Json {
  const { answer } = operation.example ?? {};
  if (body && status < 300 && answer !== undefined) return { example: answer };
  if (refusals.length === 0) return {};
  return {
    examples: Object.fromEntries(
      refusals.map((code) => [code, { $ref: `#/components/examples/${exampleName(contract, code)}` }]),
    ),
  };
}

function responseHeaders({ rate, versioned, idempotent }: Operation, status: number): Json {
  const isDone = status < 300;
  const names: Record<string, keyof typeof HEADERS | false | undefined> = {
    'X-Request-Id': 'requestId',
    'Retry-After': (status === 429 || status === 503) && 'retryAfter',
    RateLimit: rate && 'rate',
    'RateLimit-Policy': rate && 'ratePolicy',
    ETag: isDone && status !== 204 && versioned && 'etag',
    'Idempotency-Replayed': isDone && idempotent && 'replayed',
  };
  return Object.fromEntries(
    Object.entries(names).flatMap(([header, name]) =>
      name ? [[header, { $ref: `#/components/headers/${name}` }]] : [],
    ),
  );
}

function content(schema: Json, example: unknown): Json {
  return { 'application/json': { schema, ...(example !== undefined && { example }) } };
}

function parameters(where: 'path' | 'query', schema: z.ZodType | undefined, example: unknown = {}): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  const examples = example as Json;
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: property,
    ...(name in examples && { example: examples[name] }),
  }));
}

/** What travels: before the transforms of an input, after those of an answer. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
