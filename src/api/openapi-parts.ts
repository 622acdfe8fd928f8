import { LIMITS } from '../kernel/limits.ts';

export const text = { type: 'string' };

/** Headers of answers that operations share, by their names below `components/headers`. */
export const HEADERS = {
  requestId: { description: 'The id of the request, as it stands in our log.', schema: text },
  retryAfter: { description: 'Seconds until it may be tried again.', schema: { type: 'integer' } },
  rate: { description: 'Where the caller stands: requests left (r), seconds until then (t).', schema: text },
  ratePolicy: { description: 'The limits that were counted: requests (q) in seconds (w).', schema: text },
  etag: { description: 'The version of what is shown; for `If-Match`.', schema: text },
  replayed: {
    description: 'Stands where the answer is that of an earlier request with the same key.',
    schema: { const: 'true' },
  },
};

/** Headers of requests that operations share, by their names below `components/parameters`. */
export const PARAMETERS = {
  requestId: {
    in: 'header',
    name: 'X-Request-Id',
    description: 'An id for the request; without one, it is given one.',
    schema: { type: 'string', pattern: `^[A-Za-z0-9._-]{1,${LIMITS.requestIdChars}}$` },
  },
  idempotencyKey: keyParameter(false),
  idempotencyKeyRequired: keyParameter(true),
  ifMatch: {
    in: 'header',
    name: 'If-Match',
    description: 'The ETag that was read: the change is refused when somebody else has made one since.',
    schema: text,
  },
};

function keyParameter(required: boolean): object {
  return {
    in: 'header',
    name: 'Idempotency-Key',
    required,
    description: 'The same request with the same key has one effect and one answer, for a day.',
    schema: { type: 'string', pattern: `^[ -~]{1,${LIMITS.idempotencyKeyChars}}$` },
    example: '5f0c9a52-6d1e-4c55-9f8e-2f6a0a5c1b7d',
  };
}
