import { deliveryIds, sessionIds } from '../../src/api/v1/ids.ts';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { inTransaction } from '../../src/kernel/call.ts';
import { newId } from '../../src/kernel/ids.ts';
import { randomToken, sha256 } from '../../src/kernel/secret.ts';
import type { Send } from './api.ts';
import { codeOf, deviceAt, enrolPasskey, enrolTotp } from './factors.ts';
import { lastLetter } from './letters.ts';
import { PASSWORD, type Site, type TestNode } from './node.ts';
import { aDelivery, aSession } from './sessions.ts';
import { settle } from './settle.ts';
import type { SignedIn } from './v1.ts';
import { aDeliveryOf, aJobOf, aWebhookOf } from './v1-things.ts';

/** A request that an operation acknowledges: the values of its path, and its body. */
export type Write = {
  params?: Record<string, string>;
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
};

type Maker = {
  /** Makes what the request needs, in the tenant of `owner`, who then sends it. */
  make: (owner: SignedIn) => Promise<Write> | Write;
  /** The lines of the audit trail that it leaves: one, unless it says why not. */
  leaves: readonly string[];
};

const nothing = () => ({});
const BOB = { password: PASSWORD, firstName: 'Bob', lastName: 'Okri' };

/** Lets people register at a site, without a CAPTCHA unless told; resolves once the node knows. */
export async function openRegistration(
  node: Pick<TestNode, 'house'>,
  site: Pick<Site, 'call' | 'tenantId'>,
  registration: SettingsChange['registration'] = {},
): Promise<void> {
  await settle(node, site, { registration: { selfService: true, captcha: 'off', ...registration } });
}

/** What a consent page leaves, without the page. */
async function allow({ site: { call, user } }: SignedIn, clientId: string): Promise<void> {
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
async function rememberBrowser({ site: { call, user } }: SignedIn): Promise<string> {
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

/**
 * A request for every operation that writes, by contract and name. An operation that is not here fails
 * `test/api/every-write.test.ts`, and so does one that leaves other lines in the audit trail.
 */
export const WRITES: Record<string, Record<string, Maker>> = {
  v1: {
    login: {
      make: ({ site: { email } }) => ({ body: { email, password: PASSWORD } }),
      leaves: ['sign_in.succeeded'],
    },
    // Turning a token changes nothing that somebody could ask after: its session says when it was used last.
    refresh: { make: ({ tokens: { refreshToken } }) => ({ body: { refreshToken } }), leaves: [] },
    logout: { make: nothing, leaves: ['session.ended'] },
    logoutAll: { make: nothing, leaves: ['session.ended'] },
    updateMe: { make: () => ({ body: { firstName: 'Anna' } }), leaves: ['user.updated'] },
    revokeMySession: {
      make: async ({ as }) => ({ params: { id: (await as('GET', '/api/v1/me/sessions')).body.data[0].id } }),
      leaves: ['session.ended'],
    },
    revokeSession: {
      make: async ({ site: { call, user } }) => ({ params: { id: sessionIds.encode(await aSession(call, user)) } }),
      leaves: ['session.ended'],
    },
    retryLogoutDelivery: {
      make: async ({ site: { call } }) => ({ params: { id: deliveryIds.encode(await aDelivery(call)) } }),
      leaves: ['logout_delivery.retried'],
    },
    changePassword: {
      make: () => ({ body: { currentPassword: PASSWORD, newPassword: 'seven quiet rivers at dawn' } }),
      leaves: ['password.changed'],
    },
    // Who asks learns nothing, so nothing is looked up: the line is written with the letter.
    passwordResetRequest: { make: ({ site: { email } }) => ({ body: { email } }), leaves: [] },
    passwordResetConfirm: {
      make: async ({ node, site }) => {
        await node.house.services.recovery.sendReset(site.call, site.user);
        const { token } = (await lastLetter(node, site, 'password-reset')).values.link.query!;
        return { body: { token, newPassword: 'seven quiet rivers at dawn' } };
      },
      leaves: ['session.ended', 'password.reset'],
    },
    // The same for who wants an account.
    register: {
      make: async ({ node, site }) => {
        await openRegistration(node, site);
        return { body: { ...BOB, email: `bob@${site.slug}.test`, tenant: site.slug } };
      },
      leaves: [],
    },
    verifyEmail: {
      make: async ({ node, site }) => {
        const { users, verification } = node.house.services;
        await users.setVerified(site.call, site.user, { email: false });
        await verification.resend(site.call, site.user);
        return { body: { token: (await lastLetter(node, site, 'verify-email')).values.link.query!['token'] } };
      },
      leaves: ['user.verified'],
    },
    changeMyEmail: {
      make: ({ site }) => ({ body: { email: `ann.new@${site.slug}.test` } }),
      leaves: ['email_change.requested'],
    },
    confirmMyEmail: {
      make: async ({ node, site, as }) => {
        await as('POST', '/api/v1/me/email', { body: { email: `ann.new@${site.slug}.test` } });
        return { body: { code: (await lastLetter(node, site, 'email-change')).values.code } };
      },
      leaves: ['user.email_changed'],
    },
    totpEnroll: { make: nothing, leaves: ['factor.enrolment_begun'] },
    totpConfirm: {
      make: async ({ as }) => {
        const { secret, factorId } = (await as('POST', '/api/v1/me/mfa/totp/enroll')).body;
        return { body: { factorId, code: await codeOf(secret) } };
      },
      leaves: ['factor.enrolled'],
    },
    mfaVerify: {
      make: async ({ as, site: { email } }) => {
        const { secret } = await enrolTotp(as);
        const login = await as('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });
        const { challengeId } = login.body;
        return { body: { challengeId, factor: 'totp', code: await codeOf(secret) } };
      },
      leaves: ['sign_in.succeeded'],
    },
    // Asking for what a passkey is to sign writes nothing: the challenge carries its own proof.
    mfaWebauthnOptions: {
      make: async ({ as, site }) => {
        await enrolPasskey(as, site);
        const login = await as('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
        return { body: { challengeId: login.body.challengeId } };
      },
      leaves: [],
    },
    passkeyOptions: { make: () => ({ body: {} }), leaves: [] },
    passkeyLogin: {
      make: async ({ as, site }) => {
        const authenticator = await enrolPasskey(as, site);
        const { challengeId, options } = (await as('POST', '/api/v1/auth/passkey/options')).body;
        return { body: { challengeId, assertion: authenticator.get(options) } };
      },
      leaves: ['sign_in.succeeded'],
    },
    webauthnRegisterOptions: { make: nothing, leaves: [] },
    webauthnRegister: {
      make: async ({ as, site }) => {
        const { body: options } = await as('POST', '/api/v1/me/mfa/webauthn/register/options');
        return { body: { response: deviceAt(site.issuer).create(options) } };
      },
      leaves: ['factor.enrolled'],
    },
    renameFactor: {
      make: async ({ as }) => ({
        ...{ params: { factorId: (await enrolTotp(as)).factorId }, body: { name: 'My phone' } },
      }),
      leaves: ['factor.renamed'],
    },
    backupCodes: {
      make: async ({ as }) => {
        await enrolTotp(as);
        return {};
      },
      leaves: ['backup_codes.issued'],
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
    deleteFactor: {
      make: async ({ as }) => ({ params: { factorId: (await enrolTotp(as)).factorId } }),
      leaves: ['factor.removed'],
    },
    createNode: { make: () => ({ body: { type: 'team', name: 'Night' } }), leaves: ['node.created'] },
    updateNode: {
      make: async ({ as }) => ({ params: { id: await aNode(as) }, body: { name: 'North', country: 'GB' } }),
      leaves: ['node.updated'],
    },
    deleteNode: { make: async ({ as }) => ({ params: { id: await aNode(as) } }), leaves: ['node.removed'] },
    addMember: {
      make: async ({ as, tokens: { user } }) => ({
        params: { id: await aNode(as), userId: user.id },
        body: { roles: ['AUDITOR'] },
      }),
      leaves: ['node.member_added'],
    },
    removeMember: {
      make: async ({ as, tokens: { user } }) => {
        const id = await aNode(as);
        await as('PUT', `/api/v1/nodes/${id}/members/${user.id}`, { body: { roles: ['AUDITOR'] } });
        return { params: { id, userId: user.id } };
      },
      leaves: ['node.member_removed'],
    },
    createRole: {
      make: () => ({ body: { name: 'nurse', displayName: 'Nurse', permissions: ['ward.beds:read'] } }),
      leaves: ['role.created'],
    },
    updateRole: {
      make: async ({ as }) => ({ params: { id: await aRole(as) }, body: { permissions: ['ward.beds:write'] } }),
      leaves: ['role.updated'],
    },
    deleteRole: { make: async ({ as }) => ({ params: { id: await aRole(as) } }), leaves: ['role.removed'] },
    createPermission: { make: () => ({ body: { name: 'ward.beds:read' } }), leaves: ['permission.created'] },
    deletePermission: {
      make: async ({ as }) => ({
        params: { id: (await as('POST', '/api/v1/permissions', { body: { name: 'ward.beds:read' } })).body.id },
      }),
      leaves: ['permission.removed'],
    },
    setUserRoles: {
      make: ({ tokens: { user } }) => ({ params: { id: user.id }, body: { roles: ['TENANT_ADMIN', 'AUDITOR'] } }),
      leaves: ['user.roles_changed'],
    },
    createWebhook: {
      make: () => ({ body: { url: 'https://hooks.example/', events: ['role.*'] } }),
      leaves: ['webhook.created'],
    },
    updateWebhook: {
      make: async (owner) => ({ params: { id: await aWebhookOf(owner) }, body: { events: ['user.*'] } }),
      leaves: ['webhook.updated'],
    },
    rotateWebhook: {
      make: async (owner) => ({ params: { id: await aWebhookOf(owner) } }),
      leaves: ['webhook.secret_rotated'],
    },
    testWebhook: { make: async (owner) => ({ params: { id: await aWebhookOf(owner) } }), leaves: ['webhook.tested'] },
    redeliver: { make: async (owner) => ({ params: await aDeliveryOf(owner) }), leaves: ['webhook.redelivered'] },
    redeliverFailed: {
      make: async (owner) => ({
        ...{ params: { id: await aWebhookOf(owner) }, body: { since: '2026-01-01T00:00:00Z' } },
      }),
      leaves: ['job.created'],
    },
    deleteWebhook: {
      make: async (owner) => ({ params: { id: await aWebhookOf(owner) } }),
      leaves: ['webhook.removed'],
    },
    cancelJob: { make: async (owner) => ({ params: { id: await aJobOf(owner) } }), leaves: ['job.cancelled'] },
  },
};

const aNode = async (as: Send): Promise<string> =>
  (await as('POST', '/api/v1/nodes', { body: { type: 'team', name: 'Day' } })).body.id;

const aRole = async (as: Send): Promise<string> =>
  (await as('POST', '/api/v1/roles', { body: { name: 'nurse', displayName: 'Nurse', permissions: [] } })).body.id;
