import { type Configuration, errors, type JWKS, Provider } from 'oidc-provider';
import { generateSigningKey } from '../domain/keys/signing-key.ts';
import { Failure } from '../kernel/failure.ts';
import { CLIENT_RULES } from './provider.ts';

/**
 * The core's own judgement of a client's metadata, before it is saved: what it would refuse at run time is refused here,
 * with its words. Nothing is fetched. The instance behind it serves nobody; it is made at the first use.
 *
 * @throws Failure `client_invalid`
 */
export function createMetadataValidator(): (metadata: object) => Promise<void> {
  let making: Promise<Provider> | undefined;
  return async (metadata) => {
    making ??= make();
    const provider = await making;
    try {
      // The secret is kept elsewhere, as a hash; the core only wants to see that there is one.
      const { needsSecret } = provider.Client as unknown as { needsSecret(metadata: object): boolean };
      const secret = needsSecret(metadata) ? { client_secret: 'kept elsewhere' } : {};
      await provider.Client.validate({ ...metadata, ...secret } as Parameters<typeof provider.Client.validate>[0]);
    } catch (error) {
      if (!(error instanceof errors.OIDCProviderError)) throw error;
      throw new Failure('client_invalid', { problem: error.error_description ?? error.message });
    }
  };
}

async function make(): Promise<Provider> {
  const pairs = await Promise.all([generateSigningKey('RS256'), generateSigningKey('ES256')]);
  return new Provider('https://validation.invalid', {
    ...CLIENT_RULES,
    jwks: { keys: pairs.map((pair) => pair.privateJwk) } as unknown as JWKS,
    cookies: { keys: ['nobody'] },
    adapter: (() => ({})) as unknown as NonNullable<Configuration['adapter']>,
    sectorIdentifierUriValidate: () => false,
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      userinfo: { enabled: true },
      jwtUserinfo: { enabled: true },
      revocation: { enabled: true },
      deviceFlow: { enabled: true },
      backchannelLogout: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        getCertificate: () => undefined,
      },
    },
  });
}
