import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Contract } from '../api/contract.ts';
import type { BlueprintService } from '../domain/blueprint/blueprint-service.ts';
import type { Rooms } from '../domain/services.ts';
import type { Tenant } from '../domain/tenants/tenant.ts';
import type { OperatorCall, TenantCall } from '../kernel/call.ts';

/** What the commands need of the house. */
export type CliHouse = {
  services: Pick<
    Rooms,
    | 'tenants'
    | 'users'
    | 'clients'
    | 'access'
    | 'passwords'
    | 'sessions'
    | 'signingKeys'
    | 'tenantKeys'
    | 'audit'
    | 'webhooks'
    | 'jobs'
    | 'userTransfer'
  > & {
    blueprint: BlueprintService;
  };
  platformSlug: string;
  operator(name: string): OperatorCall;
  /** A token with which an application may register itself once (RFC 7591 §1.2), good for so many seconds. */
  issueInitialAccessToken(tenant: Tenant, seconds: number): Promise<string>;
  close(): Promise<void>;
};

/** The world of a command; a test has its own. */
export type Terminal = {
  out(text: string): void;
  err(text: string): void;
  /** Writes over the line that it wrote last; absent where nobody looks (a pipe, a file). */
  live?: ((line: string) => void) | undefined;
  readInput(): Promise<string>;
  open(): Promise<CliHouse>;
  /** Brings the schema up to date. @returns the names of the migrations that were run */
  migrate(): Promise<string[]>;
  contracts(): Promise<readonly Contract[]>;
};

/** One command. What `run` answers is the exit code. */
export type Command = { usage: string; summary: string; run(args: string[], terminal: Terminal): Promise<number> };

/** Exit codes of sysexits.h, beside 0 for done, 1 for refused, and 2 for a plan with differences. */
export const EXIT = {
  done: 0,
  refused: 1,
  differences: 2,
  usage: 64,
  data: 65,
  noInput: 66,
  software: 70,
  config: 78,
} as const;

/** The command line is wrong; the command's usage is shown. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;

/** The options and exactly `positionals` other arguments. @throws UsageError */
export function parse<const T extends Options>(args: string[], options: T, positionals: readonly string[] = []) {
  try {
    const parsed = parseArgs({ args, options, allowPositionals: true, strict: true });
    if (parsed.positionals.length !== positionals.length)
      throw new UsageError(positionals.length === 0 ? 'takes no argument' : `wants ${positionals.join(' ')}`);
    return parsed;
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message);
  }
}

/** A whole number of an option. @throws UsageError */
export function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} must be a whole number`);
  return Number(text);
}

/** Opens the house, works in it, and closes it whatever happens. */
export async function inHouse<T>(terminal: Terminal, work: (house: CliHouse) => Promise<T>): Promise<T> {
  const house = await terminal.open();
  try {
    return await work(house);
  } finally {
    await house.close();
  }
}

/** A call of the command line in a tenant; the platform tenant unless one is named. @throws UsageError when there is none */
export async function callIn(
  house: CliHouse,
  slug: string = house.platformSlug,
): Promise<{ call: TenantCall; tenant: Tenant }> {
  const operator = house.operator('command line');
  const tenant = await house.services.tenants.findBySlug(operator, slug);
  if (!tenant || tenant.status === 'deleted') throw new UsageError(`there is no tenant ${slug}`);
  return { call: { ...operator, tenantId: tenant.id }, tenant };
}
