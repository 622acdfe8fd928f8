import type { Context } from 'koa';

const NAME = 'gh_device';
const YEAR = 365 * 86_400_000;

/** What this browser shows for having signed in before; sign-in judges it. It is no session and opens nothing. */
export function readDeviceCookie(ctx: Context): string | undefined {
  return ctx.cookies.get(NAME, { signed: false });
}

/** Gives the browser its new proof. The value is signed by sign-in itself, so the jar need not sign it. */
export function setDeviceCookie(
  ctx: Context,
  value: string,
  { path, secure }: { path: string; secure: boolean },
): void {
  ctx.cookies.secure = secure;
  ctx.cookies.set(NAME, value, {
    httpOnly: true,
    sameSite: 'lax',
    path,
    maxAge: YEAR,
    secure,
    signed: false,
    overwrite: true,
  });
}
