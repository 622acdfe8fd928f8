import type { ErasureId, UserId } from '../../kernel/ids.ts';

/** An account that is to be erased. */
export type Erasure = {
  id: ErasureId;
  userId: UserId;
  requestedAt: Date;
  /** Until then it can be taken back. */
  effectiveAt: Date;
};

/** The address of who was erased: nobody's, and of a domain that there will never be (RFC 2606 §2). */
export const pseudonymOf = (userId: UserId): string => `${userId}@erased.invalid`;
