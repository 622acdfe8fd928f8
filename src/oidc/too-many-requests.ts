import { errors } from 'oidc-provider';

/** A caller is over one of our limits: 429, and when to come again (RFC 6585 §4). What the request wrote is not kept. */
export class TooManyRequests extends errors.OIDCProviderError {
  /** Seconds. */
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super(429, 'rate_limited');
    this.error_description = 'too many requests, please wait';
    this.retryAfter = retryAfter;
  }
}
