import { z } from 'zod';
import type { TokenSet } from '../../domain/sign-in/tokens.ts';
import type { Browser } from '../browser.ts';
import { tenantIds, userIds } from './ids.ts';
import { exampleUser } from './user-body.ts';

/** What every way of signing in answers. Times in seconds from now. */
export const tokenBody = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  accessExpiresIn: z.int(),
  refreshExpiresIn: z.int(),
  user: z.object({ id: userIds.text, tenantId: tenantIds.text, email: z.string() }),
});

export const exampleTokens: z.input<typeof tokenBody> = {
  accessToken: 'eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9…',
  refreshToken: 'rt_…',
  accessExpiresIn: 900,
  refreshExpiresIn: 28_800,
  user: { id: exampleUser.id, tenantId: exampleUser.tenantId, email: exampleUser.email },
};

/** Leaves the refresh token in the browser too, and says whose tokens they are. */
export function presentTokens(tokens: TokenSet, browser: Browser): z.input<typeof tokenBody> {
  const { accessToken, refreshToken, accessExpiresIn, refreshExpiresIn, tenantId, userId, email } = tokens;
  keepRefreshToken(browser, refreshToken, refreshExpiresIn);
  return {
    accessToken,
    refreshToken,
    accessExpiresIn,
    refreshExpiresIn,
    user: { id: userIds.encode(userId), tenantId: tenantIds.encode(tenantId), email },
  };
}

/** `__Secure-`: no neighbouring host without TLS can set it. `__Host-` would ask for the path `/`, far beyond its use. */
const cookieName = ({ isSecure }: Browser) => (isSecure ? '__Secure-gh_refresh' : 'gh_refresh');

function keepRefreshToken(browser: Browser, value: string, maxAge: number): void {
  browser.set({ name: cookieName(browser), value, maxAge, path: '/api/v1/auth', sameSite: 'Strict' });
}

/** The refresh token that was left in the browser. @throws Failure `forbidden` when another site made the browser send it */
export const keptRefreshToken = (browser: Browser): string | undefined => browser.proof(cookieName(browser));

export const dropRefreshToken = (browser: Browser): void => keepRefreshToken(browser, '', 0);
