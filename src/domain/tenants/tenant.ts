import { canonicalDomain } from '../../kernel/canonical.ts';
import { isCountry } from '../../kernel/country.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { isPlain, plainName } from '../../kernel/text.ts';
import { versionOf } from '../../kernel/version.ts';
import { leavesOf } from '../audit/audit-note.ts';
import { changeSettings, type OwnSettings, type SettingsChange, type TenantSettings } from './settings.ts';
import { checkedSlug } from './tenant-slug.ts';

export type TenantType = 'platform' | 'customer' | 'partner' | 'internal';
export type TenantStatus = 'active' | 'suspended' | 'deleted';

export type Tenant = {
  id: TenantId;
  /** Stands in the issuer; never given to another, not even when the tenant is gone or has another one. */
  slug: string;
  name: string;
  type: TenantType;
  /** ISO 3166-1 alpha-2. */
  country: string | null;
  status: TenantStatus;
  /** With the defaults. */
  settings: TenantSettings;
  /** Only what the tenant has set. */
  ownSettings: OwnSettings;
  /** What the operators and the tenant's applications keep here for themselves; nothing of Gatehouse reads it. */
  config: TenantConfig;
  deletedAt: Date | null;
  /** What a deleted tenant is again when it is restored. */
  restoresTo: 'active' | 'suspended' | null;
  createdAt: Date;
  updatedAt: Date;
};

/** What the audit trail tells of a tenant: its settings one by one, but for the secret ones; what it keeps for itself, not. */
export const auditedTenant = ({ slug, name, type, country, status, config, ownSettings }: Tenant) => ({
  slug,
  name,
  type,
  country,
  status,
  config: versionOf(config),
  ...leavesOf(ownSettings),
});

export type TenantConfig = Readonly<Record<string, unknown>>;

/** A host that a tenant claims. The issuer moves there once it is verified; one tenant can verify a domain. */
export type TenantDomain = {
  domain: string;
  verifiedAt: Date | null;
  /** What stands in the domain's DNS when it is this tenant's; random, and no secret. */
  proof: string;
};

export type TenantDraft = {
  slug: string;
  name: string;
  type?: TenantType | undefined;
  country?: string | null | undefined;
  status?: 'active' | 'suspended' | undefined;
  settings?: SettingsChange | undefined;
  config?: TenantConfig | undefined;
};

/** What is left out stays. */
export type TenantChange = {
  /** Its issuer moves with it, and all that names the old one is dead. */
  slug?: string | undefined;
  name?: string | undefined;
  type?: TenantType | undefined;
  country?: string | null | undefined;
  status?: 'active' | 'suspended' | undefined;
  /** As a whole. */
  config?: TenantConfig | undefined;
};

/** A draft in the form in which it is stored. */
export type NewTenant = {
  slug: string;
  name: string;
  type: TenantType;
  country: string | null;
  status: TenantStatus;
  ownSettings: OwnSettings;
  config: TenantConfig;
};

/** Another one as soon as anything is said otherwise of the tenant; its settings have their own. */
export const versionOfTenant = ({ updatedAt: _, settings: _with, ownSettings: _own, ...tenant }: Tenant): string =>
  versionOf(tenant);

/** Another one as soon as the tenant has set anything otherwise, a secret included. */
export const versionOfSettings = ({ ownSettings }: Pick<Tenant, 'ownSettings'>): string => versionOf(ownSettings);

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/** @throws Failure `invalid_input` */
export function checkedTenant(draft: TenantDraft): NewTenant {
  return {
    slug: checkedSlug(draft.slug),
    name: checkedName(draft.name),
    type: draft.type ?? 'customer',
    country: checkedCountry(draft.country ?? null),
    status: draft.status ?? 'active',
    ownSettings: changeSettings({}, draft.settings ?? {}),
    config: checkedConfig(draft.config ?? {}),
  };
}

/** @throws Failure `invalid_input` */
export function checkedName(name: string): string {
  return plainName(name, LIMITS.nameChars) ?? invalid('name', `must have 1 to ${LIMITS.nameChars} plain characters`);
}

/** @throws Failure `invalid_input` */
export function checkedCountry(country: string | null): string | null {
  return country === null || isCountry(country)
    ? country
    : invalid('country', 'must be a country by two capital letters (ISO 3166-1)');
}

/** @throws Failure `invalid_input` */
export function checkedDomain(raw: string): string {
  const plain = raw.length <= LIMITS.domainChars && /^[\p{L}\p{N}\p{M}.-]+$/u.test(raw);
  const domain = plain ? canonicalDomain(raw) : undefined;
  return domain?.includes('.') ? domain : invalid('domain', 'must be a host name');
}

/** @throws Failure `invalid_input` for more bytes or levels than there may be, and for what a row cannot hold */
export function checkedConfig(config: TenantConfig): TenantConfig {
  if (Buffer.byteLength(JSON.stringify(config)) > LIMITS.tenantConfigBytes)
    return invalid('config', `must have ${LIMITS.tenantConfigBytes} bytes or less`);
  if (depthOf(config) > LIMITS.tenantConfigDepth)
    return invalid('config', `must have ${LIMITS.tenantConfigDepth} levels or less`);
  return isStorable(config) ? config : invalid('config', 'holds a character that is not allowed');
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** PostgreSQL takes neither NUL nor half a surrogate pair, in names neither. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, item]) => isPlain(key) && isStorable(item));
}

/** There is one platform tenant for ever; no other becomes it, and it becomes no other. */
export function assertTypeChange(from: TenantType, to: TenantType): void {
  if (from !== to && (from === 'platform' || to === 'platform'))
    invalid('type', 'the platform tenant is one of its own');
}

/** The operators would shut themselves out. */
export function assertSuspendable(tenant: Pick<Tenant, 'type'>): void {
  assertNotPlatform(tenant, 'cannot be suspended');
}

/** @throws Failure `conflict` */
export function assertNotPlatform({ type }: Pick<Tenant, 'type'>, problem: string): void {
  if (type === 'platform') throw new Failure('conflict', { problem: `the platform tenant ${problem}` });
}
