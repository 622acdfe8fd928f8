import type { SignedIn } from '../v1.ts';

/** A request that an operation acknowledges: the values of its path, and its body. */
export type Write = {
  params?: Record<string, string>;
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
  /** A file that is sent instead of a body. */
  raw?: string;
};

/** How the request of one operation is made, and what it leaves. */
export type Maker = {
  /** Makes what the request needs, in the tenant of `owner`, who then sends it. */
  make: (owner: SignedIn) => Promise<Write> | Write;
  /** The lines of the audit trail that it leaves: one, unless it says why not. */
  leaves: readonly string[];
};

export const nothing = () => ({});
