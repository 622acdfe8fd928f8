import { errors } from 'oidc-provider';
import { LIMITS } from '../kernel/limits.ts';

/** Whether a scope is longer than anyone needs; what goes over it costs a look-up for each of its words. */
export const isScopeTooLong = (scope: unknown): boolean =>
  typeof scope === 'string' && scope.length > LIMITS.scopeChars;

/**
 * What a parameter of an authorization request must be beyond what the core checks, however it came: in the URL, pushed,
 * or in a request object. A refusal goes back to the application.
 */
export const PARAMETER_RULES = {
  /** The core reads it as a JavaScript number: `1e3`, `0x10`. */
  async max_age(_ctx: unknown, value: unknown): Promise<void> {
    if (value !== undefined && !/^\d{1,10}$/.test(String(value)))
      throw new errors.InvalidRequest('invalid max_age parameter value');
  },
  async scope(_ctx: unknown, value: unknown): Promise<void> {
    if (isScopeTooLong(value)) throw new errors.InvalidScope('scope is too long');
  },
};
