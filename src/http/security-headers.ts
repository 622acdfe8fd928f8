import type { Middleware } from 'koa';

/**
 * The headers of every answer; a route that needs another value sets it itself (a page its Content-Security-Policy,
 * discovery and JWKS their Cache-Control).
 *
 * `Cross-Origin-Resource-Policy` binds embedders that ask without CORS (Fetch §3.7: an image, a script). Discovery, JWKS
 * and userinfo are fetched by applications with CORS, which it does not touch. What other origins do embed, a tenant's
 * logo, is sent with `cross-origin` by its route.
 */
const ALWAYS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Permissions-Policy':
    'accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)',
  'Cache-Control': 'no-store',
};

/** Two years; the host alone, since a tenant's other subdomains are not ours to decide on. */
const HSTS = 'max-age=63072000';

/** The headers as pairs, for answers that are written without Koa. */
export function securityHeaders(publicUrl: string): [string, string][] {
  const pairs = Object.entries(ALWAYS);
  return publicUrl.startsWith('https:') ? [...pairs, ['Strict-Transport-Security', HSTS]] : pairs;
}

/** Sets the security headers. Stands outside of `errorAnswers`, since Koa's own error answer takes all headers off. */
export function createSecurityHeaders(publicUrl: string): Middleware {
  const pairs = securityHeaders(publicUrl);
  return async (ctx, next) => {
    for (const [name, value] of pairs) ctx.res.setHeader(name, value);
    ctx.res.removeHeader('X-Powered-By');
    await next();
  };
}
