import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets, seal, sha256, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { StoredHash } from '../passwords/hash.ts';
import type { Action, Standing } from './steps.ts';

/** A sign-in that waits for an action. Times in milliseconds since 1970. */
type Content = {
  userId: UserId;
  amr: readonly string[];
  authTime: number;
  inSession: boolean;
  /** The browser was known before the sign-in began; from the first step on it has our cookie. */
  isKnown: boolean;
  password: string;
  expires: number;
};

/** What a ticket is for: an action, or the way in after an account was made just now. */
export type Errand = Action | 'arrival';

export type OpenTicket = Pick<Standing, 'amr' | 'authTime' | 'inSession' | 'isKnown'> & {
  userId: UserId;
  isFor(stored: StoredHash): boolean;
};

const printOf = (stored: StoredHash) => sha256(`sign-in-ticket:${stored.hash}`).toString('base64url');

/**
 * The proof that the steps before an action were done: sealed under a key of the tenant, bound to the action and to the
 * password that was shown, good for ten minutes. A new password makes it void, so it is used once.
 */
export function createTickets({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  const place = (call: TenantCall, action: Errand) => `${call.tenantId}/sign-in-ticket/${action}`;

  return {
    async write(
      call: TenantCall,
      action: Errand,
      {
        account,
        amr,
        authTime,
        inSession,
        isKnown,
      }: Pick<Standing, 'account' | 'amr' | 'authTime' | 'inSession' | 'isKnown'>,
    ): Promise<string> {
      const content: Content = {
        userId: account.userId,
        amr,
        authTime: authTime.getTime(),
        inSession,
        password: account.password ? printOf(account.password) : '',
        isKnown,
        expires: call.now.getTime() + LIMITS.signInTicketSeconds * 1000,
      };
      const key = await keys.keyFor(call, 'seal');
      return seal(key, place(call, action), Buffer.from(JSON.stringify(content))).toString('base64url');
    },

    /** Undefined for what is forged, too old, another tenant's or for another action. */
    async read(call: TenantCall, action: Errand, ticket: string): Promise<OpenTicket | undefined> {
      const key = await keys.keyFor(call, 'seal');
      const content = opened(key, place(call, action), ticket);
      if (!content || content.expires <= call.now.getTime()) return undefined;
      const { userId, amr, authTime, inSession, isKnown, password } = content;
      const isFor = (stored: StoredHash) => equalSecrets(printOf(stored), password);
      return { userId, amr, authTime: new Date(authTime), inSession, isKnown, isFor };
    },
  };
}

function opened(key: Buffer, place: string, ticket: string): Content | undefined {
  try {
    return JSON.parse(unseal(key, place, Buffer.from(ticket, 'base64url')).toString()) as Content;
  } catch {
    return undefined;
  }
}
