import { batchesOf } from '../../kernel/batches.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type RoleId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { likePattern, type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { assertVersion, type Expected } from '../../kernel/version.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { createCatalogue } from './catalogue.ts';
import {
  assertHolds,
  checkedRole,
  type NewRole,
  type Role,
  type RoleDraft,
  SYSTEM_ROLES,
  type SystemRole,
  versionOfRole,
} from './role.ts';
import * as store from './role-store.ts';

export type RoleChange = {
  displayName?: string | undefined;
  description?: string | null | undefined;
  category?: string | null | undefined;
  permissions?: readonly string[] | undefined;
};

export type RoleQuery = PageQuery & { category?: string | undefined; search?: string | undefined };

type Deps = { audit: AuditService; catalogue: Pick<ReturnType<typeof createCatalogue>, 'keepListed'> };

/** The roles of a tenant: those that every tenant has, and its own. Part of the access service. */
export function createOwnRoles({ audit, catalogue }: Deps) {
  const target = ({ name }: { name: string }) => ({ target: `role:${name}` });

  const keepListed = (tx: TenantCall, permissions: readonly string[]): Promise<string[]> =>
    catalogue.keepListed(
      tx,
      permissions.map((name) => ({ tenantId: tx.tenantId, name })),
    );

  async function remove(tx: TenantCall, id: RoleId, expected: Expected): Promise<void> {
    const role = await lockOwn(tx, id, expected);
    assertHolds(tx.actor, role.permissions);
    await store.remove(tx, id);
    await audit.record(tx, 'role.removed', { ...target(role), before: auditedRole(role) });
  }

  return {
    /**
     * A page of the tenant's roles by name. `search` looks into name and displayed name.
     *
     * @throws Failure `invalid_input`
     */
    async list(call: TenantCall, { category, search, ...query }: RoleQuery = {}): Promise<Page<Role>> {
      const window = pageWindow(query);
      const filter = { category, like: search === undefined ? undefined : likePattern(search) };
      const { items, total } = await inTransaction(call, (tx) => store.list(tx, filter, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /** @throws Failure `role_not_found` */
    async get(call: TenantCall, id: RoleId): Promise<Role> {
      return (await inTransaction(call, (tx) => store.find(tx, id))) ?? notFound(id);
    },

    /**
     * Makes a role of the tenant's own. A permission that nobody has named before is in the catalogue by that.
     *
     * @throws Failure `invalid_input`, `role_system`, `role_taken`; `privilege_escalation` when the actor does not hold all of it
     */
    async createRole(call: TenantCall, draft: RoleDraft): Promise<Role> {
      const checked = checkedRole(draft);
      assertHolds(call.actor, checked.permissions);
      return inTransaction(call, async (tx) => {
        const begun = await keepListed(tx, checked.permissions);
        const [made] = await store.insert(tx, [
          { ...checked, tenantId: tx.tenantId, id: newId<RoleId>(), system: false },
        ]);
        if (!made) throw new Failure('role_taken', { name: checked.name });
        await audit.record(tx, 'role.created', {
          ...target(checked),
          after: auditedRole(made.role),
          details: { begun },
        });
        return made.role;
      });
    },

    /**
     * Changes what a role of the tenant's own allows, or how it is shown; its name stays, for tokens carry it. Users who
     * have it feel it at their next request.
     *
     * @param expected the versions of which the role must be one
     * @throws Failure `role_not_found`, `role_system`, `precondition_failed`, `invalid_input`; `privilege_escalation` for a
     *   permission that the actor adds to it or takes from it, and does not hold
     */
    async updateRole(call: TenantCall, id: RoleId, change: RoleChange, expected?: Expected): Promise<Role> {
      return inTransaction(call, async (tx) => {
        const role = await lockOwn(tx, id, expected);
        const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
        const checked = checkedRole({ ...role, ...given });
        assertHolds(tx.actor, differenceOf(role.permissions, checked.permissions));
        if (isSame(role, checked)) return role;
        const begun = await keepListed(tx, checked.permissions);
        const changed = await store.update(tx, id, checked);
        await audit.record(tx, 'role.updated', {
          ...target(role),
          ...changeOf(auditedRole(role), auditedRole(changed)),
          details: { begun },
        });
        return changed;
      });
    },

    /**
     * Removes a role of the tenant's own; whoever had it, anywhere, loses it.
     *
     * @throws Failure `role_not_found`, `role_system`, `precondition_failed`; `privilege_escalation` when the actor does not
     *   hold all that it allows
     */
    async removeRole(call: TenantCall, id: RoleId, expected?: Expected): Promise<void> {
      await inTransaction(call, (tx) => remove(tx, id, expected));
    },

    /**
     * Removes the role of a machine by its name, where it is there still.
     *
     * @throws Failure `role_system`, `privilege_escalation`
     */
    async removeOwnRole(call: TenantCall, name: string): Promise<void> {
      await inTransaction(call, async (tx) => {
        const id = await store.lockByName(tx, name);
        if (id) await remove(tx, id, undefined);
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
            category: null,
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

    /** Own roles of several tenants in few statements, in the caller's transaction. Only the service itself does this. */
    async createRoles(
      tx: OperatorCall,
      roles: readonly (NewRole & { tenantId: TenantId })[],
    ): Promise<store.OwnedRole[]> {
      assertHolds(
        tx.actor,
        roles.flatMap(({ permissions }) => permissions),
      );
      await catalogue.keepListed(
        tx,
        roles.flatMap(({ tenantId, permissions }) => permissions.map((name) => ({ tenantId, name }))),
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
        made.map(({ tenantId, role }) => ({
          tenantId,
          action: 'role.created',
          ...target(role),
          after: auditedRole(role),
        })),
      );
      return made;
    },
  };
}

/** What the audit trail tells of a role. */
const auditedRole = ({ displayName, description, category, permissions }: Role) => ({
  displayName,
  description,
  category,
  permissions,
});

async function lockOwn(tx: TenantCall, id: RoleId, expected: Expected): Promise<Role> {
  const role = (await store.lock(tx, id)) ?? notFound(id);
  if (role.system) throw new Failure('role_system', { name: role.name });
  assertVersion(expected, versionOfRole(role));
  return role;
}

/** What is in one of two lists and not in the other. */
function differenceOf(before: readonly string[], after: readonly string[]): string[] {
  return [...new Set(before).symmetricDifference(new Set(after))];
}

const isSame = (role: Role, other: NewRole) =>
  role.displayName === other.displayName &&
  role.description === other.description &&
  role.category === other.category &&
  JSON.stringify(role.permissions) === JSON.stringify(other.permissions);

function notFound(roleId: RoleId): never {
  throw new Failure('role_not_found', { roleId });
}
