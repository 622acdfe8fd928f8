import { z } from 'zod';
import type { PermissionEntry } from '../../domain/access/permission.ts';
import { permissionsOfRoles, type Role } from '../../domain/access/role.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { time } from './fields.ts';
import { permissionIds, roleIds } from './ids.ts';

export const roleNames = z.array(z.string().min(1).max(64)).max(LIMITS.rolesOfHolder);
export const permissionNames = z.array(z.string().max(LIMITS.permissionChars)).max(LIMITS.rolePermissions);
export const roleText = z.string().max(LIMITS.nameChars * 2);
export const description = z.string().max(LIMITS.descriptionChars * 2);

/** A role, as every operation of this contract shows it. */
export const roleBody = z.object({
  id: roleIds.text,
  name: z.string(),
  displayName: z.string(),
  description: z.string().nullable(),
  category: z.string().nullable(),
  system: z.boolean(),
  permissions: z.array(z.string()),
  createdAt: time,
  updatedAt: time,
});

export const presentRole = (role: Role): z.input<typeof roleBody> => ({
  ...role,
  id: roleIds.encode(role.id),
  permissions: permissionsOfRoles([role]),
  createdAt: role.createdAt.toISOString(),
  updatedAt: role.updatedAt.toISOString(),
});

export const exampleRole: z.input<typeof roleBody> = {
  id: 'rol_01HZX3F5T8Q2M4N6P7R9S0V1W8',
  name: 'nurse',
  displayName: 'Nurse',
  description: 'Looks after a ward.',
  category: 'care',
  system: false,
  permissions: ['ward.beds:read'],
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
};

export const permissionBody = z.object({
  id: permissionIds.text,
  name: z.string(),
  description: z.string().nullable(),
  system: z.boolean(),
});

export const presentPermission = (permission: PermissionEntry): z.input<typeof permissionBody> => ({
  ...permission,
  id: permissionIds.encode(permission.id),
});

export const examplePermission: z.input<typeof permissionBody> = {
  id: 'prm_01HZX3F5T8Q2M4N6P7R9S0V1W9',
  name: 'ward.beds:read',
  description: 'See the beds of a ward.',
  system: false,
};
