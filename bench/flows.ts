import { createHash } from 'node:crypto';
import { type Browser, createBrowser } from './browser.ts';
import { type Answer, type Connection, headerOf } from './http-connection.ts';
import type { Flow } from './load.ts';
import { CALLBACK, JWT_API, OPAQUE_API, ROBOT, slugOf, USER, WEB } from './site.ts';

const basic = ({ id, secret }: { id: string; secret: string }) =>
  `authorization: Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}\r\n`;
const AS_ROBOT = { headers: basic(ROBOT) };
const AS_WEB = { headers: basic(WEB) };
const VERIFIER = 'a-code-verifier-that-is-forty-three-characters-long';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

const forJwt = new URLSearchParams({ grant_type: 'client_credentials', resource: JWT_API, scope: 'read' }).toString();
const forOpaque = new URLSearchParams({
  grant_type: 'client_credentials',
  resource: OPAQUE_API,
  scope: 'read',
}).toString();

function good(answer: Answer, status = 200): Answer {
  if (answer.status !== status)
    throw new Error(`${answer.status} instead of ${status}: ${answer.head}\n${answer.body.slice(0, 500)}`);
  return answer;
}

type TokenAnswer = { access_token: string; refresh_token: string; id_token: string };
const tokensOf = (answer: Answer) => JSON.parse(good(answer).body) as TokenAnswer;

/** The flows of one issuer that both servers have. @param mount empty, or `/t/{slug}` */
export function issuerFlows(mount: string): Flow<unknown>[] {
  const at = {
    token: `${mount}/oauth/token`,
    introspect: `${mount}/oauth/introspect`,
    authorize: (extra: Record<string, string>) =>
      `${mount}/oauth/authorize?${new URLSearchParams({
        client_id: WEB.id,
        response_type: 'code',
        scope: 'openid',
        redirect_uri: CALLBACK,
        code_challenge: CHALLENGE,
        code_challenge_method: 'S256',
        state: 'state-of-the-client',
        ...extra,
      })}`,
  };

  const redeem = async (connection: Connection, back: URL): Promise<TokenAnswer> => {
    const code = back.searchParams.get('code');
    if (!code) throw new Error(`no code: ${back}`);
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    });
    return tokensOf(await connection.send('POST', at.token, { ...AS_WEB, form: form.toString() }));
  };

  const signIn = async (
    connection: Connection,
    extra: Record<string, string>,
  ): Promise<TokenAnswer & { browser: Browser }> => {
    const browser = createBrowser(connection);
    return { ...(await redeem(connection, await browser.throughTo(at.authorize(extra)))), browser };
  };

  const codeFlow = (name: string, extra: Record<string, string>): Flow<unknown> =>
    flow({
      name,
      // The browser keeps its cookies; the connection may be another one later.
      prepare: async (connection) => (await signIn(connection, extra)).browser.cookieHeader(),
      async step(connection, cookies: string) {
        const answer = good(
          await connection.send('GET', at.authorize(extra), { headers: `accept: text/html\r\n${cookies}` }),
          303,
        );
        await redeem(connection, new URL(headerOf(answer, 'location')!));
      },
    });

  const refresh = (name: string, extra: Record<string, string>): Flow<unknown> =>
    flow({
      name,
      prepare: async (connection) => ({ token: (await signIn(connection, extra)).refresh_token }),
      async step(connection, state: { token: string }) {
        const form = `grant_type=refresh_token&refresh_token=${state.token}`;
        state.token = tokensOf(await connection.send('POST', at.token, { ...AS_WEB, form })).refresh_token;
      },
    });

  return [
    flow({
      name: 'client_credentials, JWT',
      prepare: async () => {},
      step: async (connection) => void good(await connection.send('POST', at.token, { ...AS_ROBOT, form: forJwt })),
    }),
    flow({
      name: 'client_credentials, opaque',
      prepare: async () => {},
      step: async (connection) => void good(await connection.send('POST', at.token, { ...AS_ROBOT, form: forOpaque })),
    }),
    flow({
      name: 'introspection, opaque',
      prepare: async (connection) =>
        (await signIn(connection, { resource: OPAQUE_API, scope: 'openid read' })).access_token,
      async step(connection, token: string) {
        const { body } = good(await connection.send('POST', at.introspect, { ...AS_WEB, form: `token=${token}` }));
        if (!body.includes('"active":true')) throw new Error(body);
      },
    }),
    refresh('refresh, opaque access token', {}),
    refresh('refresh, JWT access token', { resource: JWT_API, scope: 'openid read' }),
    codeFlow('code flow, opaque access token', {}),
    codeFlow('code flow, JWT access token', { resource: JWT_API, scope: 'openid read' }),
    documentFlow('discovery', `${mount}/.well-known/openid-configuration`),
    documentFlow('JWKS', `${mount}/.well-known/jwks.json`),
  ];
}

/** Only the types of its own state concern a flow. */
const flow = <State>(one: Flow<State>) => one as Flow<unknown>;

const documentFlow = (name: string, path: string): Flow<unknown> =>
  flow({ name, prepare: async () => {}, step: async (connection) => void good(await connection.send('GET', path)) });

/** Sign-in with a password through the API of v1: one hash, a session and a pair of tokens. */
export const loginFlow: Flow<unknown> = flow({
  name: 'password login',
  prepare: async () => JSON.stringify(USER),
  step: async (connection, json: string) => void good(await connection.send('POST', '/api/v1/auth/login', { json })),
});

/**
 * What machines of many tenants ask, each request of a tenant picked at random.
 *
 * @param busy how many of the tenants are asked for at all, spread over all of them
 */
export function mixFlow(tenants: number, busy = tenants): Flow<unknown> {
  const apart = Math.floor(tenants / busy);
  return flow({
    name: `mix over ${busy} of ${tenants} tenants`,
    prepare: async () => {},
    async step(connection) {
      const mount = `/t/${slugOf(Math.floor(Math.random() * busy) * apart)}`;
      const kind = Math.random();
      if (kind < 0.2) good(await connection.send('GET', `${mount}/.well-known/openid-configuration`));
      else if (kind < 0.4) good(await connection.send('GET', `${mount}/.well-known/jwks.json`));
      else if (kind < 0.7) good(await connection.send('POST', `${mount}/oauth/token`, { ...AS_ROBOT, form: forJwt }));
      else {
        const token = tokensOf(
          await connection.send('POST', `${mount}/oauth/token`, { ...AS_ROBOT, form: forOpaque }),
        ).access_token;
        good(await connection.send('POST', `${mount}/oauth/introspect`, { ...AS_ROBOT, form: `token=${token}` }));
      }
    },
  });
}

/** A token for a machine, from whatever tenant: what a first request to one is measured by. */
export async function firstToken(connection: Connection, mount: string): Promise<void> {
  good(await connection.send('POST', `${mount}/oauth/token`, { ...AS_ROBOT, form: forJwt }));
}
