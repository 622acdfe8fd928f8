import { userIds } from '../../../src/api/v1/ids.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { randomToken, sha256 } from '../../../src/kernel/secret.ts';
import { aPerson } from '../colleagues.ts';
import { PASSWORD } from '../node.ts';
import { anotherAdmin } from '../oauth.ts';
import type { SignedIn } from '../v1.ts';
import type { Maker } from './write.ts';

/** What a consent page leaves, without the page. */
export async function allow({ site: { call, user } }: SignedIn, clientId: string): Promise<void> {
  await inTransaction(call, async ({ db, tenantId, now }) => {
    const about = { name: clientId, kind: 'web', status: 'active', metadata: {}, created_at: now, updated_at: now };
    await db('clients').insert({ tenant_id: tenantId, client_id: clientId, ...about });
    const payload = { iat: Math.floor(now.getTime() / 1000), openid: { scope: 'openid email' } };
    const until = new Date(Date.now() + 86_400_000);
    const grant = { tenant_id: tenantId, id: newId(), account_id: user, client_id: clientId, payload };
    await db('oidc_grant').insert({ ...grant, expires_at: until });
  });
}

/** What the box on the page of the second factor leaves. @returns the id under which its owner sees the browser */
export async function rememberBrowser({ site: { call, user } }: SignedIn): Promise<string> {
  const device = sha256(randomToken());
  await inTransaction(call, ({ db, tenantId, now }) =>
    db('remembered_devices').insert({
      tenant_id: tenantId,
      user_id: user,
      device,
      created_at: now,
      expires_at: new Date(Date.now() + 86_400_000),
    }),
  );
  return device.toString('base64url');
}

/** Asks for a person to be erased who is not the last administrator. */
async function askForErasure({ node, site, house }: SignedIn): Promise<void> {
  await anotherAdmin(node, site);
  await house.services.erasure.askFor(site.call, site.user);
}

/** Of what a person has of their own. */
export const OWN_WRITES: Record<string, Maker> = {
  setConsent: { make: () => ({ body: { type: 'marketing', granted: true } }), leaves: ['consent.changed'] },
  eraseMe: {
    make: async ({ node, site }) => {
      await anotherAdmin(node, site);
      return { body: { password: PASSWORD } };
    },
    leaves: ['user.erasure_requested'],
  },
  keepMe: {
    make: async (owner) => {
      await askForErasure(owner);
      return {};
    },
    leaves: ['user.erasure_cancelled'],
  },
  // Whoever leaves, leaves by their own page, with a proof.
  eraseUser: {
    make: async ({ node, site }) => ({
      params: { id: userIds.encode((await aPerson(node, site, [])).id) },
      body: { graceDays: 7 },
    }),
    leaves: ['user.erasure_requested'],
  },
  keepUser: {
    make: async (owner) => {
      await askForErasure(owner);
      return { params: { id: owner.tokens.user.id } };
    },
    leaves: ['user.erasure_cancelled'],
  },
  removeMyApplication: {
    make: async (owner) => {
      await allow(owner, 'books');
      return { params: { clientId: 'books' } };
    },
    leaves: ['grant.revoked'],
  },
  forgetRememberedBrowser: {
    make: async (owner) => ({ params: { id: await rememberBrowser(owner) } }),
    leaves: ['device.forgotten'],
  },
  forgetRememberedBrowsers: {
    make: async (owner) => {
      await rememberBrowser(owner);
      return {};
    },
    leaves: ['device.forgotten'],
  },
};
