import type { TenantId } from '../../kernel/ids.ts';
import { checkedPermission, type NewPermission, type PermissionEntry } from '../access/permission.ts';
import { checkedRole, isSystemRole, type NewRole, type Role, SYSTEM_ROLES, type SystemRole } from '../access/role.ts';
import { type Api, type ApiValues, checkedApi } from '../apis/api.ts';
import {
  byTenant,
  callOf,
  changedFields,
  declaredOnce,
  differs,
  judged,
  type Site,
  type Work,
  writes,
} from './work.ts';

/** Makes and changes the declared APIs. */
export async function reconcileApis(work: Work, sites: readonly Site[]): Promise<void> {
  const present = byTenant(
    await work.rooms.apis.apisOfTenants(
      work.tx,
      sites.map(({ tenantId }) => tenantId),
    ),
  );
  const fresh: (ApiValues & { tenantId: TenantId })[] = [];
  for (const site of sites) {
    const known = new Map((present.get(site.tenantId) ?? []).map(({ api }) => [api.identifier, api]));
    for (const { item, path } of declaredOnce(
      work,
      `${site.path}.apis`,
      site.declared.apis ?? [],
      ({ identifier }) => identifier,
    )) {
      const there: Api | undefined = known.get(item.identifier);
      known.delete(item.identifier);
      const given = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));
      const values = await judged(work, path, () => checkedApi({ ...there, ...given, identifier: item.identifier }));
      if (!values) continue;
      if (!there) {
        differs(work, site, 'create', 'api', item.identifier);
        fresh.push({ ...values, tenantId: site.tenantId });
        continue;
      }
      const fields = changedFields(values, there);
      if (fields.length === 0) continue;
      differs(work, site, 'change', 'api', item.identifier, fields);
      if (writes(work)) await work.rooms.apis.update(callOf(work, site), there.id, values);
    }
    for (const identifier of known.keys()) differs(work, site, 'kept', 'api', identifier);
  }
  if (fresh.length > 0 && writes(work)) await work.rooms.apis.createAll(work.tx, fresh);
}

/** Writes down and describes the declared permissions. Those that declared roles name are declared by that. */
export async function reconcilePermissions(work: Work, sites: readonly Site[]): Promise<void> {
  const { tx, rooms } = work;
  const present = byTenant(
    await rooms.access.permissionsOfTenants(
      tx,
      sites.map(({ tenantId }) => tenantId),
    ),
  );
  const fresh: (NewPermission & { tenantId: TenantId })[] = [];
  for (const site of sites) {
    const { permissions = [], roles = [] } = site.declared;
    const known = new Map<string, PermissionEntry>(
      (present.get(site.tenantId) ?? []).map(({ permission }) => [permission.name, permission]),
    );
    const kept = new Set(known.keys()).difference(new Set(roles.flatMap((role) => role.permissions ?? [])));
    for (const { item, path } of declaredOnce(work, `${site.path}.permissions`, permissions, ({ name }) => name)) {
      const there = known.get(item.name);
      kept.delete(item.name);
      const values = await judged(work, path, () => checkedPermission(item));
      if (!values) continue;
      if (!there) {
        differs(work, site, 'create', 'permission', item.name);
        fresh.push({ ...values, tenantId: site.tenantId });
      } else if (item.description !== undefined && values.description !== there.description) {
        differs(work, site, 'change', 'permission', item.name, ['description']);
        if (writes(work)) await rooms.access.describePermission(callOf(work, site), there.id, values.description);
      }
    }
    for (const name of kept) differs(work, site, 'kept', 'permission', name);
  }
  if (fresh.length > 0 && writes(work)) await rooms.access.addPermissions(tx, fresh);
}

/** Roles by name, as far as they exist; what is declared and not yet written has no id. */
export type RoleNames = Map<TenantId, Set<string>>;

/** Makes and changes the declared roles. Gives the names that users can have. */
export async function reconcileRoles(work: Work, sites: readonly Site[]): Promise<RoleNames> {
  const present = byTenant(
    await work.rooms.access.rolesOfTenants(
      work.tx,
      sites.map(({ tenantId }) => tenantId),
    ),
  );
  const names: RoleNames = new Map();
  const fresh: (NewRole & { tenantId: TenantId })[] = [];
  for (const site of sites) {
    const all = (present.get(site.tenantId) ?? []).map(({ role }) => role);
    const system = (Object.keys(SYSTEM_ROLES) as SystemRole[]).filter(
      (name) => site.type === 'platform' || !SYSTEM_ROLES[name].platformOnly,
    );
    names.set(site.tenantId, new Set([...system, ...all.map(({ name }) => name)]));
    const own = new Map(all.filter(({ system: isSystem }) => !isSystem).map((role) => [role.name, role]));
    for (const { item, path } of declaredOnce(
      work,
      `${site.path}.roles`,
      site.declared.roles ?? [],
      ({ name }) => name,
    )) {
      const there: Role | undefined = isSystemRole(item.name) ? undefined : own.get(item.name);
      own.delete(item.name);
      const given = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));
      const values = await judged(work, path, () => checkedRole({ ...there, ...given, name: item.name }));
      if (!values) continue;
      names.get(site.tenantId)!.add(values.name);
      if (!there) {
        differs(work, site, 'create', 'role', item.name);
        fresh.push({ ...values, tenantId: site.tenantId });
        continue;
      }
      const fields = changedFields(values, there);
      if (fields.length === 0) continue;
      differs(work, site, 'change', 'role', item.name, fields);
      if (writes(work)) await work.rooms.access.updateRole(callOf(work, site), there.id, values);
    }
    for (const name of own.keys()) differs(work, site, 'kept', 'role', name);
  }
  if (fresh.length > 0 && writes(work)) await work.rooms.access.createRoles(work.tx, fresh);
  return names;
}
