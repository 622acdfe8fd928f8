import type { Actor, KeyOwner, TenantCall } from '../../kernel/call.ts';
import { type Holder, isThere, rolesOf } from './holder-store.ts';
import { isOurs, permissionsOfRoles } from './role.ts';

/**
 * Whoever asked for something earlier, with what they were allowed then and are allowed still, in the caller's
 * transaction; undefined once they, or the key that they used, or their tenant are gone or barred. The service itself
 * stays as it is.
 */
export async function presentActor(tx: TenantCall, actor: Actor): Promise<Actor | undefined> {
  if (actor.kind === 'system') return actor;
  if (actor.kind === 'anonymous' || !(await isThere(tx, actor))) return undefined;
  const holder = holderOf(actor);
  // A key of the service itself is bounded by nobody.
  if (holder === undefined) return actor;
  const roles = await rolesOf(tx, holder);
  const names = roles.map(({ name }) => name);
  const held = new Set(permissionsOfRoles(roles));
  const isAdmin = holder.kind === 'user' && names.some((name) => name === 'TENANT_ADMIN' || name === 'SUPER_ADMIN');
  const permissions = actor.permissions.filter((one) => held.has(one) || (isAdmin && !isOurs(one)));
  if (actor.kind !== 'user') return { ...actor, permissions };
  return { ...actor, permissions, roles: actor.roles.filter((name) => names.includes(name)) };
}

function holderOf(actor: Exclude<Actor, { kind: 'anonymous' | 'system' }>): Holder | undefined {
  const owner: KeyOwner = actor.kind === 'api-key' ? actor.owner : actor;
  if (owner === null) return undefined;
  return owner.kind === 'user' ? { kind: 'user', userId: owner.userId } : { kind: 'client', clientId: owner.clientId };
}
