import { Failure } from '../../kernel/failure.ts';
import type { PermissionId } from '../../kernel/ids.ts';
import { sha256 } from '../../kernel/secret.ts';
import { checkedDescription, isOurs, isPermissionName, PERMISSIONS, type Permission } from './role.ts';

/** One right that roles can hold, as the catalogue of a tenant lists it. */
export type PermissionEntry = {
  id: PermissionId;
  /** `area.thing:verb` */
  name: string;
  description: string | null;
  /** One of Gatehouse itself, the same in every tenant; cannot be changed. */
  system: boolean;
};

export type PermissionDraft = { name: string; description?: string | null | undefined };
/** A permission of the tenant's own, in the form in which it is stored. */
export type NewPermission = { name: string; description: string | null };

const DESCRIPTIONS: Record<Permission, string> = {
  'iam.apikeys:create': 'Make API keys.',
  'iam.apikeys:read': 'See API keys, not what they are.',
  'iam.apikeys:revoke': 'End API keys.',
  'iam.apikeys:rotate': 'Replace API keys.',
  'iam.apis:read': 'See APIs.',
  'iam.apis:write': 'Make, change and remove APIs.',
  'iam.audit:read': 'Read the audit trail.',
  'iam.clients:read': 'See applications, without their secrets.',
  'iam.clients:write': 'Make, change and remove applications, and give them secrets.',
  'iam.idps:read': 'See identity providers.',
  'iam.idps:write': 'Make, change and remove identity providers.',
  'iam.keys:read': 'See signing keys, without their private half.',
  'iam.keys:rotate': 'Replace signing keys.',
  'iam.nodes:read': 'See the organisation tree and its members.',
  'iam.nodes:write': 'Make, change, move and remove nodes, and say who belongs to them.',
  'iam.roles:read': 'See roles, permissions, and who has them.',
  'iam.roles:write': 'Make, change and remove roles, and give them to people and machines.',
  'iam.sessions:read': 'See where people are signed in.',
  'iam.sessions:revoke': 'Sign people out.',
  'iam.settings:read': 'See the settings of the tenant.',
  'iam.settings:write': 'Change the settings of the tenant.',
  'iam.tenants:read': 'See every tenant.',
  'iam.tenants:write': 'Make, change and remove tenants.',
  'iam.users:create': 'Make, invite and import people.',
  'iam.users:delete': 'Remove people.',
  'iam.users:read': 'See people.',
  'iam.users:suspend': 'Suspend people and let them in again.',
  'iam.users:update': 'Change people.',
  'iam.webhooks:read': 'See webhooks.',
  'iam.webhooks:write': 'Make and remove webhooks.',
};

/** What Gatehouse itself asks for, by name. */
export const SYSTEM_PERMISSIONS: readonly PermissionEntry[] = PERMISSIONS.toSorted().map((name) => ({
  id: idOfSystem(name),
  name,
  description: DESCRIPTIONS[name],
  system: true,
}));

/** They are in no table, so their id is made from the name (UUIDv8, RFC 9562 §5.8): the same everywhere and for ever. */
function idOfSystem(name: Permission): PermissionId {
  const bytes = sha256(`permission:${name}`).subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as PermissionId;
}

/** @throws Failure `invalid_input`; `permission_system` for a name in our own area */
export function checkedPermission({ name, description }: PermissionDraft): NewPermission {
  if (!isPermissionName(name))
    throw new Failure('invalid_input', { field: 'name', problem: 'must be area.thing:verb in lower case' });
  if (isOurs(name)) throw new Failure('permission_system', { name });
  return { name, description: checkedDescription(description) };
}
