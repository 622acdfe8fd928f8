import { Failure } from './failure.ts';
import { LIMITS } from './limits.ts';

/**
 * What may stand in a log line. Names are judged, not paths: a value whose name says that it is secret is dropped at
 * every depth, and what looks like a token is cut out of every text. Objects of a class (requests, connections, buffers)
 * are named, never opened.
 */
const SECRET_NAMES = new RegExp(
  [
    'passw',
    'passphrase',
    'secret',
    'token',
    'authorization',
    'cookie',
    'assertion',
    'credential',
    'apikey',
    'privatekey',
    'masterkey',
    'datakey',
    'signingkey',
    'pepper',
    'otp',
    'recoverycode',
    'backupcode',
    'usercode',
    'devicecode',
    'authcode',
    'codeverifier',
    'samlresponse',
    'samlrequest',
    'relaystate',
    'jwt',
    'dpop',
    'bearer',
    'csrf',
    'sealed',
    'bindings',
    'sql',
    'parameters',
    'altcha',
  ].join('|'),
);
const SECRET_EXACT = new Set([
  'code',
  'pin',
  'pwd',
  'pass',
  'key',
  'body',
  'rawbody',
  'headers',
  'rawheaders',
  'query',
  'querystring',
  'jti',
  'state',
  'nonce',
  'hash',
  'proof',
  'challenge',
  'answer',
  'response',
  'd',
  'k',
]);

/** Names repeat, values do not: each is judged once. Bounded, since a name may come from outside. */
const judged = new Map<string, boolean>();

function isSecretName(name: string): boolean {
  let secret = judged.get(name);
  if (secret === undefined) {
    const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
    secret = SECRET_EXACT.has(plain) || SECRET_NAMES.test(plain);
    if (judged.size < 2_000) judged.set(name, secret);
  }
  return secret;
}

/** Short texts without any of these have nothing to take out; most are such. */
const SUSPICIOUS = /[?#@=: ]/;
const QUERY = /[?#][^\s"'<>]*/g;
const BEARER = /\b(bearer|basic|dpop)\s+[\w.~+/=-]{6,}/gi;
const COMPACT_JWT = /\beyJ[\w-]{8,}(?:\.[\w-]*){1,4}/g;
const USER_INFO = /\/\/[^\s/@]*@/g;
const PAIR =
  /\b((?:[\w-]*(?:password|secret|token|assertion|cookie|verifier|api[_-]?key)|code|pwd|otp|pin)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s"'&,;}]+)/gi;
const LONG_WORD = /[\w~+/=-]{32,}/g;
const READABLE_ID = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]{2,5}_[0-9A-HJKMNP-TV-Z]{26}|[a-z_/-]+)$/;

/** A text with everything taken out that could be a secret, at most `LIMITS.logStringChars` long. */
export function redactText(text: string): string {
  const short = text.length > LIMITS.logStringChars ? `${text.slice(0, LIMITS.logStringChars)}…` : text;
  if (short.length < 32 && !SUSPICIOUS.test(short)) return short;
  return short
    .replace(USER_INFO, '//')
    .replace(QUERY, '?…')
    .replace(BEARER, '$1 …')
    .replace(COMPACT_JWT, '…')
    .replace(PAIR, '$1…')
    .replace(LONG_WORD, (word) => (READABLE_ID.test(word) ? word : '…'));
}

/** A value as the log may show it: plain, bounded in depth and width, without secrets. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null)
    return typeof value === 'function' || typeof value === 'symbol' ? undefined : value;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= LIMITS.logDepth) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, LIMITS.logEntries).map((item) => redact(item, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return `[${value.constructor?.name ?? 'object'}]`;
  return redactEntries(value, depth);
}

function redactEntries(value: object, depth: number): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  let left: number = LIMITS.logEntries;
  for (const name in value) {
    if (left-- === 0) break;
    if (!isSecretName(name)) kept[name] = redact((value as Record<string, unknown>)[name], depth + 1);
  }
  return kept;
}

type Details = {
  code?: unknown;
  table?: unknown;
  constraint?: unknown;
  status?: unknown;
  reason?: unknown;
  severity?: unknown;
};

/**
 * An error by its name, code and place. Its other properties are not shown: parsers put the whole body there, drivers the
 * SQL with its parameters.
 */
function redactError(error: Error, depth: number): Record<string, unknown> {
  const { code, table, constraint, status, reason } = error as Details;
  const shown: Record<string, unknown> = { type: error.name, message: errorMessage(error), stack: frames(error) };
  if (error instanceof Failure) shown['details'] = redact(error.details, depth + 1);
  for (const [name, value] of Object.entries({ code, table, constraint, status, reason })) {
    if (typeof value === 'number' || (typeof value === 'string' && /^[\w.-]{1,64}$/.test(value))) shown[name] = value;
  }
  if (error.cause !== undefined && depth < 3) shown['cause'] = redact(error.cause, depth + 1);
  return shown;
}

const STATEMENT =
  /^\s*(?:select|insert|update|delete|with|begin|commit|rollback|set|alter|create|drop|lock|merge|copy|call|truncate|savepoint|release)\b/i;

/** Knex puts the statement with its values before ` - `; PostgreSQL and JSON.parse quote what they could not read. */
export function errorMessage(error: Error): string {
  let text = String(error.message);
  if (STATEMENT.test(text)) text = text.includes(' - ') ? text.slice(text.lastIndexOf(' - ') + 3) : '[statement]';
  if ((error as Details).severity !== undefined) text = text.replace(/: ".*"/s, ': …');
  if (error instanceof SyntaxError) text = text.replace(/["'].*["']/s, '…');
  return redactText(text);
}

/** The places of a stack; its first lines repeat the message. */
function frames(error: Error): string {
  const lines = String(error.stack ?? '').split('\n');
  return lines
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, 20)
    .map((line) => line.trim())
    .join('\n')
    .slice(0, LIMITS.logStringChars);
}

const ID_SEGMENT = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]{2,5}_[0-9A-Za-z]{12,26})$/;
const TOKEN_SEGMENT = /[0-9A-Z@%]/;

/** A request's path without its query; a segment that is long and not an id of ours may be a token, and is not shown. */
export function redactPath(url: string): string {
  const end = url.search(/[?#]/);
  const path = (end === -1 ? url : url.slice(0, end)).slice(0, LIMITS.logStringChars);
  if (path.length < 14 && !path.includes('@') && !path.includes('%')) return path;
  return path
    .split('/')
    .map((segment) => (isTokenLike(segment) ? ':masked' : segment))
    .join('/');
}

function isTokenLike(segment: string): boolean {
  if (segment.includes('@') || segment.includes('%40')) return true;
  return segment.length >= 13 && TOKEN_SEGMENT.test(segment) && !ID_SEGMENT.test(segment);
}
