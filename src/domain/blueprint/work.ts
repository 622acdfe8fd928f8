import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { FAILURES, Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { stableJson } from '../../kernel/text.ts';
import type { AccessService } from '../access/access-service.ts';
import type { ApiService } from '../apis/api-service.ts';
import type { ClientService } from '../clients/client-service.ts';
import type { MembershipService } from '../nodes/membership-service.ts';
import type { NodeService } from '../nodes/node-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import type { PasswordTransfer } from '../passwords/password-transfer.ts';
import type { TenantType } from '../tenants/tenant.ts';
import type { TenantService } from '../tenants/tenant-service.ts';
import type { UserService } from '../users/user-service.ts';
import type { WebhookService } from '../webhooks/webhook-service.ts';
import type { Difference, Kind, Mistake, TenantBlueprint } from './blueprint.ts';

/** The rooms that a blueprint is about. */
export type BlueprintRooms = {
  tenants: TenantService;
  access: AccessService;
  apis: ApiService;
  users: UserService;
  nodes: NodeService;
  memberships: MembershipService;
  clients: ClientService;
  passwords: Pick<PasswordService, 'prepare' | 'set' | 'verify'>;
  passwordTransfer: PasswordTransfer;
  webhooks: WebhookService;
};

/** A declared tenant that is known to the database, or about to be. */
export type Site = {
  declared: TenantBlueprint;
  /** `tenants[3]` */
  path: string;
  tenantId: TenantId;
  type: TenantType;
  isNew: boolean;
};

/**
 * One run over a file: what is different, what is wrong, and whether to write. Nothing is written any more once
 * something is wrong; the comparison goes on, so that all mistakes are told at once.
 */
export type Work = {
  readonly tx: OperatorCall;
  readonly rooms: BlueprintRooms;
  readonly mayWrite: boolean;
  readonly differences: Difference[];
  readonly mistakes: Mistake[];
};

export const writes = ({ mayWrite, mistakes }: Work): boolean => mayWrite && mistakes.length === 0;

export const callOf = ({ tx }: Work, { tenantId }: Site): TenantCall => ({ ...tx, tenantId });

export function differs(
  work: Work,
  { declared }: Site,
  action: Difference['action'],
  kind: Kind,
  name: string,
  fields?: readonly string[],
): void {
  work.differences.push({ action, tenant: declared.slug, kind, name, ...(fields && { fields }) });
}

export function isWrong(work: Work, path: string, message: string): void {
  if (work.mistakes.length < LIMITS.applyMistakes) work.mistakes.push({ path, message });
}

/** What `decide` gives; undefined when it is refused, which is a mistake of the file at `path`. */
export async function judged<T>(work: Work, path: string, decide: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await decide();
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'busy') throw error;
    const { field, ...rest } = error.details;
    isWrong(work, typeof field === 'string' ? `${path}.${field}` : path, sentenceOf(error.code, rest));
    return undefined;
  }
}

function sentenceOf(code: Failure['code'], { problem, reasons, names }: Record<string, unknown>): string {
  const more = [problem, ...(Array.isArray(reasons) ? reasons : []), ...(Array.isArray(names) ? names : [])].filter(
    (part) => typeof part === 'string',
  );
  // These two say nothing that the problem does not say better.
  if (more.length > 0 && (code === 'invalid_input' || code === 'client_invalid')) return more.join(', ');
  return more.length > 0 ? `${FAILURES[code].replace(/\.$/, '')}: ${more.join(', ')}` : FAILURES[code];
}

/** The declared things with their paths; one that is declared twice is a mistake, and only the first counts. */
export function declaredOnce<T>(
  work: Work,
  path: string,
  items: readonly T[],
  keyOf: (item: T) => string,
): { item: T; path: string; key: string }[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const key = keyOf(item);
    const at = `${path}[${index}]`;
    if (seen.has(key)) {
      isWrong(work, at, `declares ${key} a second time`);
      return [];
    }
    seen.add(key);
    return [{ item, path: at, key }];
  });
}

/** Groups by tenant, so that a site finds its own. */
export function byTenant<T extends { tenantId: TenantId }>(items: readonly T[]): Map<TenantId, T[]> {
  return Map.groupBy(items, ({ tenantId }) => tenantId);
}

/** The names of the values that are given and not what is there. */
export function changedFields<T extends object>(
  given: T,
  present: { [Key in keyof T]?: unknown },
): (keyof T & string)[] {
  return (Object.keys(given) as (keyof T & string)[]).filter(
    (key) => given[key] !== undefined && stableJson(given[key]) !== stableJson(present[key] ?? null),
  );
}
