/**
 * The one place that imports what the core does not promise to keep (no semver). Its version is pinned exactly, and
 * test/oidc/oidc-internals.test.ts says what we count on.
 */
export {
  applyRefreshTokenBindings,
  buildTokenResponse,
  resolveAndApplyResource,
} from 'oidc-provider/lib/helpers/grants.js';
