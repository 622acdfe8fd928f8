import { decodeJwt } from 'jose';
import { errors } from 'oidc-provider';
import type { OperatorCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import type { UserId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { randomToken, seal, sha256, unseal } from '../kernel/secret.ts';
import { callbackOf, type HousePages } from './house-clients.ts';
import { inProcess } from './in-process.ts';
import { type Issuer, mounted } from './issuers.ts';
import { inRequestScope } from './request-scope.ts';
import { ownApi } from './resources.ts';

/** To whom a page is shown: a person in a session of the core, and the grant under which the page knows of it. */
export type PageVisitor = { userId: UserId; sessionUid: string; grantId: string };

/** What is asked of a person who is signed in. */
export type WantedProof = {
  /** Seconds that the login may be old. */
  maxAge: number;
  /** Authentication context class. */
  acr?: string | undefined;
  /** Who they are: fills the login form in. */
  hint: string;
};

/** Where a sign-in leads: a path of the pages. `browser` is what only this browser has, in a cookie. */
export type PageSignIn = { returnTo: string; browser: string; proof?: WantedProof };

/**
 * How a sign-in ended: with a visitor, or with an error of the authorization endpoint (RFC 6749 §4.1.2.1). `proven`: it
 * was asked for a proof.
 */
export type PageArrival = { returnTo: string; proven: boolean } & ({ visitor: PageVisitor } | { refused: string });

/** What the browser carries to the authorization endpoint and back, sealed. */
type Journey = { returnTo: string; proven: boolean; nonce: string; verifier: string; until: number };

/** A journey opens only at the pages and the issuer where it began, in the browser in which it began. */
const place = ({ tenant, url }: Issuer, { clientId }: HousePages, browser: string) =>
  `${tenant.id}/page-sign-in/${url}/${clientId}/${sha256(browser).toString('base64url')}`;

/**
 * The address at which somebody signs in to pages of ours: the issuer's own authorization endpoint, with PKCE, as for any
 * other client. Nothing is kept here: the state carries what the way back needs, for an hour.
 */
export function beginPageSignIn(issuer: Issuer, pages: HousePages, { returnTo, browser, proof }: PageSignIn): URL {
  const [nonce, verifier] = [randomToken(), randomToken()];
  const until = Date.now() + LIMITS.pageSignInSeconds * 1000;
  const journey: Journey = { returnTo, proven: proof !== undefined, nonce, verifier, until };
  const state = seal(
    issuer.tenant.keyFor('seal'),
    place(issuer, pages, browser),
    Buffer.from(JSON.stringify(journey)),
  ).toString('base64url');
  const url = new URL(`${issuer.url}/oauth/authorize`);
  url.search = new URLSearchParams({
    client_id: pages.clientId,
    response_type: 'code',
    redirect_uri: callbackOf(pages, issuer.url),
    scope: 'openid',
    resource: ownApi(issuer.url),
    state,
    nonce,
    code_challenge: sha256(verifier).toString('base64url'),
    code_challenge_method: 'S256',
    ...(proof && { max_age: String(proof.maxAge), login_hint: proof.hint }),
    ...(proof?.acr && { acr_values: proof.acr }),
  }).toString();
  return url;
}

/**
 * Takes the answer of the authorization endpoint, and redeems its code inside of this process.
 *
 * @param query as it came; a parameter that came twice is none
 * @throws Failure `sign_in_expired` for a state that is too old or of another browser, another issuer's answer
 *   (RFC 9207), and a code that cannot be redeemed or was not made for this sign-in
 */
export async function endPageSignIn(
  call: OperatorCall,
  issuer: Issuer,
  pages: HousePages,
  { query, browser }: { query: Readonly<Record<string, unknown>>; browser: string | undefined },
): Promise<PageArrival> {
  const text = (name: string) => (typeof query[name] === 'string' ? query[name] : undefined);
  const journey = browser === undefined ? undefined : opened(issuer, pages, browser, text('state'));
  if (!journey || journey.until <= call.now.getTime() || text('iss') !== issuer.url)
    throw new Failure('sign_in_expired');
  const { returnTo, proven, nonce, verifier } = journey;
  const [error, code] = [text('error'), text('code')];
  if (error !== undefined) return { returnTo, proven, refused: error };
  const visitor = code === undefined ? undefined : await redeem(call, issuer, pages, { code, verifier, nonce });
  if (!visitor) throw new Failure('sign_in_expired');
  return { returnTo, proven, visitor };
}

function opened(issuer: Issuer, pages: HousePages, browser: string, state = ''): Journey | undefined {
  try {
    const sealed = Buffer.from(state, 'base64url');
    return JSON.parse(unseal(issuer.tenant.keyFor('seal'), place(issuer, pages, browser), sealed).toString());
  } catch {
    return undefined;
  }
}

type TokenResponse = { access_token: string; id_token: string };

/** The tokens come from the token endpoint itself, without a network between (OIDC Core §3.1.3.7, 6). */
async function redeem(
  call: OperatorCall,
  issuer: Issuer,
  pages: HousePages,
  { code, verifier, nonce }: { code: string; verifier: string; nonce: string },
): Promise<PageVisitor | undefined> {
  const form = {
    client_id: pages.clientId,
    grant_type: 'authorization_code',
    redirect_uri: callbackOf(pages, issuer.url),
    resource: ownApi(issuer.url),
    code,
    code_verifier: verifier,
  };
  const tokens = await askForTokens(call, issuer, form);
  const access = tokens && (await issuer.readJwt(tokens.access_token, ownApi(issuer.url)));
  if (!access || decodeJwt(tokens.id_token)['nonce'] !== nonce) return undefined;
  const { sub, ses, gid } = access as { sub: string; ses?: unknown; gid?: unknown };
  return typeof ses === 'string' && typeof gid === 'string'
    ? { userId: sub as UserId, sessionUid: ses, grantId: gid }
    : undefined;
}

async function askForTokens(
  { db }: OperatorCall,
  issuer: Issuer,
  form: Record<string, string>,
): Promise<TokenResponse | undefined> {
  try {
    const { status, body } = await inRequestScope(
      { db, tenantId: issuer.tenant.id, ip: '', userAgent: '' },
      () =>
        inProcess(issuer.provider, mounted(issuer.run, issuer.mount), { method: 'POST', path: '/oauth/token', form }),
      (answer) => answer.status < 500,
    );
    if (status >= 500) throw new Error('the core could not answer a token request of ours');
    return status === 200 ? (body as TokenResponse) : undefined;
  } catch (error) {
    if (error instanceof errors.OIDCProviderError) return undefined;
    throw error;
  }
}
