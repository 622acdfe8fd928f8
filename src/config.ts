import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { networks } from './kernel/address.ts';
import { canonicalEmail } from './kernel/canonical.ts';
import { readMailUrl } from './mail/mail-server.ts';

const flag = z
  .union([z.boolean(), z.enum(['true', 'false', '1', '0'])])
  .transform((v) => v === true || v === 'true' || v === '1');
const list = z
  .union([z.array(z.string()), z.string()])
  .transform((v) =>
    (typeof v === 'string' ? v.split(',') : v).map((item) => item.trim()).filter((item) => item !== ''),
  );
const cidrs = list.refine(areNetworks, 'addresses or CIDRs are needed, separated by commas');
const masterKey = z
  .string()
  .refine(
    (v) => Buffer.from(v, 'base64url').length === 32,
    '32 bytes in base64url are needed (openssl rand -base64 32 | tr +/ -_ | tr -d =)',
  );

/** Every setting: name, type, unit, default. The names are the same in the environment and in `config/<env>.yaml`. */
const SETTINGS = z.strictObject({
  /** `development` starts the demo and writes what it needs itself; `production` refuses what is not safe. */
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  /** TCP port; 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  /** Address to listen on. */
  HOST: z.string().default('127.0.0.1'),
  /** The origin under which browsers and applications reach this server; issuers begin with it. Default: HOST and PORT. */
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** PostgreSQL 15 or newer. Not set: an embedded one in DATA_DIR. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  /** Connections of this node's pool. */
  DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(10),
  /** Folder of the embedded database and of the development master key. */
  DATA_DIR: z.string().default('./var'),
  /** Slug of the tenant that owns `/` and its operators. */
  PLATFORM_SLUG: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    .default('platform'),
  /** Seals every tenant's data key: 32 bytes, base64url. Demanded in production, made on first start in development. */
  GATEHOUSE_MASTER_KEY: masterKey.optional(),
  /** Earlier master keys, while `gatehouse keys rotate-master` has not yet sealed everything anew. */
  GATEHOUSE_MASTER_KEYS_PREVIOUS: list.pipe(z.array(masterKey)).default([]),
  /** Secret that is mixed into every password hash, beside the database: 32 bytes, base64url. */
  PASSWORD_PEPPER: masterKey.optional(),
  /** Earlier peppers; a password is hashed with the present one at the next login. */
  PASSWORD_PEPPERS_PREVIOUS: list.pipe(z.array(masterKey)).default([]),
  /** The first administrator, made at first start. */
  ADMIN_EMAIL: z.string().default('admin@gatehouse.localhost'),
  /** Their password; not set: a one-time one is printed. */
  ADMIN_PASSWORD: z.string().optional(),
  /** YAML file that is applied at start (`gatehouse apply`). */
  GATEHOUSE_APPLY: z.string().optional(),
  /** Mail server, smtp:// or smtps://, with user and password; `?tls=required` or `?tls=none` for smtp://. */
  SMTP_URL: z
    .string()
    .refine((v) => readMailUrl(v) !== undefined, 'smtp:// or smtps:// with a host is needed, with no parameter but tls')
    .optional(),
  /** The address that letters come from; a tenant may have its own. Default: no-reply at the host of PUBLIC_URL. */
  MAIL_FROM: z
    .string()
    .refine((v) => canonicalEmail(v) !== undefined, 'one plain e-mail address is needed')
    .optional(),
  /** CIDRs of reverse proxies whose forwarded headers count. */
  TRUSTED_PROXIES: cidrs.default([]),
  /** CIDRs that may read /metrics and /internal/*; compared with the socket's address. */
  INTERNAL_ALLOWED_CIDRS: cidrs.default(['127.0.0.0/8', '::1/128']),
  /** Loopback and private targets that outbound calls may reach. */
  EGRESS_ALLOWED_CIDRS: cidrs.default([]),
  /** Address and port of the DNS resolver that proves domains of tenants. Not set: the system's. */
  DNS_RESOLVER: z
    .string()
    .refine(isNameServer, 'an address is needed, with a port after it where that is not 53')
    .optional(),
  /** pino's level. */
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** Seconds in which a refresh token that was just used gives the same successor again; 0 turns it off. */
  REFRESH_REUSE_GRACE: z.coerce.number().int().min(0).max(60).default(10),
  /** Address of a range API in the manner of haveibeenpwned (k-anonymity), `{prefix}` being replaced. Not set: no check. */
  BREACH_CHECK_URL: z.string().optional(),
  /** argon2id memory in KiB, and passes. */
  ARGON2_MEMORY_KIB: z.coerce.number().int().min(8_192).max(1_048_576).default(19_456),
  ARGON2_PASSES: z.coerce.number().int().min(1).max(10).default(2),
  /** The rate limits of the JSON contracts; false where a gateway does it. */
  RATE_LIMITS: flag.default(true),
  /** The demonstration application: on in development. */
  DEMO: flag.optional(),
  DEMO_PORT: z.coerce.number().int().min(0).max(65_535).default(3001),
});

/** For docs/configuration.md and the files in `config/`, which may name no other. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS.shape);

type Settings = z.output<typeof SETTINGS>;

export type Config = Readonly<Settings & { PUBLIC_URL: string; DEMO: boolean }>;

/** All that is wrong with the settings, one line each. */
export class BadConfiguration extends Error {}

const FORBIDDEN_SECRETS = /^(changeme|secret|password|admin|example|default|test)/i;

/**
 * Reads the settings: environment over `config/<NODE_ENV>.yaml` over the defaults above. The only reader of the
 * environment.
 *
 * @throws BadConfiguration that names every mistake at once
 */
export function loadConfig(environment: Record<string, string | undefined> = process.env, folder = 'config'): Config {
  const given = Object.fromEntries(
    Object.keys(SETTINGS.shape).flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );
  const file = `${folder}/${given['NODE_ENV'] ?? 'development'}.yaml`;
  const fromFile: object = existsSync(file) ? (parseYaml(readFileSync(file, 'utf8')) ?? {}) : {};
  const result = SETTINGS.safeParse({ ...fromFile, ...given });
  if (!result.success) {
    const lines = result.error.issues.map((issue) => `  ${issue.path.join('.') || '(file)'}: ${issue.message}`);
    throw new BadConfiguration(`Bad configuration:\n${lines.join('\n')}`);
  }
  const settings = result.data;
  const config: Config = {
    ...settings,
    PUBLIC_URL: new URL(settings.PUBLIC_URL ?? `http://localhost:${settings.PORT}`).origin,
    DEMO: settings.DEMO ?? settings.NODE_ENV === 'development',
  };
  const unsafe = config.NODE_ENV === 'production' ? insecurities(settings, environment) : [];
  if (unsafe.length > 0)
    throw new BadConfiguration(`Refusing to start in production:\n${unsafe.map((line) => `  ${line}`).join('\n')}`);
  for (const value of Object.values(config)) Object.freeze(value);
  return Object.freeze(config);
}

function insecurities(settings: Settings, environment: Record<string, string | undefined>): string[] {
  const wrong: string[] = [];
  if (!settings.GATEHOUSE_MASTER_KEY)
    wrong.push('GATEHOUSE_MASTER_KEY: is needed; nothing else can open the sealed secrets.');
  else if (new Set(Buffer.from(settings.GATEHOUSE_MASTER_KEY, 'base64url')).size < 16)
    wrong.push('GATEHOUSE_MASTER_KEY: is not random.');
  if (settings.PASSWORD_PEPPER && settings.PASSWORD_PEPPER === settings.GATEHOUSE_MASTER_KEY)
    wrong.push('PASSWORD_PEPPER: must differ from the master key.');
  if (!settings.DATABASE_URL) wrong.push('DATABASE_URL: is needed; the embedded database is for one machine.');
  if (settings.DEMO) wrong.push('DEMO: the demonstration application is not for production.');
  if (environment['DEBUG']) wrong.push('DEBUG: is set; debug output can carry secrets.');
  if (
    settings.ADMIN_PASSWORD &&
    (settings.ADMIN_PASSWORD.length < 12 || FORBIDDEN_SECRETS.test(settings.ADMIN_PASSWORD))
  ) {
    wrong.push('ADMIN_PASSWORD: is too short or a default one.');
  }
  if (!settings.PUBLIC_URL) wrong.push('PUBLIC_URL: is needed; issuers begin with it.');
  else if (!isSecureOrigin(new URL(settings.PUBLIC_URL))) wrong.push('PUBLIC_URL: must be https outside of loopback.');
  return wrong;
}

/** `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:5353`. */
function isNameServer(text: string): boolean {
  const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  return isIP(bracketed ?? plain ?? '') !== 0 && Number(port) > 0 && Number(port) < 65_536;
}

function areNetworks(values: readonly string[]): boolean {
  try {
    networks(values);
    return true;
  } catch {
    return false;
  }
}

/** https, or a loopback host (RFC 8252 §8.3 calls plain http acceptable there). */
export function isSecureOrigin(url: URL): boolean {
  return url.protocol === 'https:' || /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}
