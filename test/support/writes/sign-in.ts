import { deliveryIds, sessionIds } from '../../../src/api/v1/ids.ts';
import { lastLetter } from '../letters.ts';
import { PASSWORD } from '../node.ts';
import { openRegistration } from '../registration.ts';
import { aDelivery, aSession } from '../sessions.ts';
import { type Maker, nothing } from './write.ts';

const BOB = { password: PASSWORD, firstName: 'Bob', lastName: 'Okri' };

/** Of signing in and out, registration, and what letters prove. */
export const SIGN_IN_WRITES: Record<string, Maker> = {
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
};
