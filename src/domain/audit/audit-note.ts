import type { TenantId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { stableJson } from '../../kernel/text.ts';

/** What an audit record says beside its action. Whoever did it, where, when and in which tenant comes from the call. */
export type AuditNote = {
  /** What was acted on: `user:<id>`, `client:<client id>`, `role:<name>`. */
  target?: string;
  /** What it was before and is now, or what of that changed (`changeOf`): fields that its room declares. */
  before?: object | undefined;
  after?: object | undefined;
  /** Small facts besides; a refusal's code goes under `reason`. */
  details?: Record<string, unknown>;
  /** Whose data this is, where the target is not that person: it goes when they are erased. */
  about?: UserId | undefined;
};

/** A record of one of several tenants, for work across tenants. */
export type AuditEvent = AuditNote & { tenantId: TenantId; action: string };

const SECRET = /password|passphrase|secret|token|code|hash|cookie|assertion|private|sealed/i;
/** A name that sounds like a secret and is what a setting says of one. */
const ABOUT_A_SECRET = /(?:Seconds|Days|Length|Size|Count|Method|Alg|Format|Uri|At|_(?:seconds|method|alg|uri|at))$/;
/** Members of a private key (RFC 7517), and short names of secrets. */
const SHORT = new Set(['d', 'dp', 'dq', 'k', 'oth', 'otp', 'p', 'pass', 'pin', 'pwd', 'q', 'qi']);
const DEPTH = 4;

/** PostgreSQL takes neither NUL nor half a surrogate pair; a line stays short. */
export function plain(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd').slice(0, LIMITS.auditTextChars);
}

/** An object without what may be a secret, by the names of its members at any depth, and no deeper than four levels. */
export function harmless(value: object): object {
  return plainValue(value, DEPTH) as object;
}

const isSecretName = (name: string) => SHORT.has(name) || (SECRET.test(name) && !ABOUT_A_SECRET.test(name));

function plainValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return plain(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? value.toString() : value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) return value.slice(0, LIMITS.auditListItems).map((item) => plainValue(item, depth - 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => typeof item === 'boolean' || !isSecretName(key))
      .map(([key, item]) => [plain(key), plainValue(item, depth - 1)]),
  );
}

/**
 * What changed from one state of a thing to the next. The states are what its room declares for the audit trail, field by
 * field. Of something that is made or removed, the one state that there is.
 */
export function changeOf<T extends object>(
  before: T | undefined,
  after: T | undefined,
): Pick<AuditNote, 'before' | 'after'> {
  if (!before || !after) return { ...(before && { before }), ...(after && { after }) };
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof T)[];
  const changed = names.filter((name) => stableJson(before[name]) !== stableJson(after[name]));
  const told = (state: T) => Object.fromEntries(changed.map((name) => [name, state[name] ?? null]));
  return { before: told(before), after: told(after) };
}

/** `{ tokens: { idTokenSeconds: 60 } }` as `tokens.idTokenSeconds` and 60, so that a change of one is told as one. */
export function leavesOf(groups: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(groups).flatMap(([name, value]): [string, unknown][] =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(leavesOf(value)).map(([inner, leaf]) => [`${name}.${inner}`, leaf])
        : [[name, value]],
    ),
  );
}
