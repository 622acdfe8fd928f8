import { z } from 'zod';
import type { FailureCode } from '../../kernel/failure.ts';
import { type Contract, type Dress, operationsOf } from '../contract.ts';
import * as accessContext from './access-context.ts';
import * as apiKeys from './api-keys.ts';
import * as applications from './applications.ts';
import * as audit from './audit.ts';
import * as auth from './auth.ts';
import { type CallerDeps, createCaller, TENANT_PARAMETERS } from './caller.ts';
import * as clientRoles from './client-roles.ts';
import * as clients from './clients.ts';
import * as deliveries from './deliveries.ts';
import * as domains from './domains.ts';
import * as email from './email.ts';
import { DESCRIBED_EVENTS } from './event-body.ts';
import * as invites from './invites.ts';
import * as jobs from './jobs.ts';
import * as keys from './keys.ts';
import * as me from './me.ts';
import * as members from './members.ts';
import * as mfa from './mfa.ts';

import * as mfaCodes from './mfa-codes.ts';
import * as nodes from './nodes.ts';

import * as passkeys from './passkeys.ts';
import * as permissions from './permissions.ts';
import * as privacy from './privacy.ts';
import { PRIVACY_EXPORT } from './privacy-schema.ts';
import * as recovery from './recovery.ts';
import * as registration from './registration.ts';
import * as rememberedBrowsers from './remembered-browsers.ts';
import * as roles from './roles.ts';
import * as serviceAccounts from './service-accounts.ts';
import * as sessions from './sessions.ts';
import {
  CHALLENGE,
  CHOICE,
  CLIENT_PROBLEM,
  DETAILS,
  IN_USE,
  LIMIT,
  PASSWORD_PROBLEMS,
  UNPROVEN,
} from './shown-details.ts';
import * as tenantSettings from './tenant-settings.ts';
import * as tenants from './tenants.ts';
import * as userFiles from './user-files.ts';
import * as userRoles from './user-roles.ts';
import * as users from './users.ts';
import * as webhooks from './webhooks.ts';

const ERROR = z
  .looseObject({
    error: z.string(),
    message: z.string(),
    requestId: z.string(),
    timestamp: z.iso.datetime(),
    details: DETAILS.shape.details.optional(),
  })
  .describe(
    '`error` is for programs, `message` for people; `details` names the fields of a 400 or of a refused password.',
  );

const OPERATIONS = operationsOf(
  auth,
  recovery,
  registration,
  me,
  email,
  accessContext,
  mfa,
  mfaCodes,
  passkeys,
  applications,
  rememberedBrowsers,
  sessions,
  tenants,
  tenantSettings,
  domains,
  keys,
  nodes,
  members,
  roles,
  permissions,
  users,
  userFiles,
  userRoles,
  invites,
  privacy,
  audit,
  clients,
  clientRoles,
  apiKeys,
  serviceAccounts,
  webhooks,
  deliveries,
  jobs,
);

const API_KEY = {
  name: 'v1ApiKey',
  scheme: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'An API key (`ghk_…`). It is good as a bearer token, too.',
  },
};

/** Identity Service, `/api/v1` and `/internal/identity`. */
export function createV1(deps: CallerDeps): Contract {
  return {
    name: 'v1',
    title: 'Identity Service',
    description: 'Gatehouse’s own API: signing in, profiles, users, tenants and what belongs to them.',
    bases: ['/api/v1', '/internal/identity'],
    tenantParameters: TENANT_PARAMETERS,
    security: {
      name: 'v1',
      scheme: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'The access token of a login, or of a client that asked for the resource `{issuer}/api` by its own credentials.',
      },
    },
    alsoSecurity: [API_KEY],
    ...createCaller(deps),
    failures: FAILURES_OF_V1,
    errorBody: ({ code, message, requestId, now, details, extra }) => ({
      error: code,
      message,
      requestId,
      timestamp: now.toISOString(),
      ...(details && { details }),
      ...extra,
    }),
    errorSchema: ERROR,
    messages: DESCRIBED_EVENTS,
    schemas: [PRIVACY_EXPORT],
    operations: OPERATIONS,
  };
}

const plain = (status: number, code: string): Dress => ({ status, code: `IDENT_${code}` });

const FAILURES_OF_V1: Record<FailureCode, Dress> = {
  invalid_input: plain(400, 'VALIDATION'),
  unauthenticated: plain(401, 'UNAUTHENTICATED'),
  forbidden: plain(403, 'FORBIDDEN'),
  cross_tenant: plain(403, 'CROSS_TENANT'),
  not_found: plain(404, 'NOT_FOUND'),
  method_not_allowed: plain(405, 'METHOD_NOT_ALLOWED'),
  conflict: plain(409, 'CONFLICT'),
  too_large: plain(413, 'TOO_LARGE'),
  unsupported_media: plain(415, 'UNSUPPORTED_MEDIA'),
  precondition_failed: plain(412, 'PRECONDITION_FAILED'),
  idempotency_key_required: plain(400, 'IDEMPOTENCY_KEY_REQUIRED'),
  idempotency_mismatch: plain(409, 'IDEMPOTENCY_MISMATCH'),
  idempotency_in_flight: plain(409, 'IDEMPOTENCY_IN_FLIGHT'),
  rate_limited: plain(429, 'RATE_LIMITED'),
  busy: plain(503, 'UNAVAILABLE'),
  internal: plain(500, 'INTERNAL'),

  tenant_not_found: plain(404, 'TENANT_NOT_FOUND'),
  tenant_suspended: plain(422, 'TENANT_SUSPENDED'),
  tenant_limit: { ...plain(422, 'TENANT_LIMIT'), ...LIMIT },
  slug_taken: plain(409, 'SLUG_DUPLICATE'),
  domain_taken: plain(409, 'DOMAIN_DUPLICATE'),
  domain_unproven: { ...plain(422, 'DOMAIN_UNPROVEN'), ...UNPROVEN },
  domain_not_found: plain(404, 'DOMAIN_NOT_FOUND'),

  user_not_found: plain(404, 'USER_NOT_FOUND'),
  user_suspended: plain(422, 'USER_SUSPENDED'),
  user_deactivated: plain(422, 'USER_DEACTIVATED'),
  email_taken: plain(409, 'EMAIL_DUPLICATE'),
  username_taken: plain(409, 'USERNAME_DUPLICATE'),
  last_admin: plain(422, 'LAST_ADMIN'),

  password_policy: { ...plain(422, 'PASSWORD_POLICY'), ...PASSWORD_PROBLEMS },
  password_breached: plain(422, 'PASSWORD_BREACHED'),

  invalid_credentials: plain(401, 'INVALID_CREDENTIALS'),
  tenant_choice: { ...plain(409, 'TENANT_CHOICE'), ...CHOICE },
  password_change_required: plain(403, 'PASSWORD_CHANGE_REQUIRED'),
  sign_in_expired: plain(401, 'TOKEN_INVALID'),
  factor_required: { ...plain(401, 'MFA_REQUIRED'), ...CHALLENGE },
  factor_wrong: plain(401, 'MFA_FAILED'),
  factor_not_allowed: plain(403, 'MFA_NOT_ALLOWED'),
  factor_not_found: plain(404, 'FACTOR_NOT_FOUND'),
  factor_limit: plain(422, 'FACTOR_LIMIT'),
  factor_mandatory: plain(422, 'MFA_MANDATORY'),
  passkey_refused: plain(401, 'INVALID_CREDENTIALS'),
  passkey_invalid: plain(422, 'PASSKEY_INVALID'),
  passkey_taken: plain(409, 'PASSKEY_DUPLICATE'),
  passkey_last: plain(422, 'LAST_PASSKEY'),
  factor_enrolment_required: plain(403, 'MFA_ENROLMENT_REQUIRED'),
  phone_not_allowed: plain(422, 'PHONE_NOT_ALLOWED'),
  challenge_ended: plain(401, 'MFA_FAILED'),
  reauthentication_required: plain(401, 'REAUTHENTICATION_REQUIRED'),
  refresh_invalid: plain(401, 'TOKEN_INVALID'),
  refresh_replay: plain(401, 'REFRESH_REPLAY'),
  session_not_found: plain(404, 'SESSION_NOT_FOUND'),
  device_not_found: plain(404, 'DEVICE_NOT_FOUND'),
  delivery_not_found: plain(404, 'DELIVERY_NOT_FOUND'),
  token_invalid: plain(401, 'TOKEN_INVALID'),
  email_unverified: plain(403, 'EMAIL_UNVERIFIED'),
  terms_required: plain(403, 'TERMS_REQUIRED'),

  registration_closed: plain(403, 'REGISTRATION_CLOSED'),
  captcha_failed: plain(422, 'CAPTCHA_FAILED'),

  consent_essential: plain(422, 'CONSENT_ESSENTIAL'),
  erasure_not_found: plain(404, 'ERASURE_NOT_FOUND'),

  invite_not_found: plain(404, 'INVITE_NOT_FOUND'),
  invite_invalid: plain(410, 'INVITE_INVALID'),

  role_not_found: plain(404, 'ROLE_NOT_FOUND'),
  role_taken: plain(409, 'ROLE_DUPLICATE'),
  role_system: plain(422, 'ROLE_SYSTEM'),
  permission_not_found: plain(404, 'PERMISSION_NOT_FOUND'),
  permission_taken: plain(409, 'PERMISSION_DUPLICATE'),
  permission_system: plain(422, 'PERMISSION_SYSTEM'),
  permission_in_use: { ...plain(409, 'PERMISSION_IN_USE'), ...IN_USE },
  privilege_escalation: plain(403, 'PRIVILEGE_ESCALATION'),

  node_not_found: plain(404, 'NODE_NOT_FOUND'),
  node_taken: plain(409, 'NODE_DUPLICATE'),
  node_root: plain(422, 'NODE_ROOT'),
  node_nesting: plain(422, 'NODE_NESTING'),
  node_cycle: plain(422, 'NODE_CYCLE'),
  node_depth: plain(422, 'NODE_DEPTH'),
  node_limit: plain(422, 'NODE_LIMIT'),
  node_archived: plain(422, 'NODE_ARCHIVED'),
  node_not_empty: plain(409, 'NODE_NOT_EMPTY'),
  member_not_found: plain(404, 'MEMBER_NOT_FOUND'),

  client_not_found: plain(404, 'CLIENT_NOT_FOUND'),
  client_taken: plain(409, 'CLIENT_DUPLICATE'),
  client_invalid: { ...plain(422, 'CLIENT_INVALID'), ...CLIENT_PROBLEM },
  grant_not_found: plain(404, 'GRANT_NOT_FOUND'),
  api_not_found: plain(404, 'API_NOT_FOUND'),
  api_taken: plain(409, 'API_DUPLICATE'),

  api_key_not_found: plain(404, 'API_KEY_NOT_FOUND'),
  api_key_limit: plain(422, 'API_KEY_LIMIT'),

  webhook_not_found: plain(404, 'WEBHOOK_NOT_FOUND'),
  webhook_taken: plain(409, 'WEBHOOK_DUPLICATE'),
  webhook_limit: plain(422, 'WEBHOOK_LIMIT'),
  webhook_disabled: plain(422, 'WEBHOOK_DISABLED'),
  webhook_delivery_not_found: plain(404, 'WEBHOOK_DELIVERY_NOT_FOUND'),

  job_not_found: plain(404, 'JOB_NOT_FOUND'),
  job_limit: plain(422, 'JOB_LIMIT'),
  job_finished: plain(409, 'JOB_FINISHED'),

  blueprint_invalid: plain(422, 'BLUEPRINT_INVALID'),
  key_not_found: plain(404, 'KEY_NOT_FOUND'),
};
