import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { fetchAt } from './node.ts';

/** The back channel of an application: takes logout tokens, and answers what it is told to. */
export type RelyingParty = {
  uri: string;
  /** The logout tokens that came, whatever was answered. */
  tokens: string[];
  /** Status of the next answers; `hang` never answers. */
  answers: (status: number | 'hang') => void;
  close(): Promise<void>;
};

export async function aRelyingParty(): Promise<RelyingParty> {
  let answer: number | 'hang' = 200;
  const tokens: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      tokens.push(new URLSearchParams(body).get('logout_token') ?? '');
      if (answer !== 'hang') response.writeHead(answer).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`,
    tokens,
    answers: (status) => {
      answer = status;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Reads a logout token as an application does (OIDC Back-Channel Logout 1.0 §2.6), with the keys that the issuer publishes. */
export async function readLogoutToken(
  node: { port: number },
  token: string,
  { issuer, clientId, keysAt = issuer }: { issuer: string; clientId: string; keysAt?: string },
): Promise<JWTPayload> {
  const keys = (await (await fetchAt(node)(`${keysAt}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
    issuer,
    audience: clientId,
    typ: 'logout+jwt',
    requiredClaims: ['iat', 'exp', 'jti', 'events'],
  });
  return payload;
}
