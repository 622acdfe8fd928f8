import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import * as client from 'openid-client';

/**
 * A small application that signs people in with Gatehouse: what any application does, in one file, without JavaScript in
 * the browser. It speaks to the issuer by openid-client, as a stranger would.
 */
export type RelyingPartyOptions = {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Where browsers reach this application: `http://localhost:3001`. */
  origin: string;
};

type Visitor = {
  pending?: { verifier: string; state: string; nonce: string };
  claims?: Record<string, unknown>;
  tokens?: Tokens;
};
type Tokens = { idToken: string; refreshToken?: string | undefined; accessToken: string; renewed: number };

/** Seconds a visitor is remembered, and how many at most: this is a demonstration. */
const VISITORS = 1_000;

export function createRelyingParty(options: RelyingPartyOptions): Server {
  const visitors = new Map<string, Visitor>();
  let discovered: Promise<client.Configuration> | undefined;
  const configuration = () => {
    discovered ??= client
      .discovery(new URL(options.issuer), options.clientId, options.clientSecret, undefined, {
        ...(options.issuer.startsWith('http:') && { execute: [client.allowInsecureRequests] }),
      })
      .catch((error) => {
        discovered = undefined;
        throw error;
      });
    return discovered;
  };

  const routes: Record<string, (visit: Visit) => Promise<void>> = {
    'GET /': home,
    'POST /sign-in': (visit) => signIn(visit, configuration, options),
    'GET /callback': (visit) => callback(visit, configuration, options),
    'POST /refresh': (visit) => refresh(visit, configuration),
    'POST /sign-out': (visit) => signOut(visit, configuration, options),
  };
  return createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', options.origin);
    const visit: Visit = { request, response, url, visitor: visitorOf(request, response, visitors) };
    const route = routes[`${request.method} ${url.pathname}`];
    try {
      if (route) await route(visit);
      else page(response, 404, '<h1>Not here</h1><p><a href="/">Back</a></p>');
    } catch (error) {
      page(
        response,
        502,
        `<h1>That did not work</h1><p>${escapeHtml((error as Error).message)}</p><p><a href="/">Back</a></p>`,
      );
    }
  });
}

type Visit = { request: IncomingMessage; response: ServerResponse; url: URL; visitor: Visitor };
type Configuration = () => Promise<client.Configuration>;

async function home({ response, visitor }: Visit): Promise<void> {
  if (!visitor.claims || !visitor.tokens) {
    page(
      response,
      200,
      `<h1>Demo application</h1><p>An application like yours. It knows nobody yet.</p>
       <form method="post" action="/sign-in"><button>Sign in with Gatehouse</button></form>`,
    );
    return;
  }
  const rows = Object.entries(visitor.claims).map(
    ([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`,
  );
  page(
    response,
    200,
    `<h1>Hello, ${escapeHtml(String(visitor.claims['name'] ?? visitor.claims['email'] ?? visitor.claims['sub']))}</h1>
     <p>You are signed in. This is what the issuer says of you:</p><table>${rows.join('')}</table>
     <p>The tokens were renewed ${visitor.tokens.renewed} times.</p>
     <form method="post" action="/refresh"><button>Renew the tokens</button></form>
     <form method="post" action="/sign-out"><button>Sign out</button></form>`,
  );
}

async function signIn(
  { response, visitor }: Visit,
  configuration: Configuration,
  { origin }: RelyingPartyOptions,
): Promise<void> {
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  visitor.pending = { verifier, state, nonce };
  const to = client.buildAuthorizationUrl(await configuration(), {
    redirect_uri: `${origin}/callback`,
    scope: 'openid profile email',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  redirect(response, to.href);
}

async function callback(
  { response, url, visitor }: Visit,
  configuration: Configuration,
  _: RelyingPartyOptions,
): Promise<void> {
  const { pending } = visitor;
  delete visitor.pending;
  if (!pending) return redirect(response, '/');
  if (url.searchParams.has('error')) {
    page(
      response,
      200,
      `<h1>Not signed in</h1><p>${escapeHtml(url.searchParams.get('error_description') ?? '')}</p><p><a href="/">Back</a></p>`,
    );
    return;
  }
  const config = await configuration();
  const tokens = await client.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: pending.verifier,
    expectedState: pending.state,
    expectedNonce: pending.nonce,
    idTokenExpected: true,
  });
  const sub = tokens.claims()?.sub as string;
  visitor.claims = { ...(await client.fetchUserInfo(config, tokens.access_token, sub)) };
  visitor.tokens = {
    idToken: tokens.id_token as string,
    refreshToken: tokens.refresh_token,
    accessToken: tokens.access_token,
    renewed: 0,
  };
  redirect(response, '/');
}

async function refresh({ response, visitor }: Visit, configuration: Configuration): Promise<void> {
  if (visitor.tokens?.refreshToken) {
    const tokens = await client.refreshTokenGrant(await configuration(), visitor.tokens.refreshToken);
    const { renewed, refreshToken, idToken } = visitor.tokens;
    visitor.tokens = {
      idToken: tokens.id_token ?? idToken,
      refreshToken: tokens.refresh_token ?? refreshToken,
      accessToken: tokens.access_token,
      renewed: renewed + 1,
    };
  }
  redirect(response, '/');
}

async function signOut(
  { response, visitor }: Visit,
  configuration: Configuration,
  { origin }: RelyingPartyOptions,
): Promise<void> {
  const idToken = visitor.tokens?.idToken;
  delete visitor.claims;
  delete visitor.tokens;
  if (!idToken) return redirect(response, '/');
  const to = client.buildEndSessionUrl(await configuration(), {
    id_token_hint: idToken,
    post_logout_redirect_uri: `${origin}/`,
  });
  redirect(response, to.href);
}

/** The visitor by cookie. A new one gets a cookie; the oldest is forgotten when there are too many. */
function visitorOf(request: IncomingMessage, response: ServerResponse, visitors: Map<string, Visitor>): Visitor {
  const id = /(?:^|; )demo=([\w-]{22})/.exec(request.headers.cookie ?? '')?.[1];
  const known = id && visitors.get(id);
  if (known) return known;
  const fresh = randomBytes(16).toString('base64url');
  const visitor: Visitor = {};
  visitors.set(fresh, visitor);
  if (visitors.size > VISITORS) visitors.delete(visitors.keys().next().value as string);
  response.setHeader('set-cookie', `demo=${fresh}; HttpOnly; SameSite=Lax; Path=/`);
  return visitor;
}

function redirect(response: ServerResponse, to: string): void {
  response.writeHead(303, { location: to }).end();
}

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function page(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Demo application</title><style>body{font:1rem/1.5 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#1d2433;background:#fff}
button{font:inherit;padding:.6rem 1.1rem;border:0;border-radius:.5rem;background:#1d4ed8;color:#fff;cursor:pointer;margin:.25rem 0}
table{border-collapse:collapse;width:100%}th,td{text-align:start;padding:.35rem .5rem;border-bottom:1px solid #d8dee9;overflow-wrap:anywhere;vertical-align:top}
@media (prefers-color-scheme:dark){body{background:#10141d;color:#e6eaf2}th,td{border-color:#2b3344}}</style>
<main>${body}</main></html>`);
}
