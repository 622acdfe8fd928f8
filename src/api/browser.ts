import type { Context } from 'koa';
import { type Cookie, cookieOf, setCookie } from '../http/cookies.ts';
import { readDeviceCookie, setDeviceCookie } from '../http/device-cookie.ts';
import { assertOwnSite } from '../http/own-site.ts';

/** What an operation may read from and leave in a browser. A caller that is none has an empty jar. */
export type Browser = {
  /** Whether cookies travel over https only: then their names may have the prefix `__Secure-`. */
  readonly isSecure: boolean;
  /** Scheme, host and port to which the request came: where a browser's passkeys belong. Only known hosts get this far. */
  origin(): string;
  /** A cookie that proves something. @throws Failure `forbidden` when a page of another origin made the browser send it */
  proof(name: string): string | undefined;
  set(cookie: Omit<Cookie, 'secure'>): void;
  /** The mark of a browser on which somebody signed in before. */
  device(): string | undefined;
  setDevice(value: string): void;
};

export function browserOf(ctx: Context, isSecure: boolean): Browser {
  return {
    isSecure,
    origin: () => new URL(`${isSecure ? 'https' : 'http'}://${ctx.req.headers.host ?? 'localhost'}`).origin,
    proof(name) {
      const value = cookieOf(ctx, name);
      if (value !== undefined) assertOwnSite(ctx);
      return value;
    },
    set: (cookie) => setCookie(ctx, { ...cookie, secure: isSecure }),
    device: () => readDeviceCookie(ctx),
    setDevice: (value) => setDeviceCookie(ctx, value, { path: '/', secure: isSecure }),
  };
}
