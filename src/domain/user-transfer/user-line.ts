import { Failure } from '../../kernel/failure.ts';
import { isUuid, newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { StoredHash } from '../passwords/hash.ts';
import { checkedUser, type UserDraft, type UserValues } from '../users/user.ts';

/** The fields of a line, in the order of a file's columns. The last four only where hashes travel along. */
export const FIELDS = [
  'id',
  'email',
  'emailVerified',
  'username',
  'firstName',
  'lastName',
  'phone',
  'phoneVerified',
  'locale',
  'timezone',
  'status',
  'roles',
  'createdAt',
  'passwordHash',
  'passwordPepper',
  'passwordForm',
  'mustChangePassword',
] as const;

export type Field = (typeof FIELDS)[number];
/** What stands in one line: JSON values, or what a cell of a table was read as. */
export type Line = Partial<Record<Field, unknown>>;

const FLAGS: ReadonlySet<string> = new Set(['emailVerified', 'phoneVerified', 'mustChangePassword']);
const KNOWN: ReadonlySet<string> = new Set(FIELDS);

/** A user as a line declares them. */
export type ImportedUser = {
  id: UserId;
  values: UserValues;
  roles: readonly string[];
  createdAt: Date | undefined;
  stored: StoredHash | undefined;
  mustChange: boolean;
};

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/**
 * Reads one line. Nothing is guessed: an unknown field is refused, and so is a value of another kind.
 *
 * @throws Failure `invalid_input`, with `field` and `problem` that hold nothing of the line
 */
export function readUser(line: Line, now: Date): ImportedUser {
  for (const field of Object.keys(line)) if (!KNOWN.has(field)) invalid('', 'has a field that is not known');
  const { id, status = 'active' } = line;
  if (id != null && !(typeof id === 'string' && isUuid(id))) invalid('id', 'must be a UUID');
  if (status !== 'active' && status !== 'pending' && status !== 'suspended')
    return invalid('status', 'must be active, pending or suspended');
  const draft: UserDraft = {
    email: textOf(line, 'email') ?? invalid('email', 'is missing'),
    emailVerified: flagOf(line, 'emailVerified'),
    username: textOf(line, 'username'),
    firstName: textOf(line, 'firstName'),
    lastName: textOf(line, 'lastName'),
    phone: textOf(line, 'phone'),
    phoneVerified: flagOf(line, 'phoneVerified'),
    locale: textOf(line, 'locale'),
    timezone: textOf(line, 'timezone'),
    status,
  };
  return {
    id: (id as UserId | null | undefined) ?? newId<UserId>(),
    values: checkedUser(draft),
    roles: rolesOf(line),
    createdAt: instantOf(line, now),
    stored: storedOf(line),
    mustChange: flagOf(line, 'mustChangePassword'),
  };
}

function textOf(line: Line, field: Field): string | undefined {
  const value = line[field];
  if (value == null) return undefined;
  return typeof value === 'string' ? value : invalid(field, 'must be text');
}

function flagOf(line: Line, field: Field): boolean {
  const value = line[field];
  if (value == null) return false;
  return typeof value === 'boolean' ? value : invalid(field, 'must be true or false');
}

function rolesOf({ roles }: Line): string[] {
  if (roles == null) return [];
  if (!Array.isArray(roles) || roles.some((role) => typeof role !== 'string'))
    return invalid('roles', 'must be a list of names');
  return roles.length > LIMITS.rolesOfHolder
    ? invalid('roles', `are more than ${LIMITS.rolesOfHolder}`)
    : [...new Set(roles as string[])];
}

/** When somebody came to the house of before; never later than now. */
function instantOf(line: Line, now: Date): Date | undefined {
  const text = textOf(line, 'createdAt');
  if (text === undefined) return undefined;
  const at = new Date(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/.test(text) ? text : Number.NaN);
  const isPast = at.getTime() <= now.getTime() && at.getTime() >= 0;
  return isPast ? at : invalid('createdAt', 'must be an instant of the past, as 2026-01-31T12:00:00Z');
}

function storedOf(line: Line): StoredHash | undefined {
  const [hash, pepperId = null, form] = [
    textOf(line, 'passwordHash'),
    textOf(line, 'passwordPepper'),
    textOf(line, 'passwordForm'),
  ];
  if (form !== undefined && form !== 'NFC') return invalid('passwordForm', 'must be NFC');
  if (hash !== undefined) return { hash, pepperId, normalForm: form ?? null };
  return pepperId === null && form === undefined ? undefined : invalid('passwordHash', 'is missing');
}

/** What the cells of a table stand for: an empty one for nothing, roles for names with spaces between. */
export function lineOfCells(cells: Readonly<Record<string, string>>): Line {
  const entries = Object.entries(cells).flatMap(([field, raw]): [string, unknown][] => {
    if (raw === '') return [];
    const text = plainCell(raw);
    if (field === 'roles') return [[field, text.split(' ').filter((name) => name !== '')]];
    const lower = text.toLowerCase();
    return [[field, FLAGS.has(field) && (lower === 'true' || lower === 'false') ? lower === 'true' : text]];
  });
  return Object.fromEntries(entries);
}

// What a spreadsheet would compute rather than show (CWE-1236), also in its wide form.
const COMPUTED = '[=+\\-@\\t\\r\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}]';
const DANGEROUS = new RegExp(`^'*${COMPUTED}`);
const DEFUSED = new RegExp(`^'+${COMPUTED}`);

/** A cell as it is written: one that a spreadsheet would compute has an apostrophe before it, which reading takes off again. */
export function cellOf(value: unknown): string {
  const text = value == null ? '' : Array.isArray(value) ? value.join(' ') : String(value);
  const safe = DANGEROUS.test(text) ? `'${text}` : text;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const plainCell = (text: string) => (DEFUSED.test(text) ? text.slice(1) : text);
