import { batchesOf } from '../../kernel/batches.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type RoleId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import {
  assertHolds,
  checkedRole,
  type NewRole,
  permissionsOfRoles,
  type Role,
  type RoleDraft,
  SYSTEM_ROLES,
  type SystemRole,
} from './role.ts';
import * as store from './role-store.ts';

/** What a user may do: the names of their roles, and what those allow together. */
export type Access = { roles: string[]; permissions: string[] };

export type RoleChange = {
  displayName?: string | undefined;
  description?: string | null | undefined;
  permissions?: readonly string[] | undefined;
};

/** Roles, what they allow, and who has them. */
export function createAccessService({ audit }: { audit: AuditService }) {
  const accessOf = async (call: TenantCall, userId: UserId): Promise<Access> => {
    const roles = await inTransaction(call, (tx) => store.ofUser(tx, userId));
    return { roles: roles.map(({ name }) => name), permissions: permissionsOfRoles(roles) };
  };

  /**
   * Makes sure that somebody who administers the tenant is left when `userId` no longer does: an active user with
   * SUPER_ADMIN in the platform tenant, with TENANT_ADMIN in any other. The role's row is held, so of two who leave at
   * once the second waits and sees that the first has left.
   *
   * @param leaving the roles that the user is about to lose; all of them unless told
   * @throws Failure `last_admin`
   */
  async function assertAdminRemains(tx: TenantCall, userId: UserId, leaving?: readonly Role[]): Promise<void> {
    const role = (await store.lockByName(tx, 'SUPER_ADMIN')) ?? (await store.lockByName(tx, 'TENANT_ADMIN'));
    if (!role) return;
    const holds = (leaving ?? (await store.ofUser(tx, userId))).some(({ id }) => id === role);
    if (holds && (await store.activeHolders(tx, role, userId)).length === 0)
      throw new Failure('last_admin', { userId });
  }

  return {
    accessOf,
    assertAdminRemains,

    /**
     * Makes sure that who takes over a user's way in (password, e-mail address) gains nothing by it: they hold all that
     * the user may do, or are that user.
     *
     * @throws Failure `privilege_escalation`
     */
    async assertNothingGained(tx: TenantCall, userId: UserId): Promise<void> {
      if (tx.actor.kind === 'user' && tx.actor.userId === userId) return;
      assertHolds(tx.actor, permissionsOfRoles(await store.ofUser(tx, userId)));
    },

    /** The roles of a user, by name; none for an unknown one. */
    rolesOf: (call: TenantCall, userId: UserId): Promise<Role[]> =>
      inTransaction(call, (tx) => store.ofUser(tx, userId)),

    /** What the roles of a user allow together, sorted. */
    permissionsOf: async (call: TenantCall, userId: UserId): Promise<string[]> =>
      (await accessOf(call, userId)).permissions,

    /** Every role of the tenant, by name. */
    list: (call: TenantCall): Promise<Role[]> => inTransaction(call, (tx) => store.list(tx)),

    /** @throws Failure `role_not_found` */
    async get(call: TenantCall, id: RoleId): Promise<Role> {
      return (await inTransaction(call, (tx) => store.find(tx, id))) ?? notFound(id);
    },

    /**
     * Makes a role of the tenant's own.
     *
     * @throws Failure `invalid_input`, `role_system`, `role_taken`; `privilege_escalation` when the actor does not hold all of it
     */
    async createRole(call: TenantCall, draft: RoleDraft): Promise<Role> {
      const checked = checkedRole(draft);
      assertHolds(call.actor, checked.permissions);
      return inTransaction(call, async (tx) => {
        const [made] = await store.insert(tx, [
          { ...checked, tenantId: tx.tenantId, id: newId<RoleId>(), system: false },
        ]);
        if (!made) throw new Failure('role_taken', { name: checked.name });
        await audit.record(tx, 'role.created', {
          target: `role:${checked.name}`,
          details: { permissions: checked.permissions },
        });
        return made.role;
      });
    },

    /**
     * Changes what a role of the tenant's own allows, or how it is shown; its name stays, for tokens carry it. Users who
     * have it feel it at their next request.
     *
     * @throws Failure `role_not_found`, `role_system`, `invalid_input`; `privilege_escalation` for a permission that the
     *   actor adds and does not hold
     */
    async updateRole(call: TenantCall, id: RoleId, change: RoleChange): Promise<Role> {
      return inTransaction(call, async (tx) => {
        const role = (await store.lock(tx, id)) ?? notFound(id);
        if (role.system) throw new Failure('role_system', { name: role.name });
        const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
        const checked = checkedRole({ ...role, ...given });
        assertHolds(
          tx.actor,
          checked.permissions.filter((permission) => !role.permissions.includes(permission)),
        );
        if (isSame(role, checked)) return role;
        const changed = await store.update(tx, id, checked);
        await audit.record(tx, 'role.updated', {
          target: `role:${role.name}`,
          details: { permissions: checked.permissions },
        });
        return changed;
      });
    },

    /** Removes a role of the tenant's own; those who had it lose it. @throws Failure `role_not_found`, `role_system` */
    async removeRole(call: TenantCall, id: RoleId): Promise<void> {
      await inTransaction(call, async (tx) => {
        const role = (await store.lock(tx, id)) ?? notFound(id);
        if (role.system) throw new Failure('role_system', { name: role.name });
        await store.remove(tx, id);
        await audit.record(tx, 'role.removed', { target: `role:${role.name}` });
      });
    },

    /**
     * Gives a user exactly these roles. The same roles again change nothing.
     *
     * @throws Failure `user_not_found`, `role_not_found`; `privilege_escalation` when the actor does not hold all that
     *   the roles allow which they give or take; `last_admin`
     */
    async setUserRoles(call: TenantCall, userId: UserId, names: readonly string[]): Promise<Role[]> {
      return inTransaction(call, async (tx) => {
        if (!(await store.lockUser(tx, userId))) throw new Failure('user_not_found', { userId });
        const wanted = await namedRoles(tx, names);
        const present = await store.ofUser(tx, userId);
        const added = wanted.filter(({ id }) => !present.some((role) => role.id === id));
        const removed = present.filter(({ id }) => !wanted.some((role) => role.id === id));
        if (added.length + removed.length === 0) return present;
        assertHolds(tx.actor, permissionsOfRoles([...added, ...removed]));
        if (removed.some(({ name }) => name === 'SUPER_ADMIN' || name === 'TENANT_ADMIN'))
          await assertAdminRemains(tx, userId, removed);
        if (removed.length > 0)
          await store.revoke(
            tx,
            userId,
            removed.map(({ id }) => id),
          );
        if (added.length > 0)
          await store.grant(
            tx,
            added.map(({ id }) => ({ tenantId: tx.tenantId, userId, roleId: id })),
          );
        const details = { added: added.map(({ name }) => name), removed: removed.map(({ name }) => name) };
        await audit.record(tx, 'user.roles_changed', { target: `user:${userId}`, details });
        return wanted;
      });
    },

    /** The system roles of new tenants, in the transaction that makes them. */
    async createSystemRoles(tx: OperatorCall, tenants: readonly { id: TenantId; type: string }[]): Promise<void> {
      const roles = tenants.flatMap(({ id, type }) =>
        (Object.keys(SYSTEM_ROLES) as SystemRole[])
          .filter((name) => type === 'platform' || !SYSTEM_ROLES[name].platformOnly)
          .map((name) => ({
            ...SYSTEM_ROLES[name],
            name,
            permissions: [],
            tenantId: id,
            id: newId<RoleId>(),
            system: true,
          })),
      );
      for (const batch of batchesOf(roles, LIMITS.batchRows)) await store.insert(tx, batch);
    },

    /** Roles of several tenants, in the caller's transaction: all of them, by tenant and name. */
    rolesOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<store.OwnedRole[]> =>
      store.listOf(tx, tenantIds),

    /** The names of the roles of several users, in the caller's transaction. */
    roleNamesOf: (tx: OperatorCall, users: readonly { tenantId: TenantId; userId: UserId }[]) =>
      store.namesOfUsers(tx, users),

    /** Own roles of several tenants in few statements, in the caller's transaction. Only the service itself does this. */
    async createRoles(
      tx: OperatorCall,
      roles: readonly (NewRole & { tenantId: TenantId })[],
    ): Promise<store.OwnedRole[]> {
      assertHolds(
        tx.actor,
        roles.flatMap(({ permissions }) => permissions),
      );
      const made: store.OwnedRole[] = [];
      for (const batch of batchesOf(roles, LIMITS.batchRows)) {
        made.push(
          ...(await store.insert(
            tx,
            batch.map((role) => ({ ...role, id: newId<RoleId>(), system: false })),
          )),
        );
      }
      await audit.recordAll(
        tx,
        made.map(({ tenantId, role }) => ({ tenantId, action: 'role.created', target: `role:${role.name}` })),
      );
      return made;
    },

    /** Gives roles to new users of several tenants, in the caller's transaction. Only the service itself does this. */
    async grantRoles(tx: OperatorCall, grants: readonly store.Grant[]): Promise<void> {
      if (tx.actor.kind !== 'system') throw new Failure('forbidden');
      for (const batch of batchesOf(grants, LIMITS.batchRows)) await store.grant(tx, batch);
    },
  };
}

export type AccessService = ReturnType<typeof createAccessService>;

async function namedRoles(tx: TenantCall, names: readonly string[]): Promise<Role[]> {
  const roles = await store.findByNames(tx, names);
  const missing = names.filter((name) => !roles.some((role) => role.name === name));
  if (missing.length > 0) throw new Failure('role_not_found', { names: missing });
  return roles;
}

const isSame = (role: Role, other: NewRole) =>
  role.displayName === other.displayName &&
  role.description === other.description &&
  JSON.stringify(role.permissions) === JSON.stringify(other.permissions);

function notFound(roleId: RoleId): never {
  throw new Failure('role_not_found', { roleId });
}
