import { z } from 'zod';
import type { FailureCode } from '../kernel/failure.ts';
import type { Contract } from './contract.ts';
import { commonFailures, type Operation, wantsCaller } from './operation.ts';
import { type Route, routesOf } from './routes.ts';

type Json = Record<string, unknown>;

/** One status of an operation: what is answered by design, and which refusals share the status. */
export type Outcome = { status: number; body: z.ZodType | null | undefined; codes: readonly string[] };

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
  return {
    openapi: '3.1.0',
    info: { title: isOne ? only.title : 'Gatehouse', version, ...(isOne && { description: only.description }) },
    servers: [{ url: publicUrl }],
    tags: contracts.map(({ name, title, description }) => ({ name, description: `${title}. ${description}` })),
    paths,
    components: {
      securitySchemes: Object.fromEntries(contracts.map(({ security }) => [security.name, security.scheme])),
      schemas: Object.fromEntries(
        contracts.map((contract) => [errorName(contract), schemaOf(contract.errorSchema, 'output')]),
      ),
      headers: HEADERS,
    },
  };
}

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
      codes: (codes[status] ?? []).map((code) => contract.failures[code].code),
    }));
}

function refusalsOf(operation: Operation): FailureCode[] {
  return [...new Set([...operation.failures, ...commonFailures(operation)])];
}

const HEADERS = {
  requestId: { description: 'The id of the request, as it stands in our log.', schema: { type: 'string' } },
  retryAfter: { description: 'Seconds until it may be tried again.', schema: { type: 'integer' } },
};

const errorName = ({ name }: Contract) => `${name}Error`;

function describe(route: Route): Json {
  const { contract, operation, name } = route;
  const { summary, description, access, body, example } = operation;
  return {
    operationId: `${contract.name}_${name}`,
    tags: [contract.name],
    summary,
    ...(description && { description }),
    security: wantsCaller(operation)
      ? [{ [contract.security.name]: typeof access === 'object' ? [access.permission] : [] }]
      : [],
    parameters: [
      ...parameters('path', operation.params, operation.example?.params),
      ...parameters('query', operation.query),
      ...contract.tenantParameters.map((parameter) => ({ ...parameter, required: false, schema: { type: 'string' } })),
    ],
    ...(body && {
      requestBody: {
        required: !body.safeParse(undefined).success,
        content: content(schemaOf(body, 'input'), example?.body),
      },
    }),
    responses: Object.fromEntries(outcomesOf(route).map((outcome) => [outcome.status, response(route, outcome)])),
  };
}

function response({ contract, operation }: Route, { status, body, codes }: Outcome): Json {
  const error = { $ref: `#/components/schemas/${errorName(contract)}` };
  const schemas = [...(body ? [schemaOf(body, 'output')] : []), ...(codes.length > 0 ? [error] : [])];
  const example = status < 300 ? operation.example?.answer : undefined;
  return {
    description: codes.length > 0 ? codes.join(', ') : 'Done.',
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/requestId' },
      ...((status === 429 || status === 503) && { 'Retry-After': { $ref: '#/components/headers/retryAfter' } }),
    },
    ...(schemas.length > 0 && { content: content(schemas.length === 1 ? schemas[0]! : { anyOf: schemas }, example) }),
  };
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
