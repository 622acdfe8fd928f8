import { randomUUIDv7 } from 'node:crypto';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TenantId = Branded<'tenant'>;
export type UserId = Branded<'user'>;
export type RoleId = Branded<'role'>;
export type ApiId = Branded<'api'>;
export type SessionId = Branded<'session'>;
export type FactorId = Branded<'factor'>;
export type ChallengeId = Branded<'challenge'>;

/** A new UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds first, so that rows of one moment lie together in an index. */
export function newId<Id extends string>(): Id {
  return randomUUIDv7() as Id;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a string is a UUID as PostgreSQL writes it: lower case, with hyphens. */
export function isUuid(value: string): boolean {
  return UUID.test(value);
}
