import { z } from 'zod';
import type { Tenant } from '../../domain/tenants/tenant.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { UserCall } from '../operation.ts';
import { time } from './fields.ts';
import { tenantIds } from './ids.ts';

export const tenantType = z.enum(['customer', 'partner', 'internal']);
export const tenantName = z
  .string()
  .min(1)
  .max(LIMITS.nameChars * 2);
export const slug = z.string().min(1).max(LIMITS.slugChars);
export const config = z
  .record(z.string(), z.unknown())
  .describe('Kept for the tenant’s applications; Gatehouse does not read it.');
export const tenantId = z.strictObject({ id: tenantIds.schema });

/** A tenant, as every operation of this contract shows it. */
export const tenantBody = z.object({
  id: tenantIds.text,
  slug: z.string(),
  name: z.string(),
  type: z.enum(['platform', ...tenantType.options]),
  country: z.string().nullable(),
  status: z.enum(['active', 'suspended', 'deleted']),
  config: z.record(z.string(), z.unknown()),
  userCount: z.int(),
  createdAt: time,
  updatedAt: time,
  deletedAt: time.nullable(),
});

export const presentTenant = (tenant: Tenant & { userCount: number }): z.input<typeof tenantBody> => ({
  ...tenant,
  id: tenantIds.encode(tenant.id),
  createdAt: tenant.createdAt.toISOString(),
  updatedAt: tenant.updatedAt.toISOString(),
  deletedAt: tenant.deletedAt?.toISOString() ?? null,
});

export const exampleTenant: z.input<typeof tenantBody> = {
  id: 'ten_01HZX3F5T8Q2M4N6P7R9S0V1W3',
  slug: 'acme',
  name: 'Acme Clinics',
  type: 'customer',
  country: 'GB',
  status: 'active',
  config: { region: 'north' },
  userCount: 42,
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
  deletedAt: null,
};

export const isOperator = ({ actor }: UserCall): boolean => actor.roles.includes('SUPER_ADMIN');

/**
 * The call in the tenant that the path names: an administrator's own, or any for an operator.
 *
 * @throws Failure `tenant_not_found` for another's, as for one that is not there
 */
export function callAt(call: UserCall, id: TenantId): UserCall {
  if (id !== call.tenantId && !isOperator(call)) throw new Failure('tenant_not_found');
  return { ...call, tenantId: id };
}

/** @throws Failure `forbidden` when an administrator of the tenant names what only operators change */
export function assertForOperators(call: UserCall, body: object, names: readonly string[]): void {
  const named = names.filter((name) => (body as Record<string, unknown>)[name] !== undefined);
  if (named.length > 0 && !isOperator(call)) throw new Failure('forbidden', { needs: 'SUPER_ADMIN', for: named });
}
