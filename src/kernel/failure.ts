/**
 * Every refusal of the domain, with the sentence a person may read. A contract dresses each code in its own status and
 * public name (`api/<contract>/contract.ts`); a missing line there does not compile.
 */
export const FAILURES = {
  // Anyone may meet these
  invalid_input: 'The request is not valid.',
  unauthenticated: 'Authentication is required.',
  forbidden: 'You are not allowed to do this.',
  cross_tenant: 'The named tenant is not yours.',
  not_found: 'There is no such thing here.',
  method_not_allowed: 'There is something here, but not for this method.',
  conflict: 'This contradicts what is already there.',
  too_large: 'The request is too large.',
  unsupported_media: 'The content type is not supported here.',
  precondition_failed: 'It was changed since you read it. Please read it again.',
  idempotency_key_required: 'The header Idempotency-Key is required.',
  idempotency_mismatch: 'The Idempotency-Key was used for another request.',
  idempotency_in_flight: 'The first request with this Idempotency-Key is still under way.',
  rate_limited: 'Too many requests. Please wait a little.',
  busy: 'The service is busy. Please try again shortly.',
  internal: 'Something went wrong on our side.',
  // Tenants
  tenant_not_found: 'There is no such tenant.',
  tenant_suspended: 'The tenant is suspended.',
  tenant_limit: 'There are as many users as this tenant may have.',
  slug_taken: 'The slug is already taken.',
  domain_taken: 'The domain belongs to another tenant.',
  domain_unproven: 'The DNS of the domain does not say yet that it is yours.',
  domain_not_found: 'There is no such domain.',
  // Users
  user_not_found: 'There is no such user.',
  user_suspended: 'The user is suspended.',
  user_deactivated: 'The user is deactivated, which is final.',
  email_taken: 'The e-mail address is already in use.',
  username_taken: 'The user name is already in use.',
  last_admin: 'The last administrator must stay.',
  // Passwords
  password_policy: 'The password does not meet the policy.',
  password_breached: 'The password is known from a data breach. Please choose another one.',
  // Sign-in
  invalid_credentials: 'The e-mail address or the password is wrong.',
  tenant_choice: 'Several tenants know this account. Please choose one.',
  password_change_required: 'The password must be changed first, on the sign-in page.',
  sign_in_expired: 'The sign-in took too long. Please begin again.',
  factor_required: 'A second factor is needed.',
  factor_wrong: 'The code or passkey is wrong, or was used before.',
  factor_not_allowed: 'This factor may not be used here.',
  factor_not_found: 'There is no such factor.',
  factor_limit: 'There are too many factors of this kind.',
  factor_mandatory: 'The last factor must stay: the organisation demands one.',
  passkey_refused: 'The passkey was not accepted.',
  passkey_invalid: 'The new passkey cannot be used here.',
  passkey_taken: 'This passkey is already in use.',
  passkey_last: 'The last passkey must stay: you would lock yourself out.',
  factor_enrolment_required: 'A second factor must be set up first, on the sign-in page.',
  phone_not_allowed: 'No codes are sent to this number.',
  challenge_ended: 'The sign-in took too long, or was tried too often. Please begin again.',
  reauthentication_required: 'Please sign in again first.',
  refresh_invalid: 'The refresh token is not valid.',
  refresh_replay: 'The refresh token was used before. Its session has ended.',
  session_not_found: 'There is no such session.',
  device_not_found: 'There is no such device.',
  delivery_not_found: 'There is no such delivery.',
  token_invalid: 'The link or code is not valid, or not any more.',
  email_unverified: 'The e-mail address must be confirmed first, by the letter that was sent there.',
  terms_required: 'The terms of use must be accepted first, on the sign-in page.',
  // Registration
  registration_closed: 'People cannot register here themselves.',
  captcha_failed: 'The proof that no robot asks is wrong, too old or was used before.',
  // Privacy
  consent_essential: 'What is essential cannot be taken back.',
  erasure_not_found: 'Nobody has asked for that to be erased.',
  // Invites
  invite_not_found: 'There is no such invite.',
  invite_invalid: 'The invitation is not valid, or not any more.',
  // Access
  role_not_found: 'There is no such role.',
  role_taken: 'There is already a role of this name.',
  role_system: 'System roles cannot be changed.',
  permission_not_found: 'There is no such permission.',
  permission_taken: 'There is already a permission of this name.',
  permission_system: 'The permissions of Gatehouse itself cannot be changed.',
  permission_in_use: 'Roles still have the permission. Take it out of them first.',
  privilege_escalation: 'You cannot grant what you do not hold.',
  // Organisation tree
  node_not_found: 'There is no such node.',
  node_taken: 'There is already a node of this name beside it.',
  node_root: 'The root of the tree is the tenant itself, and stays as it is.',
  node_nesting: 'A node of this type cannot stand there.',
  node_cycle: 'A node cannot stand below itself.',
  node_depth: 'The tree would become too deep.',
  node_limit: 'There is no room for more there.',
  node_archived: 'The node is archived, or one above it is.',
  node_not_empty: 'The node has members, or nodes below it.',
  member_not_found: 'The user is not a member there.',
  // Clients and APIs
  client_not_found: 'There is no such client.',
  client_taken: 'There is already a client of this id.',
  client_invalid: 'The client metadata is not valid.',
  grant_not_found: 'Nothing is allowed to this application.',
  api_not_found: 'There is no such API.',
  api_taken: 'There is already an API of this identifier.',
  // API keys
  api_key_not_found: 'There is no such API key.',
  api_key_limit: 'There are as many API keys as there may be.',
  // Webhooks
  webhook_not_found: 'There is no such webhook.',
  webhook_taken: 'There is already a webhook of this address.',
  webhook_limit: 'There are as many webhooks as there may be.',
  webhook_disabled: 'The webhook is disabled.',
  webhook_delivery_not_found: 'There is no such delivery.',
  // Long work
  job_not_found: 'There is no such job.',
  job_limit: 'There is as much waiting to be done as there may be. Please wait a little.',
  job_finished: 'The job has ended already.',
  // Tenants as code
  blueprint_invalid: 'The file cannot be applied.',
  // Keys
  key_not_found: 'There is no such key.',
} as const;

export type FailureCode = keyof typeof FAILURES;

/** A refusal with a code; never a bug or an outage. `details` go to the log, and to the caller only where its contract says so. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly details: Record<string, unknown>;

  constructor(code: FailureCode, details: Record<string, unknown> = {}) {
    super(FAILURES[code]);
    this.name = 'Failure';
    this.code = code;
    this.details = details;
  }
}
