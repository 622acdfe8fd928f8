import type { Actor } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { RoleId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import { versionOf } from '../../kernel/version.ts';

/** What can be allowed in Gatehouse itself. Applications have permissions of their own beside it, in any other area. */
export const PERMISSIONS = [
  'iam.apikeys:create',
  'iam.apikeys:read',
  'iam.apikeys:revoke',
  'iam.apikeys:rotate',
  'iam.apis:read',
  'iam.apis:write',
  'iam.audit:read',
  'iam.clients:read',
  'iam.clients:write',
  'iam.idps:read',
  'iam.idps:write',
  'iam.keys:read',
  'iam.keys:rotate',
  'iam.nodes:read',
  'iam.nodes:write',
  'iam.roles:read',
  'iam.roles:write',
  'iam.sessions:read',
  'iam.sessions:revoke',
  'iam.settings:read',
  'iam.settings:write',
  'iam.tenants:read',
  'iam.tenants:write',
  'iam.users:create',
  'iam.users:delete',
  'iam.users:read',
  'iam.users:suspend',
  'iam.users:update',
  'iam.webhooks:read',
  'iam.webhooks:write',
] as const;

export type Permission = (typeof PERMISSIONS)[number];
export type SystemRole = 'SUPER_ADMIN' | 'TENANT_ADMIN' | 'USER_ADMIN' | 'AUDITOR';

/** `area.thing:verb` in lower case; exactly this, without wildcards. */
const PERMISSION = /^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*:[a-z][a-z0-9_-]*$/;
const KNOWN: ReadonlySet<string> = new Set(PERMISSIONS);
const ofTenant = PERMISSIONS.filter((permission) => !permission.startsWith('iam.tenants:'));

type SystemRoleRule = {
  displayName: string;
  description: string;
  platformOnly: boolean;
  permissions: readonly Permission[];
};

/** The roles that every tenant has and nobody can change. Their permissions stand here, never in a row. */
export const SYSTEM_ROLES: Record<SystemRole, SystemRoleRule> = {
  SUPER_ADMIN: {
    displayName: 'Operator',
    description: 'Runs Gatehouse: every tenant and all in it.',
    platformOnly: true,
    permissions: PERMISSIONS,
  },
  TENANT_ADMIN: {
    displayName: 'Tenant administrator',
    description: 'Everything in this tenant.',
    platformOnly: false,
    permissions: ofTenant,
  },
  USER_ADMIN: {
    displayName: 'User administrator',
    description: 'Users and their sessions.',
    platformOnly: false,
    permissions: ofTenant.filter((permission) => /^iam\.(users|sessions):|^iam\.roles:read$/.test(permission)),
  },
  AUDITOR: {
    displayName: 'Auditor',
    description: 'Reads everything in this tenant, changes nothing.',
    platformOnly: false,
    permissions: ofTenant.filter((permission) => permission.endsWith(':read')),
  },
};

export type Role = {
  id: RoleId;
  name: string;
  displayName: string;
  description: string | null;
  /** A word of the tenant's own by which roles are put in order. */
  category: string | null;
  /** Made with the tenant; cannot be changed. */
  system: boolean;
  permissions: readonly string[];
  createdAt: Date;
  updatedAt: Date;
};

export type RoleDraft = {
  name: string;
  displayName?: string | undefined;
  description?: string | null | undefined;
  category?: string | null | undefined;
  permissions?: readonly string[] | undefined;
};
/** A role of the tenant's own, in the form in which it is stored. */
export type NewRole = {
  name: string;
  displayName: string;
  description: string | null;
  category: string | null;
  permissions: string[];
};

/** Another one as soon as anything is said otherwise of the role. */
export const versionOfRole = ({ updatedAt: _, ...role }: Role): string => versionOf(role);

export const isSystemRole = (name: string): name is SystemRole => Object.hasOwn(SYSTEM_ROLES, name);

/** What roles allow together: those of system roles by the code, those of own roles as stored; sorted, each once. */
export function permissionsOfRoles(roles: readonly { name: string; permissions: readonly string[] }[]): string[] {
  return [
    ...new Set(
      roles.flatMap(({ name, permissions }) => (isSystemRole(name) ? SYSTEM_ROLES[name].permissions : permissions)),
    ),
  ].sort();
}

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/** @throws Failure `invalid_input`; `role_system` for the name of a system role, in any case */
export function checkedRole({ name, displayName, description, category, permissions }: RoleDraft): NewRole {
  if (!/^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/.test(name))
    return invalid('name', 'must be letters, digits and _ . : - (64 at most)');
  if (isSystemRole(name.toUpperCase())) throw new Failure('role_system', { name });
  return {
    name,
    displayName: plainName(displayName ?? name, LIMITS.nameChars) ?? invalid('displayName', 'must be plain text'),
    description: checkedDescription(description),
    category:
      category == null ? null : (plainName(category, LIMITS.nameChars) ?? invalid('category', 'must be plain text')),
    permissions: checkedPermissions(permissions ?? []),
  };
}

/** @throws Failure `invalid_input` */
export function checkedDescription(description: string | null | undefined): string | null {
  if (description == null) return null;
  return plainName(description, LIMITS.descriptionChars) ?? invalid('description', 'must be plain text');
}

/** Whether it has the form of a permission. */
export const isPermissionName = (name: string): boolean =>
  name.length <= LIMITS.permissionChars && PERMISSION.test(name);

/** Whether it is one of Gatehouse itself, or says so. */
export const isOurs = (permission: string): boolean => /^iam[.:]/.test(permission);

/** Each once, sorted. @throws Failure `invalid_input` for a wildcard, a bad form, or an unknown permission of ours */
export function checkedPermissions(permissions: readonly string[], field = 'permissions'): string[] {
  if (permissions.length > LIMITS.rolePermissions) return invalid(field, `are more than ${LIMITS.rolePermissions}`);
  for (const permission of permissions) {
    if (!isPermissionName(permission)) return invalid(field, 'must be area.thing:verb in lower case');
    if (isOurs(permission) && !KNOWN.has(permission)) return invalid(field, `${permission} does not exist`);
  }
  return [...new Set(permissions)].sort();
}

/**
 * Nobody grants what they do not hold. An administrator of the tenant holds every permission of its applications
 * (outside of `iam.`): somebody must be able to grant a new one first. The service itself may grant anything.
 *
 * @throws Failure `privilege_escalation`
 */
export function assertHolds(actor: Actor, permissions: readonly string[]): void {
  if (actor.kind === 'system') return;
  const held: ReadonlySet<string> = new Set(actor.kind === 'anonymous' ? [] : actor.permissions);
  const isAdmin =
    actor.kind === 'user' && actor.roles.some((role) => role === 'TENANT_ADMIN' || role === 'SUPER_ADMIN');
  const missing = permissions.filter((permission) => !held.has(permission) && !(isAdmin && !isOurs(permission)));
  if (missing.length > 0) throw new Failure('privilege_escalation', { missing });
}
