/** Every limit of the house, in one place. `test/limits.test.ts` exceeds each by one. Units stand in the names. */
export const LIMITS = {
  // HTTP
  jsonBodyBytes: 64 * 1024,
  formBodyBytes: 56 * 1024,
  jsonDepth: 20,
  jsonKeys: 1_000,
  urlBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  maxConnections: 10_000,
  drainMs: 15_000,
  forwardedHops: 10,
  // Names and texts
  emailChars: 254,
  usernameChars: 64,
  nameChars: 100,
  slugChars: 63,
  domainChars: 253,
  scopeChars: 2_048,
  redirectUriChars: 2_048,
  userAgentChars: 512,
  requestIdChars: 128,
  // Passwords
  passwordMinChars: 8,
  passwordMaxChars: 256,
  passwordHistory: 24,
  hashQueue: 64,
  // Egress
  egressTimeoutMs: 5_000,
  egressBodyBytes: 256 * 1024,
  // Caches (entries)
  providers: 1_000,
  tenants: 20_000,
  unknownTenants: 10_000,
  clients: 20_000,
  // OAuth
  refreshGraceSeconds: 10,
  refreshChainSeconds: 30 * 86_400,
  codeVerifierGuesses: 5,
  userCodeGuesses: 5,
  clientSecretMinChars: 32,
  redirectUris: 50,
  // Tenants as code
  applyFileBytes: 64 * 1024 * 1024,
} as const;
