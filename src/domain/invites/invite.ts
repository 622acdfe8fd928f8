import type { Actor } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { InviteId, NodeId, UserId } from '../../kernel/ids.ts';
import type { Permission } from '../access/role.ts';
import { maskedEmail } from '../mail/letter.ts';

/** Who has invited, as they are asked again when somebody accepts. */
export type Inviter = { kind: 'user' | 'client' | 'system'; id: string };

/** An open invite. There is one for an address at most. */
export type Invite = {
  id: InviteId;
  /** As it was typed; the letter went there. */
  email: string;
  emailCanonical: string;
  /** Who they are, or will be where the address has no account yet. */
  userId: UserId;
  /** Names of roles: at the node where there is one, else in the tenant as a whole. */
  roles: readonly string[];
  nodeId: NodeId | null;
  inviter: Inviter;
  createdAt: Date;
  expiresAt: Date;
};

export type InviteDraft = {
  email: string;
  roles?: readonly string[] | undefined;
  /** The node to which the person will belong. */
  nodeId?: NodeId | undefined;
};

/** What the audit trail may tell of an invite. */
export const auditedInvite = ({ email, roles, nodeId }: Pick<Invite, 'email' | 'roles' | 'nodeId'>) => ({
  email: maskedEmail(email),
  roles: [...roles],
  nodeId,
});

/** `expired`: nobody has accepted in time. It can be made anew. */
export const statusOf = ({ expiresAt }: Pick<Invite, 'expiresAt'>, now: Date): 'pending' | 'expired' =>
  expiresAt > now ? 'pending' : 'expired';

/**
 * Who invites may make users, and may do what the invite will do: give roles, or make members of a node.
 *
 * @throws Failure `forbidden`
 */
export function assertMayInvite(actor: Actor, { roles, nodeId }: Pick<Invite, 'roles' | 'nodeId'>): void {
  if (actor.kind === 'system') return;
  const needed: Permission[] = ['iam.users:create'];
  if (nodeId !== null) needed.push('iam.nodes:write');
  else if (roles.length > 0) needed.push('iam.roles:write');
  const held: readonly string[] = actor.kind === 'anonymous' ? [] : actor.permissions;
  const missing = needed.filter((permission) => !held.includes(permission));
  if (missing.length > 0) throw new Failure('forbidden', { missing });
}
