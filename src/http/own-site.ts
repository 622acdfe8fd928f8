import type { Context } from 'koa';
import { Failure } from '../kernel/failure.ts';

/**
 * Refuses a request that a page of another origin made a browser send, before a cookie of it is believed. Browsers say
 * where a request comes from in `Sec-Fetch-Site`, or, older ones, in `Origin` (Fetch §3.2, Fetch Metadata §2.3); a
 * request without both is not a browser's, and nobody else has the cookie. `SameSite` is the second lock.
 *
 * @throws Failure `forbidden`
 */
export function assertOwnSite({ req }: Context): void {
  const { 'sec-fetch-site': site, origin, host } = req.headers;
  if (site !== undefined) {
    if (site !== 'same-origin' && site !== 'none') throw new Failure('forbidden', { reason: 'cross-site' });
    return;
  }
  // The host allowlist has let this Host in; here it is only compared.
  if (origin !== undefined && URL.parse(origin)?.host !== host)
    throw new Failure('forbidden', { reason: 'cross-origin' });
}
