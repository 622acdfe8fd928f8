import type { DeliveryId, UserId } from '../../kernel/ids.ts';

/** `pending`: there will be another attempt. `dead`: it was given up. */
export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** A logout token on its way to a relying party (OIDC Back-Channel Logout 1.0). */
export type LogoutDelivery = {
  /** The `jti` of its tokens. */
  id: DeliveryId;
  state: DeliveryState;
  clientId: string;
  userId: UserId;
  attempts: number;
  /** Why the last attempt failed. */
  lastError: string | undefined;
  createdAt: Date;
  /** Undefined once it is delivered or given up. */
  nextAttemptAt: Date | undefined;
  endedAt: Date | undefined;
};
