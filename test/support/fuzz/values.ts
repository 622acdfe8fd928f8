import { NAUGHTY_STRINGS, NAUGHTY_VALUES } from '../naughty-strings.ts';
import type { Chance } from './chance.ts';

// biome-ignore lint/suspicious/noExplicitAny: a schema of any shape
export type Schema = Record<string, any>;

/** Ids that were seen, by their prefix, and how to spell one that is nobody's. */
export type Ids = { known(prefix: string): readonly string[]; absent(prefix: string): string };

const WORDS = ['nurse', 'ward.beds:read', 'TENANT_ADMIN', 'AUDITOR', 'Acme', 'DE', 'en', 'Asia/Tehran', 'role.*', '*'];
const URLS = ['https://hooks.example/', 'https://books.example/callback', 'http://localhost:4000/cb'];
const DEEPEST = 6;

/** Something for a schema: mostly what it asks for, sometimes at its bounds, sometimes nothing of the kind. */
export function valueFor(schema: Schema, chance: Chance, ids: Ids, depth = 0): unknown {
  if (chance.is(0.06)) return chance.pick(NAUGHTY_VALUES);
  const choices: Schema[] | undefined = schema['anyOf'] ?? schema['oneOf'];
  if (choices) return valueFor(chance.pick(choices), chance, ids, depth);
  if (schema['allOf']) return valueFor(Object.assign({}, ...schema['allOf']), chance, ids, depth);
  if ('const' in schema) return schema['const'];
  if (schema['enum']) return chance.is(0.9) ? chance.pick(schema['enum']) : textFor({}, chance, ids);
  const types = [schema['type'] ?? 'string'].flat() as string[];
  switch (chance.pick(types)) {
    case 'null':
      return null;
    case 'boolean':
      return chance.is(0.5);
    case 'integer':
    case 'number':
      return numberFor(schema, chance);
    case 'array':
      return listFor(schema, chance, ids, depth);
    case 'object':
      return objectFor(schema, chance, ids, depth);
    default:
      return textFor(schema, chance, ids);
  }
}

function numberFor({ minimum = 0, maximum = 1000 }: Schema, chance: Chance): number {
  if (chance.is(0.3)) return chance.pick([minimum, maximum, minimum - 1, maximum + 1, 0, -0, 0.5, 2 ** 53]);
  return minimum + chance.below(Math.min(maximum - minimum, 10_000) + 1);
}

function listFor({ items = {}, maxItems = 20 }: Schema, chance: Chance, ids: Ids, depth: number): unknown[] {
  const many = chance.is(0.05) ? Math.min(maxItems + 1, 300) : chance.below(4);
  return Array.from({ length: many }, () => valueFor(items, chance, ids, depth + 1));
}

export function objectFor(schema: Schema, chance: Chance, ids: Ids, depth = 0): Record<string, unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const found: Record<string, unknown> = {};
  if (depth > DEEPEST) return found;
  for (const [name, property] of Object.entries(properties as Record<string, Schema>))
    if (chance.is(required.includes(name) ? 0.97 : 0.4)) found[name] = valueFor(property, chance, ids, depth + 1);
  if (typeof additionalProperties === 'object' && chance.is(0.7))
    found[chance.pick(WORDS)] = valueFor(additionalProperties, chance, ids, depth + 1);
  if (chance.is(0.02)) found[chance.pick(NAUGHTY_STRINGS)] = chance.pick(NAUGHTY_VALUES);
  return found;
}

export function textFor(schema: Schema, chance: Chance, ids: Ids): string {
  if (chance.is(0.2)) return chance.pick(NAUGHTY_STRINGS);
  const { pattern = '', format, minLength = 0, maxLength = 200 } = schema;
  const [, prefix] = /^\^([a-z]{3})_\[/.exec(pattern) ?? [];
  if (prefix) {
    const known = ids.known(prefix);
    // What was made last is most likely still there.
    const recent = chance.is(0.6) ? known.slice(-6) : known;
    return recent.length > 0 && chance.is(0.85) ? chance.pick(recent) : ids.absent(prefix);
  }
  if (format === 'date-time') return new Date(chance.below(4e9) * 1000).toISOString();
  if (chance.is(0.08)) return 'x'.repeat(Math.min(chance.pick([minLength, maxLength, maxLength + 1]), 20_000));
  return chance.pick([
    ...WORDS,
    ...URLS,
    ...[`p${chance.below(1e6)}@example.com`, `thing-${chance.below(1e6)}`, String(chance.below(100)), '123456'],
  ]);
}
