import { z } from 'zod';
import type { Route } from '../../../src/api/routes.ts';
import { NAUGHTY_BODIES, NAUGHTY_STRINGS } from '../naughty-strings.ts';
import type { Chance } from './chance.ts';
import { type Ids, objectFor, type Schema, textFor, valueFor } from './values.ts';

/** A request as it goes out. */
export type FuzzRequest = { method: string; path: string; headers: Record<string, string>; body: string | undefined };

/** What a request may speak of. */
export type Known = { ids: Ids; tags: readonly string[]; slugs: readonly string[] };

const schemas = new WeakMap<z.ZodType, Schema>();

/** As the OpenAPI document has it. */
function schemaOf(schema: z.ZodType): Schema {
  const known = schemas.get(schema) ?? z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  schemas.set(schema, known);
  return known;
}

/** A request to an operation: of its schemas, of its example, or of nothing that anybody would send. */
export function requestFor({ operation }: Route, chance: Chance, known: Known): FuzzRequest {
  const body = bodyFor(operation, chance, known);
  return {
    method: operation.method,
    path: pathFor(operation, chance, known) + queryFor(operation, chance, known),
    headers: {
      ...(body !== undefined && { 'content-type': chance.is(0.97) ? 'application/json' : oddHeader(chance) }),
      ...headersFor(chance, known),
    },
    body,
  };
}

type Operation = Route['operation'];

function pathFor({ path, params, example }: Operation, chance: Chance, { ids }: Known): string {
  const { properties = {} } = params ? schemaOf(params) : {};
  const examples = (example?.params ?? {}) as Record<string, string>;
  return path.replace(/:(\w+)/g, (_, name: string) => {
    if (chance.is(0.02)) return chance.pick(['%00', '%ff', '%zz', '%c0%af', '%ed%a0%80', '%', ';a=b', 'a%2fb']);
    const property = properties[name] ?? {};
    const value = property['enum'] ? chance.pick(property['enum'] as string[]) : textFor(property, chance, ids);
    const text = property['pattern'] || property['enum'] || chance.is(0.7) ? value : (examples[name] ?? value);
    // A client takes dots for a way up, and asks for something else.
    return /^\.{1,2}$/.test(text) ? `${text}x` : encoded(text);
  });
}

function queryFor({ query }: Operation, chance: Chance, { ids, slugs }: Known): string {
  const { properties = {} } = query ? schemaOf(query) : {};
  const pairs = Object.entries(properties as Record<string, Schema>)
    .filter(() => chance.is(0.3))
    .map(([name, property]) => `${name}=${encoded(spelled(valueFor(property, chance, ids)))}`);
  if (chance.is(0.02)) pairs.push(`${encoded(chance.pick(NAUGHTY_STRINGS))}=${encoded(chance.pick(NAUGHTY_STRINGS))}`);
  if (chance.is(0.01)) pairs.push(chance.pick(['%00=%00', 'a=%ff', '%zz', '&&', 'a[b]=c', 'page=1&page=2', '=']));
  if (chance.is(0.03)) pairs.push(`tenant=${encoded(chance.pick([...slugs, ...NAUGHTY_STRINGS]))}`);
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}

function bodyFor({ method, body, example }: Operation, chance: Chance, { ids }: Known): string | undefined {
  if (method === 'GET') return undefined;
  if (chance.is(0.03)) return chance.pick(NAUGHTY_BODIES);
  if (!body) return chance.is(0.9) ? undefined : JSON.stringify(chance.pick([{}, { a: 1 }, [], null]));
  if (chance.is(0.01)) return undefined;
  const whole = schemaOf(body);
  const schema: Schema = whole['properties'] ? whole : chance.pick((whole['anyOf'] as Schema[]) ?? [whole]);
  if (chance.is(0.4)) return JSON.stringify(objectFor(schema, chance, ids));
  const given = structuredClone((example?.body ?? {}) as Record<string, unknown>);
  for (const [name, property] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)) {
    const isId = /^\^[a-z]{3}_\[/.test(property['pattern'] ?? '');
    if (isId ? name in given || chance.is(0.4) : chance.is(0.2)) given[name] = valueFor(property, chance, ids);
    else if (DIFFERENT.test(name) && typeof given[name] === 'string') given[name] = another(given[name], chance);
  }
  return JSON.stringify(given);
}

/** What no two things of a tenant may share. */
const DIFFERENT = /^(?:name|email|url|client_id|slug)$/;

const another = (text: string, chance: Chance): string =>
  text.replace(/^(https?:\/\/)?([A-Za-z]+)/, `$1$2${chance.below(100_000)}`);

function headersFor(chance: Chance, { tags, slugs }: Known): Record<string, string> {
  const given: Record<string, string> = { 'x-forwarded-for': `198.18.${chance.below(256)}.${chance.below(256)}` };
  if (chance.is(0.5)) given['idempotency-key'] = chance.is(0.9) ? `key-${chance.below(2000)}` : oddHeader(chance);
  if (chance.is(0.15))
    given['if-match'] = chance.is(0.7) ? chance.pick(['*', '"x"', 'W/"x"', ...tags]) : oddHeader(chance);
  if (chance.is(0.03)) given['x-tenant-slug'] = chance.is(0.6) ? chance.pick(slugs) : oddHeader(chance);
  if (chance.is(0.02)) given['x-tenant-id'] = oddHeader(chance);
  if (chance.is(0.02))
    given[chance.pick(['accept', 'accept-language', 'x-request-id', 'traceparent', 'cookie', 'user-agent', 'origin'])] =
      oddHeader(chance);
  return given;
}

/** What a header can carry at all. */
const oddHeader = (chance: Chance): string =>
  chance
    .pick(NAUGHTY_STRINGS)
    .replace(/[^\x20-\x7e\xa0-\xff]/g, '')
    .slice(0, 2000);

const spelled = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed().slice(0, 3000));
