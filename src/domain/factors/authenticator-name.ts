import names from './authenticators.json' with { type: 'json' };

/**
 * What an authenticator is called, by its AAGUID. Nobody has attested it, so it is a label for its owner and nothing
 * else. Undefined for most: makers come and go, and many say nothing.
 */
export function authenticatorName(aaguid: string): string | undefined {
  return Object.hasOwn(names, aaguid) ? names[aaguid as keyof typeof names] : undefined;
}
