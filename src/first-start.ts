import type { House } from './house.ts';
import { inOperatorTransaction } from './kernel/call.ts';
import { hmac, randomToken } from './kernel/secret.ts';
import { masterKeys } from './master-key.ts';

export type FirstStart = { adminEmail: string; oneTimePassword: string | undefined };

/**
 * Makes what a new installation needs: the platform tenant and its first administrator, both or neither. On every later
 * start it finds them and changes nothing. Of two nodes that start at once, one makes them.
 *
 * @returns the one-time password, only when it was made just now
 */
export async function prepareInstallation({ config, services, operator }: House): Promise<FirstStart> {
  const oneTime = config.ADMIN_PASSWORD === undefined ? randomToken(16) : undefined;
  const isNew = await inOperatorTransaction(operator('first start'), async (tx) => {
    const { tenant, created } = await services.tenants.ensurePlatform(tx, {
      slug: config.PLATFORM_SLUG,
      name: 'Gatehouse',
    });
    if (!created) return false;
    const call = { ...tx, tenantId: tenant.id };
    const admin = await services.users.create(call, {
      email: config.ADMIN_EMAIL,
      emailVerified: true,
      status: 'active',
      roles: ['SUPER_ADMIN'],
    });
    await services.passwords.set(call, admin.id, config.ADMIN_PASSWORD ?? (oneTime as string), {
      mustChange: oneTime !== undefined,
    });
    return true;
  });
  return { adminEmail: config.ADMIN_EMAIL, oneTimePassword: isNew ? oneTime : undefined };
}

/** The demonstration's client. Its secret follows from the master key, so that it need not be kept anywhere. */
export const DEMO_CLIENT = 'demo';

/** Registers the demonstration's client where it is missing. @returns its secret */
export async function prepareDemo({ config, services, directory, operator }: House, origin: string): Promise<string> {
  const [master] = masterKeys(config);
  const secret = hmac(master as Buffer, 'demo-client-secret').toString('base64url');
  const platform = await directory.bySlug(operator('demo'), config.PLATFORM_SLUG);
  if (!platform) throw new Error('there is no platform tenant');
  const call = { ...operator('demo'), tenantId: platform.id };
  const uris = { redirectUris: [`${origin}/callback`], postLogoutRedirectUris: [`${origin}/`] };
  const known = await services.clients.findForCore(call, DEMO_CLIENT);
  if (known) await services.clients.update(call, DEMO_CLIENT, uris);
  else
    await services.clients.create(call, {
      clientId: DEMO_CLIENT,
      clientSecret: secret,
      kind: 'web',
      name: 'Demo application',
      firstParty: true,
      ...uris,
    });
  return secret;
}
