import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { isPermissionName } from '../access/role.ts';

/** A client of kind `service` that an operator made, with what it may do said in one place. */
export type ServiceAccount = {
  /** `svc_` and a ULID; it is the id of the client, and the name of the role that says what it may do. */
  clientId: string;
  tenantId: TenantId;
  name: string;
  description: string | null;
  status: 'active' | 'disabled';
  /** Permissions (`area.thing:verb`), and scopes of the tenant's APIs. */
  scopes: readonly string[];
  createdAt: Date;
};

export type ServiceAccountDraft = {
  name: string;
  /** Whose it is; the operator's own tenant unless told. */
  tenantId?: TenantId | undefined;
  scopes: readonly string[];
  description?: string | null | undefined;
};

/**
 * Which scopes are permissions, which the role of the account has, and which are of the tenant's APIs, for which its
 * client may ask. A permission is both: an API may have a scope of that name.
 *
 * @throws Failure `invalid_input`
 */
export function sortedScopes(scopes: readonly string[]): { permissions: string[]; apiScopes: string[] } {
  const apiScopes = [...new Set(scopes)].sort();
  if (apiScopes.length > LIMITS.rolePermissions)
    throw new Failure('invalid_input', { field: 'scopes', problem: `are more than ${LIMITS.rolePermissions}` });
  return { permissions: apiScopes.filter(isPermissionName), apiScopes };
}
