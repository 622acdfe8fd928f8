import type { TenantCall } from '../../src/kernel/call.ts';
import { hmac } from '../../src/kernel/secret.ts';
import { NOON, rooms } from './rooms.ts';

export const web = { clientId: 'web', kind: 'web', redirectUris: ['https://app.example/cb'] } as const;
export const SECRET = 'a-secret-of-at-least-thirty-two-characters';

export const inSeconds = (call: TenantCall, seconds: number): TenantCall => ({
  ...call,
  now: new Date(NOON.getTime() + seconds * 1000),
});

/** Whether a secret opens the client at the call's moment. */
export async function opens(call: TenantCall, clientId: string, secret: string): Promise<boolean> {
  const { secretHashes } = (await rooms().clients.findForCore(call, clientId))!;
  const key = await rooms().tenantKeys.keyFor(call, 'client-secret');
  return secretHashes.includes(hmac(key, secret).toString('base64url'));
}
