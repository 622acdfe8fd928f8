import { z } from 'zod';
import { absentCode, isOfWords } from '../../src/api/operation.ts';
import type { Route } from '../../src/api/routes.ts';

// biome-ignore lint/suspicious/noExplicitAny: a schema of any shape
type Schema = Record<string, any>;

/** Where a request names a thing that some tenant owns, and what kind of thing: as `test/support/things.ts` calls it. */
export type Place = { in: 'path' | 'query' | 'body'; at: readonly string[]; kind: string; isList: boolean };

/** What an authenticator calls its key: no tenant has it. */
const OF_NOBODY = ['rawId'];

/** Values by place. */
export type Named = ReadonlyMap<Place, string>;

/** Fields that name a thing by something else than an id. */
const BY_NAME: Readonly<Record<string, string>> = {
  roles: 'roleName',
  clientId: 'clientId',
  slug: 'slug',
  actorId: 'usr',
  token: 'token',
};

/** Every place of an operation where a thing is named. */
export function placesOf({ operation }: Route): Place[] {
  const { params, query, body } = operation;
  const ids = [...placesIn('query', query), ...placesIn('body', body)];
  if (!params || isOfWords(params)) return ids;
  const named = placesIn('path', params);
  const others = Object.entries(schemaOf(params)['properties'] as Record<string, Schema>)
    .filter(([name, schema]) => !schema['enum'] && !named.some(({ at }) => at[0] === name))
    .map(([name]): Place => ({ in: 'path', at: [name], kind: absentCode(operation), isList: false }));
  return [...named, ...others, ...ids];
}

function placesIn(where: Place['in'], schema: z.ZodType | undefined): Place[] {
  if (!schema) return [];
  const found: Place[] = [];
  const visit = (at: readonly string[], part: Schema, isList: boolean): void => {
    const name = at.at(-1) ?? '';
    const [, prefix] = /^\^(\w+)_\[/.exec(part['pattern'] ?? '') ?? [];
    if (prefix) found.push({ in: where, at, kind: prefix, isList });
    else if (part['type'] === 'string' && !part['enum'] && BY_NAME[name])
      found.push({ in: where, at, kind: BY_NAME[name], isList });
    else if (part['type'] === 'string' && /Ids?$/.test(name) && !part['enum'] && !OF_NOBODY.includes(name))
      throw new Error(`${at.join('.')} is no id of ours: say in test/support/places.ts what it names`);
    for (const [below, inner] of Object.entries((part['properties'] ?? {}) as Record<string, Schema>))
      visit([...at, below], inner, false);
    for (const inner of [...(part['anyOf'] ?? []), ...(part['oneOf'] ?? [])]) visit(at, inner, isList);
    if (part['items']) visit(at, part['items'], true);
  };
  visit([], schemaOf(schema), false);
  return found;
}

export const schemaOf = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

export type Asked = { path: string; body?: unknown };

/** The request of an operation's example, with these things named in it; `who` stands for an address of its own. */
export function asking({ operation }: Route, named: Named, who = 'somebody'): Asked {
  const { path, body, example } = operation;
  const values = { params: { ...(example?.params as object) } as Record<string, string>, query: '' };
  const filled = body ? (structuredClone(example?.body ?? {}) as Schema) : undefined;
  if (filled?.['email']) filled['email'] = `${who}@example.com`;
  for (const [place, value] of named) {
    if (place.in === 'path') values.params[place.at[0]!] = value;
    else if (place.in === 'query') values.query = `?${new URLSearchParams({ [place.at.join('.')]: value })}`;
    else put(filled!, place.at, place.isList ? [value] : value);
  }
  const whole = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(values.params[name]!));
  return { path: whole + values.query, ...(body && { body: filled }) };
}

/** Whether the example of an operation names something there. */
export function isInExample({ operation: { example } }: Route, { in: where, at }: Place): boolean {
  if (where === 'path') return true;
  const body = where === 'body' ? (example?.body as Schema | undefined) : undefined;
  return at.reduce<Schema | undefined>((part, name) => part?.[name], body) !== undefined;
}

function put(body: Schema, at: readonly string[], value: unknown): void {
  const [name, ...below] = at;
  if (below.length === 0) body[name!] = value;
  else {
    body[name!] ??= {};
    put(body[name!], below, value);
  }
}
