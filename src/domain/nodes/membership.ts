import type { NodeId, UserId } from '../../kernel/ids.ts';
import type { UserStatus } from '../users/user.ts';
import type { NodeType } from './node.ts';

/** That a user belongs to a node, and what they may do there and nowhere else. */
export type Membership = {
  nodeId: NodeId;
  userId: UserId;
  /** The names of the roles, in order; none for a member and no more. */
  roles: readonly string[];
  createdAt: Date;
};

/** A membership as the node sees it. Somebody who is gone for good has none. */
export type Member = Membership & {
  user: { email: string; firstName: string | null; lastName: string | null; status: UserStatus };
};

/** A membership as the user sees it. */
export type Place = Membership & { node: { type: NodeType; name: string } };
