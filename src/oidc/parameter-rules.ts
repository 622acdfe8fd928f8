import { errors } from 'oidc-provider';

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
};
