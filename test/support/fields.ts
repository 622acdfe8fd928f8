import { z } from 'zod';
import type { Route } from '../../src/api/routes.ts';
import { everyRoute } from './write-requests.ts';

// biome-ignore lint/suspicious/noExplicitAny: a schema of any shape
export type Schema = Record<string, any>;

const jsonOf = (schema: z.ZodType, io: 'input' | 'output'): Schema =>
  z.toJSONSchema(schema, { io, unrepresentable: 'any' });

/** The fields that a body may have, with what each may be. */
export const fieldsOf = ({ operation: { body } }: Route): Readonly<Record<string, Schema>> =>
  body ? (jsonOf(body, 'input')['properties'] ?? {}) : {};

/** The names of all fields in a schema, at any depth. */
export function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const properties = (schema as Schema)['properties'];
  const own = properties && typeof properties === 'object' ? Object.keys(properties) : [];
  return [...own, ...Object.values(schema).flatMap(namesIn)];
}

/** The names of all fields that an operation shows, whatever it answers. */
export function shownBy({ operation: { answers } }: Route): string[] {
  return [...new Set(Object.values(answers).flatMap((schema) => (schema ? namesIn(jsonOf(schema, 'output')) : [])))];
}

/** Every name that a caller might think a field of ours has. */
const DREAMT_OF = `tenantId tenant_id id userId roles permissions isAdmin isSuperAdmin is_admin status passwordHash
  password_hash createdAt updatedAt emailVerified email_verified system secret version`.split(/\s+/);

/** What no caller may set: what an operation shows, what the others show, and what they might dream of. */
export function strangersOf(route: Route): { near: string[]; far: string[] } {
  const known = Object.keys(fieldsOf(route));
  const near = [...new Set([...shownBy(route), ...DREAMT_OF])].filter((name) => !known.includes(name));
  const all = new Set(everyRoute.filter(({ contract }) => contract.name === route.contract.name).flatMap(shownBy));
  return { near, far: [...all].filter((name) => !known.includes(name) && !near.includes(name)) };
}
