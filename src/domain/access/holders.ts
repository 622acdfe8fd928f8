import { batchesOf } from '../../kernel/batches.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { NodeId, RoleId, TenantId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import * as store from './holder-store.ts';
import { assertHolds, permissionsOfRoles, type Role } from './role.ts';
import { holdByNames, lockByName } from './role-store.ts';

/** What somebody may do: the names of their roles, and what those allow together. */
export type Access = { roles: string[]; permissions: string[] };

/** How the roles of a holder came to be what was asked for. */
export type HolderChange = { roles: Role[]; added: readonly string[]; removed: readonly string[] };

const namesOf = (roles: readonly Role[]) => roles.map(({ name }) => name);
const idsOf = (roles: readonly Role[]) => roles.map(({ id }) => id);

/** Who has which role: users in the tenant, clients for themselves, members at a node. Part of the access service. */
export function createHolders({ audit }: { audit: AuditService }) {
  /**
   * Makes sure that somebody who administers the tenant is left when `userId` no longer does: an active user with
   * SUPER_ADMIN in the platform tenant, with TENANT_ADMIN in any other. The role's row is held, so of two who leave at
   * once the second waits and sees that the first has left.
   *
   * @param leaving the roles that the user is about to lose; all of them unless told
   * @throws Failure `last_admin`
   */
  async function assertAdminRemains(tx: TenantCall, userId: UserId, leaving?: readonly Role[]): Promise<void> {
    const role = (await lockByName(tx, 'SUPER_ADMIN')) ?? (await lockByName(tx, 'TENANT_ADMIN'));
    if (!role) return;
    const holds = (leaving ?? (await store.rolesOf(tx, { kind: 'user', userId }))).some(({ id }) => id === role);
    if (holds && (await store.activeHolders(tx, role, userId)).length === 0)
      throw new Failure('last_admin', { userId });
  }

  /**
   * Gives a holder, whose row the caller holds, exactly these roles.
   *
   * @throws Failure `role_not_found`, `invalid_input`; `privilege_escalation` when the actor does not hold all that the
   *   roles allow which are given or taken; `last_admin`
   */
  async function setRoles(tx: TenantCall, holder: store.Holder, names: readonly string[]): Promise<HolderChange> {
    const wanted = await namedRoles(tx, names);
    assertFits(holder, wanted);
    const present = await store.rolesOf(tx, holder);
    const added = wanted.filter(({ id }) => !present.some((role) => role.id === id));
    const removed = present.filter(({ id }) => !wanted.some((role) => role.id === id));
    if (added.length + removed.length === 0) return { roles: present, added: [], removed: [] };
    assertHolds(tx.actor, permissionsOfRoles([...added, ...removed]));
    if (holder.kind === 'user' && removed.some(({ name }) => name === 'SUPER_ADMIN' || name === 'TENANT_ADMIN'))
      await assertAdminRemains(tx, holder.userId, removed);
    if (removed.length > 0) await store.revoke(tx, holder, idsOf(removed));
    await store.grant(
      tx,
      added.map(({ id }) => ({ tenantId: tx.tenantId, holder, roleId: id })),
    );
    return { roles: wanted, added: namesOf(added), removed: namesOf(removed) };
  }

  /**
   * Holds a user's row until the transaction ends, so that what they may do changes in one place at a time.
   *
   * @throws Failure `user_not_found`, `user_deactivated`
   */
  async function lockHolder(tx: TenantCall, userId: UserId): Promise<void> {
    const status = await store.lockUser(tx, userId);
    if (status === undefined) throw new Failure('user_not_found', { userId });
    if (status === 'deactivated') throw new Failure('user_deactivated', { userId });
  }

  async function accessOfHolder(call: TenantCall, holder: store.Holder): Promise<Access> {
    const roles = await inTransaction(call, (tx) => store.rolesOf(tx, holder));
    return { roles: namesOf(roles), permissions: permissionsOfRoles(roles) };
  }

  return {
    assertAdminRemains,
    lockHolder,

    /** What a user may do in the tenant; nothing for an unknown one. */
    accessOf: (call: TenantCall, userId: UserId): Promise<Access> => accessOfHolder(call, { kind: 'user', userId }),

    /** What a client may do with its own credentials; nothing for an unknown one. */
    accessOfClient: (call: TenantCall, clientId: string): Promise<Access> =>
      accessOfHolder(call, { kind: 'client', clientId }),

    /**
     * Makes sure that who takes over a user's way in (password, e-mail address) gains nothing by it: they hold all that
     * the user may do, in the tenant or at a node, or are that user.
     *
     * @throws Failure `privilege_escalation`
     */
    async assertNothingGained(tx: TenantCall, userId: UserId): Promise<void> {
      if (tx.actor.kind === 'user' && tx.actor.userId === userId) return;
      assertHolds(tx.actor, permissionsOfRoles(await store.rolesEverywhere(tx, userId)));
    },

    /** The same for a client: who changes how it proves itself can be it. @throws Failure `privilege_escalation` */
    async assertNothingGainedByClient(tx: TenantCall, clientId: string): Promise<void> {
      if (tx.actor.kind === 'client' && tx.actor.clientId === clientId) return;
      assertHolds(tx.actor, permissionsOfRoles(await store.rolesOf(tx, { kind: 'client', clientId })));
    },

    /**
     * Makes sure that the actor holds all that the members of these nodes may do there: removing the nodes takes it away.
     *
     * @throws Failure `privilege_escalation`
     */
    async assertHoldsAtNodes(tx: TenantCall, nodeIds: readonly NodeId[]): Promise<void> {
      assertHolds(tx.actor, permissionsOfRoles(await store.rolesAtNodes(tx, nodeIds)));
    },

    /**
     * Makes sure that the actor may give these roles to a holder of a kind whom there may not be yet; gives nothing.
     *
     * @throws Failure `role_not_found`, `invalid_input`, `privilege_escalation`
     */
    async assertMayGive(tx: TenantCall, kind: store.Holder['kind'], names: readonly string[]): Promise<void> {
      const roles = await namedRoles(tx, names);
      assertFits({ kind }, roles);
      assertHolds(tx.actor, permissionsOfRoles(roles));
    },

    /** The roles of a user in the tenant, by name. @throws Failure `user_not_found` */
    async rolesOf(call: TenantCall, userId: UserId): Promise<Role[]> {
      return inTransaction(call, async (tx) => {
        if (!(await store.isUser(tx, userId))) throw new Failure('user_not_found', { userId });
        return store.rolesOf(tx, { kind: 'user', userId });
      });
    },

    /** The roles of a client, by name. @throws Failure `client_not_found` */
    async rolesOfClient(call: TenantCall, clientId: string): Promise<Role[]> {
      return inTransaction(call, async (tx) => {
        if (!(await store.isClient(tx, clientId))) throw new Failure('client_not_found', { clientId });
        return store.rolesOf(tx, { kind: 'client', clientId });
      });
    },

    /**
     * Gives a user exactly these roles in the tenant. The same roles again change nothing.
     *
     * @throws Failure `user_not_found`, `user_deactivated`, `role_not_found`; `privilege_escalation` when the actor does
     *   not hold all that the roles allow which they give or take; `last_admin`
     * @param audited false: the caller's own audit record tells of it
     */
    async setUserRoles(
      call: TenantCall,
      userId: UserId,
      names: readonly string[],
      { audited = true } = {},
    ): Promise<Role[]> {
      return inTransaction(call, async (tx) => {
        await lockHolder(tx, userId);
        const change = await setRoles(tx, { kind: 'user', userId }, names);
        if (audited && isChange(change))
          await audit.record(tx, 'user.roles_changed', { target: `user:${userId}`, ...auditedChange(change) });
        return change.roles;
      });
    },

    /**
     * Gives a client exactly these roles, which its own access tokens carry (`client_credentials`). The same roles again
     * change nothing.
     *
     * @throws Failure `client_not_found`, `role_not_found`; `client_invalid` for one that does not act for itself;
     *   `invalid_input` for SUPER_ADMIN, which is for people; `privilege_escalation` as for a user
     */
    async setClientRoles(call: TenantCall, clientId: string, names: readonly string[]): Promise<Role[]> {
      return inTransaction(call, async (tx) => {
        const client = await store.lockClient(tx, clientId);
        if (!client) throw new Failure('client_not_found', { clientId });
        if (!client.actsForItself && names.length > 0)
          throw new Failure('client_invalid', {
            field: 'roles',
            problem: 'are for clients that use client_credentials',
          });
        const change = await setRoles(tx, { kind: 'client', clientId }, names);
        if (isChange(change))
          await audit.record(tx, 'client.roles_changed', { target: `client:${clientId}`, ...auditedChange(change) });
        return change.roles;
      });
    },

    /**
     * Gives a member exactly these roles at a node, in the transaction that holds the membership; the caller writes the
     * audit trail.
     *
     * @throws Failure `role_not_found`; `invalid_input` for SUPER_ADMIN, which is for the platform as a whole;
     *   `privilege_escalation` as for a user
     */
    setMemberRoles: (tx: TenantCall, member: { nodeId: NodeId; userId: UserId }, names: readonly string[]) =>
      setRoles(tx, { kind: 'member', ...member }, names),

    /**
     * Which of these roles the actor may give to somebody new, by name, in the caller's transaction; of the others, why
     * not: `role_not_found`, `privilege_escalation`.
     */
    async grantable(tx: TenantCall, names: readonly string[]): Promise<Map<string, RoleId | Failure>> {
      const roles = new Map((await holdByNames(tx, names)).map((role) => [role.name, role]));
      return new Map(names.map((name) => [name, mayGive(tx, name, roles.get(name))]));
    },

    /** Gives roles that `grantable` gave to users who were made in the caller's transaction. */
    async grantToNew(tx: TenantCall, grants: readonly { userId: UserId; roleId: RoleId }[]): Promise<void> {
      const { tenantId } = tx;
      const rows = grants.map(({ userId, roleId }) => ({
        tenantId,
        holder: { kind: 'user', userId } as const,
        roleId,
      }));
      for (const batch of batchesOf(rows, LIMITS.batchRows)) await store.grant(tx, batch);
    },

    /** Whom the house writes to about a tenant: its active administrators, in the caller's transaction; ten at most. */
    administrators: (tx: TenantCall): Promise<UserId[]> => store.holders(tx, 'TENANT_ADMIN', LIMITS.tenantContacts),

    /** The names of the roles of several users, in the caller's transaction. */
    roleNamesOf: (tx: OperatorCall, users: readonly { tenantId: TenantId; userId: UserId }[]) =>
      store.namesOfUsers(tx, users),

    /** The names of the roles of all clients of several tenants, in the caller's transaction. */
    clientRoleNames: (tx: OperatorCall, tenantIds: readonly TenantId[]) => store.namesOfClients(tx, tenantIds),

    /** Gives roles to new holders of one kind in several tenants, in the caller's transaction. Only the service itself does this. */
    async grantRoles(tx: OperatorCall, grants: readonly store.Grant[]): Promise<void> {
      if (tx.actor.kind !== 'system') throw new Failure('forbidden');
      for (const batch of batchesOf(grants, LIMITS.batchRows)) await store.grant(tx, batch);
    },
  };
}

/** What the audit trail tells of a change of roles: all of them, before and after. */
function auditedChange({ roles, added, removed }: HolderChange) {
  const after = namesOf(roles).sort();
  const before = [...after.filter((name) => !added.includes(name)), ...removed].sort();
  return changeOf({ roles: before }, { roles: after });
}

const isChange = ({ added, removed }: Pick<HolderChange, 'added' | 'removed'>) => added.length + removed.length > 0;

/** @throws Failure `role_not_found`, `invalid_input` */
async function namedRoles(tx: TenantCall, names: readonly string[]): Promise<Role[]> {
  if (names.length > LIMITS.rolesOfHolder)
    throw new Failure('invalid_input', { field: 'roles', problem: `are more than ${LIMITS.rolesOfHolder}` });
  const roles = await holdByNames(tx, names);
  const missing = names.filter((name) => !roles.some((role) => role.name === name));
  if (missing.length > 0) throw new Failure('role_not_found', { names: missing });
  return roles;
}

/** An operator is a person, and of the whole platform. */
function assertFits({ kind }: Pick<store.Holder, 'kind'>, roles: readonly Role[]): void {
  if (kind !== 'user' && roles.some(({ name }) => name === 'SUPER_ADMIN'))
    throw new Failure('invalid_input', { field: 'roles', problem: 'SUPER_ADMIN is for users of the platform tenant' });
}

function mayGive({ actor }: TenantCall, name: string, role: Role | undefined): RoleId | Failure {
  if (!role) return new Failure('role_not_found', { names: [name] });
  try {
    assertHolds(actor, permissionsOfRoles([role]));
    return role.id;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
