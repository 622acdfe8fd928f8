import type { Context } from 'koa';

/** A cookie of ours: always HttpOnly, never for other hosts (no Domain). */
export type Cookie = {
  name: string;
  /** Characters that need no quoting; empty takes the cookie away. */
  value: string;
  path: string;
  sameSite: 'Strict' | 'Lax';
  /** Seconds; 0 takes the cookie away. Absent: it goes with the browser. */
  maxAge?: number;
  secure: boolean;
};

/**
 * A cookie of the request, as it came. Where two have the name, which a neighbouring host can bring about, none counts:
 * nobody knows whose is the first (RFC 6265 §8.6).
 */
export function cookieOf(ctx: Context, name: string): string | undefined {
  const values = (ctx.req.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return values.length === 1 ? values[0]!.slice(name.length + 1) : undefined;
}

/** Adds a Set-Cookie to the answer (RFC 6265bis §4.1). A value that would need quoting is a bug and throws. */
export function setCookie(ctx: Context, { name, value, path, sameSite, maxAge, secure }: Cookie): void {
  if (!/^[\w.~!*/+=-]*$/.test(value)) throw new TypeError(`the value of ${name} is no cookie value`);
  const age = maxAge === undefined ? [] : [`Max-Age=${maxAge}`];
  const parts = [`${name}=${value}`, `Path=${path}`, ...age, 'HttpOnly', `SameSite=${sameSite}`];
  ctx.append('Set-Cookie', [...parts, ...(secure ? ['Secure'] : [])].join('; '));
}
