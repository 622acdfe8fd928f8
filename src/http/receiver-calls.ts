import { LIMITS } from '../kernel/limits.ts';
import { createEgress, type EgressDeps } from './egress.ts';
import { EgressError } from './egress-url.ts';

/** A call of a receiver failed; `reason` may be shown to a tenant's administrator. */
export class ReceiverError extends Error {
  readonly reason: string;

  constructor(reason: string, cause: unknown) {
    super(`The receiver was not reached (${reason}).`, { cause });
    this.name = 'ReceiverError';
    this.reason = reason;
  }
}

/**
 * Calls receivers of webhooks: by the one way out, with the time that Standard Webhooks gives them. Of an answer only the
 * head counts; a redirect is not followed, and is a failure.
 */
export function createReceiverCalls(deps: EgressDeps) {
  const egress = createEgress({ timeoutMs: LIMITS.webhookTimeoutMs, ...deps });
  return async (request: { url: string; headers: Record<string, string>; body: string; signal: AbortSignal }) => {
    const { url, ...init } = request;
    try {
      const { status, headers } = await egress.fetch(url, { method: 'POST', headOnly: true, ...init });
      return { status, retryAfter: headers.get('retry-after') };
    } catch (error) {
      throw new ReceiverError(reasonOf(error), error);
    }
  };
}

/** A certificate that is not believed is told apart: it is what administrators most often have to set right. */
function reasonOf(error: unknown): string {
  if (!(error instanceof EgressError)) return 'network';
  const { code } = (error.cause ?? {}) as { code?: string };
  return error.reason === 'network' && /CERT|TLS|SSL|EPROTO|UNABLE_TO_VERIFY/.test(String(code)) ? 'tls' : error.reason;
}
