import { batchesOf } from '../../kernel/batches.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type PermissionId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { likePattern, type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import {
  checkedPermission,
  type NewPermission,
  type PermissionDraft,
  type PermissionEntry,
  SYSTEM_PERMISSIONS,
} from './permission.ts';
import * as store from './permission-store.ts';
import { checkedDescription, isOurs } from './role.ts';
import { namesWith } from './role-store.ts';

/** How often a name is written down anew that somebody removed at the same moment. */
const ATTEMPTS = 3;

const isSystem = (id: PermissionId) => SYSTEM_PERMISSIONS.some((permission) => permission.id === id);

/** The catalogue of permissions: those of Gatehouse itself and the tenant's own. Part of the access service. */
export function createCatalogue({ audit }: { audit: AuditService }) {
  const target = ({ name }: { name: string }) => ({ target: `permission:${name}` });

  /** Writes down what is new, and gives that. */
  async function add(
    tx: OperatorCall,
    permissions: readonly (NewPermission & { tenantId: TenantId })[],
  ): Promise<store.OwnedPermission[]> {
    const made: store.OwnedPermission[] = [];
    for (const batch of batchesOf(permissions, LIMITS.batchRows))
      made.push(
        ...(await store.insert(
          tx,
          batch.map((one) => ({ ...one, id: newId<PermissionId>() })),
        )),
      );
    return made;
  }

  return {
    /**
     * A page of all permissions by name, those of Gatehouse itself first. `search` looks into name and description.
     *
     * @throws Failure `invalid_input`
     */
    async listPermissions(
      call: TenantCall,
      { search, ...query }: PageQuery & { search?: string | undefined } = {},
    ): Promise<Page<PermissionEntry>> {
      const { page, offset, limit } = pageWindow(query);
      const like = search === undefined ? undefined : likePattern(search);
      const word = search?.trim().toLowerCase() ?? '';
      const ours = SYSTEM_PERMISSIONS.filter(({ name, description }) =>
        `${name} ${description}`.toLowerCase().includes(word),
      );
      const first = ours.slice(offset, offset + limit);
      const window = { offset: Math.max(0, offset - ours.length), limit: limit - first.length };
      const { items, total } = await inTransaction(call, (tx) => store.list(tx, like, window));
      return { items: [...first, ...items], total: ours.length + total, page, pageSize: limit };
    },

    /**
     * Writes a permission of the tenant's own down. Nobody holds it by that.
     *
     * @throws Failure `invalid_input`, `permission_system`, `permission_taken`
     */
    async createPermission(call: TenantCall, draft: PermissionDraft): Promise<PermissionEntry> {
      const values = checkedPermission(draft);
      return inTransaction(call, async (tx) => {
        const [made] = await add(tx, [{ ...values, tenantId: tx.tenantId }]);
        if (!made) throw new Failure('permission_taken', { name: values.name });
        await audit.record(tx, 'permission.created', { ...target(values), after: told(made.permission) });
        return made.permission;
      });
    },

    /**
     * Describes a permission of the tenant's own; its name stays, for roles and applications know it by that.
     *
     * @throws Failure `permission_not_found`, `permission_system`, `invalid_input`
     */
    async describePermission(call: TenantCall, id: PermissionId, description: string | null): Promise<PermissionEntry> {
      const checked = checkedDescription(description);
      return inTransaction(call, async (tx) => {
        const permission = await lockOwn(tx, id);
        if (permission.description === checked) return permission;
        const changed = await store.describe(tx, id, checked);
        await audit.record(tx, 'permission.updated', {
          ...target(permission),
          ...changeOf(told(permission), told(changed)),
        });
        return changed;
      });
    },

    /**
     * Removes a permission of the tenant's own that no role has: rights are taken from people by changing their role,
     * where it is seen.
     *
     * @throws Failure `permission_not_found`, `permission_system`; `permission_in_use` with the names of such `roles`
     */
    async removePermission(call: TenantCall, id: PermissionId): Promise<void> {
      await inTransaction(call, async (tx) => {
        const permission = await lockOwn(tx, id);
        const roles = await namesWith(tx, permission.name, LIMITS.problemsShown);
        if (roles.length > 0) throw new Failure('permission_in_use', { name: permission.name, roles });
        await store.remove(tx, id);
        await audit.record(tx, 'permission.removed', { ...target(permission), before: told(permission) });
      });
    },

    /**
     * Sees to it that all permissions that roles are about to have are in the catalogue, and stay there until the
     * transaction ends: who may give a permission that nobody has yet begins it by that. The line of the audit trail is the
     * caller's.
     *
     * @returns the names of those that began
     */
    async keepListed(tx: OperatorCall, named: readonly { tenantId: TenantId; name: string }[]): Promise<string[]> {
      const wanted = [
        ...new Map(
          named.filter(({ name }) => !isOurs(name)).map((one) => [`${one.tenantId} ${one.name}`, one]),
        ).values(),
      ];
      const begun: string[] = [];
      for (const batch of batchesOf(wanted, LIMITS.batchRows)) begun.push(...(await keepBatch(tx, batch)));
      return begun;
    },

    /** Permissions of several tenants, as far as they are new, in the caller's transaction. */
    async addPermissions(
      tx: OperatorCall,
      permissions: readonly (NewPermission & { tenantId: TenantId })[],
    ): Promise<void> {
      const made = await add(tx, permissions);
      await audit.recordAll(
        tx,
        made.map(({ tenantId, permission }) => ({
          tenantId,
          action: 'permission.created',
          ...target(permission),
          after: told(permission),
        })),
      );
    },

    /** The own permissions of several tenants, by tenant and name, in the caller's transaction. */
    permissionsOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<store.OwnedPermission[]> =>
      store.listOf(tx, tenantIds),
  };

  async function keepBatch(
    tx: OperatorCall,
    wanted: readonly { tenantId: TenantId; name: string }[],
  ): Promise<string[]> {
    const begun: string[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const listed = new Set((await store.hold(tx, wanted)).map(({ tenantId, name }) => `${tenantId} ${name}`));
      const missing = wanted.filter(({ tenantId, name }) => !listed.has(`${tenantId} ${name}`));
      if (missing.length === 0) return begun;
      const made = await add(
        tx,
        missing.map((one) => ({ ...one, description: null })),
      );
      begun.push(...made.map(({ permission }) => permission.name));
    }
    throw new Failure('busy', { problem: 'a permission was removed each time it was written down' });
  }
}

/** What the audit trail tells of a permission. */
const told = ({ description }: PermissionEntry) => ({ description });

async function lockOwn(tx: TenantCall, id: PermissionId): Promise<PermissionEntry> {
  if (isSystem(id)) throw new Failure('permission_system', { id });
  const permission = await store.lock(tx, id);
  if (!permission) throw new Failure('permission_not_found', { id });
  return permission;
}
