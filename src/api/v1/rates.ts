import type { RateRule } from '../../http/rate-limit.ts';
import { LIMITS } from '../../kernel/limits.ts';

/** Every anonymous path below /auth; those of one address share it. */
export const AUTH_RATE: RateRule = { name: 'v1-auth', points: 30, seconds: 60, per: 'ip', count: 'exact' };

/** Logins of one address, whether they succeed or not. Guesses at one account are sign-in's own matter. */
export const LOGIN_RATE: RateRule = { name: 'v1-login', points: 5, seconds: 60, per: 'ip', count: 'exact' };

/** What a person asks about themselves: often, and cheap, so nodes count by themselves and report. */
export const ME_RATE: RateRule = { name: 'v1-me', points: 300, seconds: 60, per: 'user', count: 'reported' };

/** Pages of the audit trail, and exports of it. */
export const AUDIT_RATE: RateRule = { name: 'v1-audit', points: 120, seconds: 60, per: 'user', count: 'reported' };

/** A look at the whole trail reads all of it. */
export const VERIFY_RATE: RateRule = { name: 'v1-audit-verify', points: 6, seconds: 60, per: 'tenant', count: 'exact' };
/** Files of all users of a tenant. */
export const EXPORT_USERS_RATE: RateRule = {
  name: 'v1-export-users',
  points: 10,
  seconds: 60,
  per: 'tenant',
  count: 'exact',
};
/** New users of one tenant, whoever makes them. Many at once are imported. */
export const CREATE_USER_RATE: RateRule = {
  name: 'v1-create-user',
  points: 60,
  seconds: 60,
  per: 'tenant',
  count: 'exact',
};

/** What makes the house call somebody else: a person tries it now and then, a machine does not. */
export const SENDING_RATE: RateRule = { name: 'v1-sending', points: 60, seconds: 60, per: 'user', count: 'exact' };

/** API keys of one address that open nothing: a key is not guessed, but guessing costs us work. */
export const KEY_GUESSES: RateRule = {
  name: 'v1-key-guesses',
  points: LIMITS.apiKeyFailures,
  seconds: LIMITS.apiKeyWindowSeconds,
  per: 'ip',
  count: 'exact',
};
/** Each asks the DNS of somebody else. */
export const DOMAIN_RATE: RateRule = { name: 'v1-domain', points: 30, seconds: 60, per: 'tenant', count: 'exact' };
