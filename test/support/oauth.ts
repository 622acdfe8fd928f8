import { createHash, randomBytes } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { aBrowser, type Visited } from './browser.ts';
import { CALLBACK, fetchAt, type Site, type TestNode, WEB_SECRET } from './node.ts';

type At = Pick<TestNode, 'port'>;
type Fields = Record<string, string> | string;

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export type Answer = { status: number; headers: Headers; text: string; body: any };

export const basic = (clientId: string, secret: string): Record<string, string> => ({
  authorization: `Basic ${btoa(`${clientId}:${secret}`)}`,
});
export const AS_WEB = basic('web', WEB_SECRET);
export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** One plain request to a URL, at one node; nothing is followed. */
export async function ask(
  node: At,
  method: string,
  url: string,
  { form, json, headers = {} }: { form?: Fields; json?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const body =
    form === undefined
      ? json === undefined
        ? undefined
        : typeof json === 'string'
          ? json
          : JSON.stringify(json)
      : typeof form === 'string'
        ? form
        : new URLSearchParams(form).toString();
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  const response = await fetchAt(node)(url, {
    method,
    headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': type }), ...headers },
    ...(body !== undefined && { body }),
    redirect: 'manual',
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('application/json');
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text ? JSON.parse(text) : undefined,
  };
}

/** A form sent to an endpoint below the issuer, as the client `web` unless told otherwise. */
export const post = (
  node: At,
  site: Pick<Site, 'issuer'>,
  path: string,
  form: Fields,
  headers: Record<string, string> = AS_WEB,
): Promise<Answer> => ask(node, 'POST', `${site.issuer}${path}`, { form, headers });

export const sha256url = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** A complete and valid authorization request of the client `web`, with changes; undefined takes a parameter out. */
export function authorizeUrl(
  site: Pick<Site, 'issuer'>,
  changes: Record<string, string | undefined> = {},
  verifier = 'v'.repeat(43),
): URL {
  const parameters: Record<string, string | undefined> = {
    client_id: 'web',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    state: 'state',
    code_challenge: sha256url(verifier),
    code_challenge_method: 'S256',
    ...changes,
  };
  const url = new URL(`${site.issuer}/oauth/authorize`);
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

export type Browser = ReturnType<typeof aBrowser>;
export type Code = {
  code: string;
  verifier: string;
  browser: Browser;
  redeem(changes?: Record<string, string | undefined>, headers?: Record<string, string>, at?: At): Promise<Answer>;
};

/** A fresh code, from a login of the site's user, that the client has not redeemed yet. */
export async function aCode(
  node: At,
  site: Site,
  changes: Record<string, string | undefined> = {},
  browser = aBrowser(node),
): Promise<Code> {
  const verifier = randomBytes(32).toString('base64url');
  const back = await browser.signIn(authorizeUrl(site, changes, verifier), site.email);
  const code = back.url.searchParams.get('code');
  if (!code) throw new Error(`no code: ${back.status} ${back.url} ${back.html.slice(0, 300)}`);
  return {
    code,
    verifier,
    browser,
    redeem: (overrides = {}, headers = AS_WEB, at = node) => {
      const form = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: changes['redirect_uri'] ?? CALLBACK,
        code_verifier: verifier,
        ...overrides,
      };
      return post(at, site, '/oauth/token', withoutUndefined(form), headers);
    },
  };
}

export const withoutUndefined = (fields: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined));

export type Tokens = {
  access_token: string;
  refresh_token: string;
  id_token: string;
  scope: string;
  token_type: string;
};

/** Tokens of a fresh login. */
export async function someTokens(
  node: At,
  site: Site,
  changes: Record<string, string | undefined> = {},
  headers = AS_WEB,
  extra: Record<string, string> = {},
): Promise<Tokens & { browser: Browser }> {
  const code = await aCode(node, site, changes);
  const answer = await code.redeem(extra, headers);
  if (answer.status !== 200) throw new Error(`no tokens: ${answer.status} ${answer.text}`);
  return { ...(answer.body as Tokens), browser: code.browser };
}

export const refresh = (
  node: At,
  site: Pick<Site, 'issuer'>,
  token: string,
  more: Record<string, string> = {},
  headers = AS_WEB,
): Promise<Answer> =>
  post(node, site, '/oauth/token', { grant_type: 'refresh_token', refresh_token: token, ...more }, headers);

export const introspect = (node: At, site: Pick<Site, 'issuer'>, token: string, headers = AS_WEB): Promise<Answer> =>
  post(node, site, '/oauth/introspect', { token }, headers);

/** A key pair of a client, and the set that its registration names. */
export async function aKeyPair(
  alg = 'ES256',
  kid = 'k',
): Promise<{ privateKey: CryptoKey; jwk: JWK; jwks: { keys: JWK[] } }> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  return { privateKey, jwk, jwks: { keys: [jwk] } };
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** A valid client assertion, with changes; undefined takes a claim out. */
export function anAssertion(
  key: CryptoKey,
  clientId: string,
  audience: string,
  claims: JWTPayload = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const now = nowSeconds();
  const payload = {
    iss: clientId,
    sub: clientId,
    aud: audience,
    iat: now,
    exp: now + 60,
    jti: randomBytes(12).toString('hex'),
    ...claims,
  };
  return new SignJWT(Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined)))
    .setProtectedHeader({ alg: 'ES256', kid: 'k', ...header })
    .sign(key);
}

/** A compact JWS of any content; `sign` gives the signature of its signing input, or none. */
export function forgeJws(header: object, payload: object | string, sign: (input: string) => string = () => ''): string {
  const encode = (part: object | string) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${sign(input)}`;
}

/** Waits until `condition` holds; fails after `ms`, saying what was waited for. */
export async function eventually(what: string, condition: () => Promise<boolean> | boolean, ms = 5_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const isLogin = (page: Visited): boolean => page.html.includes('name="identifier"');

/** A second administrator, so that the first may be suspended. */
export async function anotherAdmin({ house }: Pick<TestNode, 'house'>, { call, slug }: Site): Promise<void> {
  await house.services.users.create(call, { email: `bob@${slug}.test`, status: 'active', roles: ['TENANT_ADMIN'] });
}
