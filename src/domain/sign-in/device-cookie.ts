import type { TenantCall } from '../../kernel/call.ts';
import { isUuid, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets, hmac, randomToken } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';

/** That somebody signed in to an account on this browser before. `at` is in seconds since 1970. */
type Entry = { userId: string; deviceId: string; at: number };

/**
 * The cookie by which a browser is known on which a person has signed in before. It signs nobody in: wrong passwords of
 * a known browser have a counter of their own, so that strangers cannot lock its owner out. Stateless, signed under a
 * key of the tenant; it names at most five accounts and is good for a year after the last sign-in. What is forged,
 * foreign or too old is an unknown browser.
 */
export function createDeviceCookies({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  const sign = async (call: TenantCall, body: string) =>
    hmac(await keys.keyFor(call, 'device'), `device-cookie:${call.tenantId}:${body}`).toString('base64url');

  async function read(call: TenantCall, cookie: string | undefined): Promise<Entry[]> {
    if (cookie === undefined || cookie.length > LIMITS.deviceCookieChars) return [];
    const [body, signature, ...rest] = cookie.split('~');
    if (!body || !signature || rest.length > 0) return [];
    if (!equalSecrets(signature, await sign(call, body))) return [];
    const oldest = call.now.getTime() / 1000 - LIMITS.deviceSeconds;
    return body
      .split('.')
      .map(parseEntry)
      .filter((entry) => entry !== undefined && entry.at > oldest) as Entry[];
  }

  return {
    /**
     * The browser's id for this account; undefined when it is not known. Ids of two accounts have nothing in common. The
     * cookie is read even where there is no account, so that the work is the same.
     */
    async deviceOf(
      call: TenantCall,
      cookie: string | undefined,
      userId: UserId | undefined,
    ): Promise<string | undefined> {
      const entries = await read(call, cookie);
      return userId === undefined ? undefined : entries.find((entry) => entry.userId === userId)?.deviceId;
    },

    /** The cookie's next value after a sign-in: the account comes first, the one that was used longest ago falls out. */
    async remember(call: TenantCall, cookie: string | undefined, userId: UserId): Promise<string> {
      const entries = await read(call, cookie);
      const deviceId = entries.find((entry) => entry.userId === userId)?.deviceId ?? randomToken(16);
      const others = entries.filter((entry) => entry.userId !== userId);
      const kept = [{ userId, deviceId, at: Math.floor(call.now.getTime() / 1000) }, ...others].slice(
        0,
        LIMITS.deviceAccounts,
      );
      const body = kept.map((entry) => `${entry.userId}*${entry.deviceId}*${entry.at.toString(36)}`).join('.');
      return `${body}~${await sign(call, body)}`;
    },
  };
}

export type DeviceCookies = ReturnType<typeof createDeviceCookies>;

function parseEntry(text: string): Entry | undefined {
  const [userId = '', deviceId = '', at = ''] = text.split('*');
  return isUuid(userId) && deviceId !== '' ? { userId, deviceId, at: Number.parseInt(at, 36) } : undefined;
}
