import { canonicalDomain } from '../../kernel/canonical.ts';
import { isCountry } from '../../kernel/country.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import { leavesOf } from '../audit/audit-note.ts';
import type { OwnSettings, SettingsChange, TenantSettings } from './settings.ts';
import { changeSettings } from './settings.ts';

export type TenantType = 'platform' | 'customer' | 'partner' | 'internal';
export type TenantStatus = 'active' | 'suspended' | 'deleted';

export type Tenant = {
  id: TenantId;
  /** Stands in the issuer; never changes, never given twice. */
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
  createdAt: Date;
  updatedAt: Date;
};

/** What the audit trail tells of a tenant: its settings one by one, but for the secret ones. */
export const auditedTenant = ({ name, type, country, status, ownSettings }: Tenant) => ({
  name,
  type,
  country,
  status,
  ...leavesOf(ownSettings),
});

/** A host that a tenant claims. The issuer moves there once it is verified; one tenant can verify a domain. */
export type TenantDomain = { domain: string; verifiedAt: Date | null };

export type TenantDraft = {
  slug: string;
  name: string;
  type?: TenantType | undefined;
  country?: string | null | undefined;
  status?: 'active' | 'suspended' | undefined;
  settings?: SettingsChange | undefined;
};

export type TenantChange = {
  name?: string | undefined;
  type?: TenantType | undefined;
  country?: string | null | undefined;
};

/** A draft in the form in which it is stored. */
export type NewTenant = {
  slug: string;
  name: string;
  type: TenantType;
  country: string | null;
  status: TenantStatus;
  ownSettings: OwnSettings;
};

/** Words that mean something else in a URL or a host name of ours. */
const RESERVED = new Set(
  `api assets auth callback docs favicon health interaction internal login logout metrics null oauth oidc openapi ready
   saml scim static t undefined well-known www`.split(/\s+/),
);

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/** @throws Failure `invalid_input` when the slug is no lower-case host label, or reserved */
export function checkedSlug(slug: string): string {
  if (slug.length > LIMITS.slugChars || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(slug)) {
    return invalid('slug', 'must be lower-case letters, digits and inner hyphens');
  }
  return RESERVED.has(slug) ? invalid('slug', 'is reserved') : slug;
}

/** @throws Failure `invalid_input` */
export function checkedTenant(draft: TenantDraft): NewTenant {
  return {
    slug: checkedSlug(draft.slug),
    name: checkedName(draft.name),
    type: draft.type ?? 'customer',
    country: checkedCountry(draft.country ?? null),
    status: draft.status ?? 'active',
    ownSettings: changeSettings({}, draft.settings ?? {}),
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

/** There is one platform tenant for ever; no other becomes it, and it becomes no other. */
export function assertTypeChange(from: TenantType, to: TenantType): void {
  if (from !== to && (from === 'platform' || to === 'platform'))
    invalid('type', 'the platform tenant is one of its own');
}

/** The operators would shut themselves out. */
export function assertSuspendable(tenant: Pick<Tenant, 'type'>): void {
  if (tenant.type === 'platform') throw new Failure('conflict', { problem: 'the platform tenant cannot be suspended' });
}
