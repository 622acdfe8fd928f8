import { checkedRole } from '../../src/domain/access/role.ts';
import { checkedApi } from '../../src/domain/apis/api.ts';
import type { ClientDraft } from '../../src/domain/clients/client.ts';
import { checkedClient, checkedSecret } from '../../src/domain/clients/client-rules.ts';
import { readAssertion, readAttestation } from '../../src/domain/factors/webauthn-response.ts';
import { parseArgon2 } from '../../src/domain/passwords/argon2.ts';
import { assertPassword } from '../../src/domain/passwords/password-text.ts';
import { readIdentifier } from '../../src/domain/sign-in/identifier.ts';
import { changeSettings, type SettingsChange } from '../../src/domain/tenants/settings.ts';
import { checkedConfig, checkedDomain, checkedName } from '../../src/domain/tenants/tenant.ts';
import { checkedSlug } from '../../src/domain/tenants/tenant-slug.ts';
import { checkedEmail, checkedProfile } from '../../src/domain/users/user.ts';
import type { LIMITS } from '../../src/kernel/limits.ts';
import { likePattern } from '../../src/kernel/page.ts';
import { assertionOf, registrationJson } from './authenticator.ts';
import { LETTER_PROOFS } from './letter-limit-proofs.ts';
import {
  authorized,
  domainsOfOneTenant,
  jsonOf,
  keysOfOneTenant,
  refused,
  rotated,
  secretsOfOneClient,
  x,
} from './limit-attempts.ts';
import { OUTSIDE_PROOFS } from './outside-limit-proofs.ts';
import { TREE_PROOFS } from './tree-limit-proofs.ts';

export type Limit = keyof typeof LIMITS;

/** Where a limit is shown to hold. */
export type Proof =
  /** A test of its own, by a part of its title, or because it names the limit. */
  | { file: string; title?: string }
  /** Shown here: `n` is let through, one more (`upTo`) or one less (`downTo`) is refused. */
  | { upTo: (n: number) => unknown }
  | { downTo: (n: number) => unknown }
  /** Nothing is refused: the number is handed to what is bounded by it, in this file. */
  | { sizes: string };

const file = (path: string, title?: string): Proof => ({ file: `test/${path}`, ...(title && { title }) });
const sizes = (path: string): Proof => ({ sizes: `src/${path}` });

const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
/** A host name of exactly so many characters, in labels of 60. */
const host = (chars: number) => {
  const labels = many(Math.ceil(chars / 61), () => x(60)).join('.');
  return `${`${labels}.`.slice(0, chars - 2).replace(/\.$/, 'x')}.x`;
};
/** An object of so many levels. */
const levels = (n: number): Record<string, unknown> => (n === 1 ? {} : { a: levels(n - 1) });
const settings = (change: SettingsChange) => changeSettings({}, change);
const argon2 = (memory: number, passes: number, lanes: number, more = '') =>
  parseArgon2(`$argon2id$v=19$m=${memory},t=${passes},p=${lanes}$c29tZXNhbHRzb21lc2FsdA$${x(43)}${more}`) ?? refused();
const client = (draft: Partial<ClientDraft>) =>
  checkedClient({ clientId: 'c', kind: 'web', redirectUris: ['https://app.example/cb'], ...draft });

/** An attestation of so many bytes, by so many transports. */
function attestationOf(bytes: number, transports = 1) {
  const clientData = Buffer.from(assertionOf({}).response.clientDataJSON, 'base64url');
  const names = many(transports, (at) => `by-${'abcdefghijkl'[at]}`);
  return registrationJson(Buffer.alloc(16), clientData, Buffer.alloc(bytes), names);
}

/** A limit without a line here fails test/limits.test.ts. */
export const PROOFS: Record<string, Proof> = {
  ...LETTER_PROOFS,
  // HTTP
  jsonBodyBytes: { upTo: (n) => jsonOf(n) },
  formBodyBytes: file('http/form-body.test.ts'),
  formFields: file('http/form-body.test.ts'),
  jsonDepth: file('http/strict-json.test.ts'),
  jsonKeys: file('http/strict-json.test.ts'),
  urlBytes: file('http/host-allowlist.test.ts'),
  headersTimeoutMs: file('http/server.test.ts'),
  requestTimeoutMs: file('http/server.test.ts'),
  keepAliveMs: file('http/server.test.ts'),
  maxConnections: file('http/server.test.ts'),
  drainMs: file('http/server.test.ts', 'cuts what does not end in time'),
  forwardedHops: file('http/client-address.test.ts'),
  requestHeaders: file('http/server.test.ts'),
  headerBytes: file('http/server.test.ts'),
  readinessMs: sizes('http/health.ts'),
  // Names and texts
  emailChars: { upTo: (n) => checkedEmail(`${x(64)}@${host(n - 65)}`) },
  usernameChars: { upTo: (n) => checkedProfile({ username: x(n) }) },
  nameChars: { upTo: (n) => checkedName(x(n)) },
  descriptionChars: { upTo: (n) => checkedRole({ name: 'clerk', description: x(n) }) },
  slugChars: { upTo: (n) => checkedSlug(x(n)) },
  domainChars: { upTo: (n) => checkedDomain(host(n)) },
  scopeChars: { upTo: (n) => authorized(n) },
  languageListChars: file('http/texts.test.ts', 'first 256 characters only'),
  inlineImageChars: sizes('http/render.ts'),
  redirectUriChars: { upTo: (n) => client({ redirectUris: [`https://app.example/${x(n - 20)}`] }) },
  userAgentChars: file('http/request-log.test.ts'),
  requestIdChars: file('http/request-log.test.ts'),
  problemsShown: file('api/mount.test.ts', 'twenty problems at most'),
  // Passwords
  passwordMinChars: { downTo: (n) => settings({ password: { minLength: n } }) },
  passwordMaxChars: { upTo: (n) => assertPassword(x(n)) },
  passwordHistory: { upTo: (n) => settings({ password: { historySize: n } }) },
  hashQueue: file('domain/passwords/hash.test.ts'),
  storedHashChars: sizes('domain/passwords/foreign-hash.ts'),
  foreignHashQueue: sizes('domain/passwords/hash.ts'),
  argon2MemoryKib: { upTo: (n) => argon2(n, 1, 1) },
  argon2Passes: { upTo: (n) => argon2(8_192, n, 1) },
  argon2Lanes: { upTo: (n) => argon2(8_192, 1, n) },
  // Sign-in
  identifierChars: { upTo: (n) => readIdentifier(x(n)) },
  signInCandidates: file('domain/sign-in/sign-in-service.test.ts', 'tries five tenants at most'),
  pageSignInSeconds: file('oidc/page-sign-in.test.ts'),
  pageSessionSeconds: file('oidc/page-session.test.ts'),
  lastSignInMs: file('domain/sign-in/sign-in-service.test.ts', 'once a minute at most'),
  deviceAccounts: file('domain/sign-in/device-cookie.test.ts'),
  deviceSeconds: file('domain/sign-in/device-cookie.test.ts'),
  deviceCookieChars: file('domain/sign-in/device-cookie.test.ts'),
  signInTicketSeconds: sizes('domain/sign-in/ticket.ts'),
  strangerWindowSeconds: sizes('domain/sign-in/throttle.ts'),
  strangerFailures: file('domain/sign-in/throttle.test.ts'),
  addressFailures: file('domain/sign-in/throttle.test.ts'),
  addressWindowSeconds: file('domain/sign-in/throttle.test.ts'),
  sessionsOfUser: { upTo: (n) => settings({ sessions: { maxPerUser: n } }) },
  seenDevices: file('domain/sign-in/seen-devices.test.ts'),
  seenDeviceEachMs: file('domain/sign-in/seen-devices.test.ts', 'writes once an hour at most'),
  newDeviceLetters: file('domain/sign-in/seen-devices.test.ts'),
  attemptLetters: file('domain/sign-in/sign-in-notices.test.ts', 'one letter a day'),
  // Factors
  challengeSeconds: file(
    'domain/factors/challenge-service.test.ts',
    'one browser or program, one tenant and ten minutes',
  ),
  challengeTries: file('domain/factors/challenge-service.test.ts', 'is ended by five wrong codes'),
  pendingFactorSeconds: file('domain/factors/factor-service.test.ts', 'none that is older than a quarter of an hour'),
  backupCodes: file('domain/factors/factor-service.test.ts', 'brings ten backup codes'),
  codeFailures: file('domain/factors/challenge-service.test.ts', 'over after ten wrong ones in an hour'),
  codeWindowSeconds: file('domain/factors/challenge-service.test.ts', 'over after ten wrong ones in an hour'),
  codeFailuresOfDay: file('domain/factors/challenge-service.test.ts', 'over after thirty in a day'),
  factorCodeChars: sizes('domain/factors/code-text.ts'),
  ceremonySeconds: file('domain/factors/passkey-service.test.ts', 'for five minutes'),
  passkeysOfUser: file('domain/factors/passkey-service.test.ts', 'takes twenty of a person'),
  credentialIdBytes: { upTo: (n) => readAssertion(assertionOf({ id: n })) },
  clientDataBytes: { upTo: (n) => readAssertion(assertionOf({ clientData: n })) },
  authenticatorDataBytes: { upTo: (n) => readAssertion(assertionOf({ authData: n })) },
  signatureBytes: { upTo: (n) => readAssertion(assertionOf({ signature: n })) },
  userHandleBytes: { upTo: (n) => readAssertion(assertionOf({ handle: n })) },
  attestationBytes: { upTo: (n) => readAttestation(attestationOf(n)) },
  transports: { upTo: (n) => readAttestation(attestationOf(37, n)) },
  sentCodeSeconds: file('domain/factors/sent-challenge.test.ts'),
  sentCodes: file('domain/factors/sent-challenge.test.ts'),
  sentCodeGapSeconds: file('domain/factors/sent-challenge.test.ts'),
  codeSendsOfAccount: file('domain/factors/sent-challenge.test.ts'),
  codeSendsToAddress: file('domain/factors/sent-factor-service.test.ts'),
  codeSendsOfNetwork: file('domain/factors/sent-factor-service.test.ts'),
  rememberedDevices: sizes('domain/factors/factor-service.ts'),
  mfaRoles: { upTo: (n) => settings({ mfa: { roles: many(n, (at) => `ROLE_${at}`) } }) },
  recentProofSeconds: file('domain/factors/factor-service.test.ts', 'asks for a login no older than ten minutes'),
  // Egress
  egressBodyBytes: file('http/egress.test.ts'),
  egressHeaderBytes: file('http/egress.test.ts'),
  egressHeaders: file('http/egress.test.ts'),
  egressUrlChars: file('http/egress-addresses.test.ts'),
  egressTimeoutMs: sizes('http/egress.ts'),
  breakerPeers: file('http/breaker.test.ts'),
  breakerFaults: file('http/breaker.test.ts'),
  breakerRestMs: file('http/breaker.test.ts'),
  breakerMostRestMs: file('http/breaker.test.ts'),
  egressDropMs: file('http/egress-head.test.ts', 'drips'),
  egressDropBytes: file('http/egress-head.test.ts', 'endless'),
  breachCheckMs: sizes('domain/passwords/breach-check.ts'),
  breachAnswerBytes: sizes('domain/passwords/breach-check.ts'),
  // Caches
  providers: sizes('oidc/issuers.ts'),
  tenants: sizes('domain/tenants/tenant-directory.ts'),
  unknownTenants: sizes('domain/tenants/tenant-directory.ts'),
  clients: sizes('oidc/client-source.ts'),
  knownHosts: sizes('http/host-allowlist.ts'),
  unknownHosts: sizes('http/host-allowlist.ts'),
  documents: sizes('http/documents.ts'),
  rateLimitKeys: sizes('http/rate-limit.ts'),
  idempotencyKeyChars: file('api/idempotency.test.ts'),
  idempotencySeconds: file('api/idempotency.test.ts', 'for a day'),
  idempotencyWaitMs: sizes('domain/idempotency/idempotency-service.ts'),
  // OAuth
  refreshChainSeconds: file('oidc/refresh-tokens.test.ts', 'end a month after their family began'),
  accessTokenChars: sizes('oidc/jwt-tokens.ts'),
  clockSkewSeconds: file('oidc/token-verification.test.ts', 'times that are not whole seconds, or not now'),
  jwtLifeSeconds: file('oidc/token-verification.test.ts', 'times that are not whole seconds, or not now'),
  grantedClients: file('domain/grants/grant-service.test.ts'),
  registeredClients: file('oidc/dynamic-registration.test.ts'),
  initialAccessTokenSeconds: sizes('oidc/registration-token.ts'),
  registrationTokenSeconds: sizes('oidc/provider.ts'),
  userCodeGuesses: file('oidc/device-flow.test.ts'),
  userCodeGuessesOfAddress: file('oidc/device-flow.test.ts'),
  userCodeGuessesOfTenant: sizes('oidc/device-limits.ts'),
  userCodeWindowSeconds: sizes('oidc/device-limits.ts'),
  devicePollSeconds: sizes('oidc/device-limits.ts'),
  apiKeys: { upTo: (n) => keysOfOneTenant(n) },
  apiKeyUsedEachMs: file('domain/api-keys/api-key-service.test.ts', 'once a minute at most'),
  apiKeyFailures: file('api/v1/api-keys.test.ts'),
  apiKeyWindowSeconds: file('api/v1/api-keys.test.ts'),
  clientAuthFailures: file('oidc/client-authentication.test.ts'),
  clientAuthWindowSeconds: file('oidc/client-authentication.test.ts'),
  pendingRequests: file('oidc/limits.test.ts'),
  pendingWindowSeconds: sizes('oidc/request-limits.ts'),
  codeVerifierGuesses: file('oidc/codes.test.ts', 'five wrong verifiers'),
  clientSecretMinChars: { downTo: (n) => checkedSecret(x(n)) },
  clientSecretMaxChars: { upTo: (n) => checkedSecret(x(n)) },
  redirectUris: { upTo: (n) => client({ redirectUris: many(n, (at) => `https://app.example/${at}`) }) },
  allowedOrigins: { upTo: (n) => client({ allowedOrigins: many(n, (at) => `https://app${at}.example`) }) },
  allowedIps: { upTo: (n) => client({ allowedIps: many(n, (at) => `192.0.2.${at}`) }) },
  apiScopes: { upTo: (n) => checkedApi({ identifier: 'https://api.example', scopes: many(n, (at) => `s${at}`) }) },
  rolePermissions: {
    upTo: (n) => checkedRole({ name: 'clerk', permissions: many(n, (at) => `desk.thing${at}:read`) }),
  },
  ...TREE_PROOFS,
  liveClientSecrets: { upTo: (n) => secretsOfOneClient(n) },
  secretOverlapSeconds: { upTo: (n) => rotated(n) },
  tenantDomains: { upTo: (n) => domainsOfOneTenant(n) },
  dnsMs: file('http/egress-dns.test.ts'),
  dnsRecords: file('http/egress-dns.test.ts'),
  tenantConfigBytes: { upTo: (n) => checkedConfig({ a: x(n - 8) }) },
  tenantConfigDepth: { upTo: (n) => checkedConfig(levels(n)) },
  tenantRestoreDays: file('api/v1/tenant-erasure.test.ts'),
  tenantUsers: { upTo: (n) => settings({ maxUsers: n }) },
  tenantFeatures: {
    upTo: (n) => settings({ features: Object.fromEntries(many(n, (at) => [`f${at}`, true])) }),
  },
  tenantContacts: sizes('domain/access/holders.ts'),
  tenantChoices: sizes('domain/users/user-service.ts'),
  // Background work
  expiryBatchRows: file('jobs/expiry.test.ts'),
  expiryBatches: sizes('jobs/expiry.ts'),
  outboxConcurrency: file('jobs/outbox.test.ts'),
  outboxPerTenant: file('jobs/outbox.test.ts', 'serves every tenant in turn'),
  outboxLaneFailures: file('jobs/outbox-lanes.test.ts', 'three failures one after the other'),
  outboxTenants: file('jobs/outbox.test.ts', 'walks the whole ring of tenants'),
  outboxHandlerMs: sizes('jobs/outbox.ts'),
  outboxLeaseMs: file('jobs/outbox.test.ts', 'another node has leased since'),
  outboxGiveUpMs: file('jobs/outbox.test.ts'),
  sessionSweepRows: sizes('domain/sessions/session-sweep-service.ts'),
  ...OUTSIDE_PROOFS,
  // Log, audit, metrics
  logStringChars: file('kernel/log.test.ts'),
  logDepth: file('kernel/log.test.ts', 'is bounded'),
  logEntries: file('kernel/log.test.ts', 'is bounded'),
  logBufferBytes: sizes('kernel/log.ts'),
  auditTextChars: file('domain/audit/audit-service.test.ts', 'stays short'),
  auditListItems: sizes('domain/audit/audit-note.ts'),
  auditLinkRows: sizes('domain/audit/audit-chain.ts'),
  auditLinkTenants: sizes('domain/audit/audit-chain.ts'),
  auditWalkRows: sizes('domain/audit/audit-chain.ts'),
  auditWalks: file('domain/audit/audit-reading.test.ts', 'not more of them at once'),
  auditExports: file('domain/audit/audit-reading.test.ts', 'not more of them at once'),
  auditExportRows: sizes('domain/audit/audit-reading.ts'),
  auditWitnessed: sizes('domain/audit/audit-witness.ts'),
  auditRetentionDays: { upTo: (n) => settings({ audit: { retentionDays: n } }) },
  metricRoutes: file('http/request-log.test.ts'),
  // Tenants as code
  applyFileBytes: file('cli/blueprint-file.test.ts'),
  applyAliases: file('cli/blueprint-file.test.ts'),
  applyTenants: sizes('domain/blueprint/blueprint-service.ts'),
  applyMistakes: sizes('domain/blueprint/work.ts'),
  // Database
  pages: file('api/schemas.test.ts'),
  cursorChars: sizes('api/schemas.ts'),
  pageSize: file('domain/tenants/tenant-service.test.ts', 'comes in pages that are whole numbers'),
  countedRows: sizes('domain/sessions/session-service.ts'),
  searchMinChars: { downTo: (n) => likePattern(x(n)) },
  searchMaxChars: { upTo: (n) => likePattern(x(n)) },
  batchRows: sizes('domain/users/user-service.ts'),
};

/** Numbers that stand ready for what is not built yet. What begins to use one takes it out here and gives it a line. */
export const AHEAD: readonly string[] = [];
