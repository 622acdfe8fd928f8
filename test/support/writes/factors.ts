import { allowEmailFactor, beginEmailFactor, codeOf, deviceAt, enrolPasskey, enrolTotp } from '../factors.ts';
import { PASSWORD } from '../node.ts';
import { type Maker, nothing } from './write.ts';

/** Of second factors and passkeys. */
export const FACTOR_WRITES: Record<string, Maker> = {
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
  mfaSend: {
    make: async (owner) => {
      const { as, site } = owner;
      await as('POST', '/api/v1/me/mfa/email/confirm', { body: await beginEmailFactor(owner) });
      const login = await as('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
      return { body: { challengeId: login.body.challengeId, factor: 'email' } };
    },
    leaves: ['factor.sent'],
  },
  codeFactorEnroll: {
    make: async (owner) => {
      await allowEmailFactor(owner);
      return { params: { channel: 'email' } };
    },
    leaves: ['factor.enrolment_begun'],
  },
  codeFactorConfirm: {
    make: async (owner) => ({ params: { channel: 'email' }, body: await beginEmailFactor(owner) }),
    leaves: ['factor.enrolled'],
  },
  backupCodes: {
    make: async ({ as }) => {
      await enrolTotp(as);
      return {};
    },
    leaves: ['backup_codes.issued'],
  },
  deleteFactor: {
    make: async ({ as }) => ({ params: { factorId: (await enrolTotp(as)).factorId } }),
    leaves: ['factor.removed'],
  },
};
