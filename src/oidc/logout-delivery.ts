import type { Client, Provider } from 'oidc-provider';
import type { Egress } from '../http/egress.ts';

/** A logout token that a relying party is owed, as the trigger of a session's row has written it. */
export type OwedLogout = {
  /** The token's `jti`: the same at each attempt, so that a repetition is known as one. */
  id: string;
  clientId: string;
  accountId: string;
  sid: string | null;
  /** The issuer at which the session was; null for one of before. */
  iss?: string | null;
  /** What the client was when the session ended. */
  client?: Record<string, unknown>;
};

// biome-ignore lint/suspicious/noExplicitAny: the models of the core are not typed; test/oidc/back-channel.test.ts reads the tokens
type Untyped = any;

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/**
 * Sends a logout token now (OIDC Back-Channel Logout 1.0 §2.5). Redirects are not followed. Throws when the relying party
 * does not take it.
 *
 * @returns why it cannot be sent, now or ever
 */
export async function sendLogout(
  provider: Provider,
  egress: Pick<Egress, 'fetch'>,
  owed: OwedLogout,
  signal: AbortSignal,
): Promise<string | undefined> {
  const client = (await provider.Client.find(owed.clientId)) ?? endedClient(provider, owed);
  if (!client?.backchannelLogoutUri) return 'the application has no address for logouts any more';
  const body = new URLSearchParams({ logout_token: await logoutToken(provider, client, owed) });
  const { status } = await egress.fetch(client.backchannelLogoutUri, { method: 'POST', body, signal });
  if (status !== 200 && status !== 204) throw new Error(`the application answered ${status}`);
  return undefined;
}

/** The token is made anew at each attempt, since it is good for two minutes; only its id stays. */
async function logoutToken(provider: Provider, client: Client, { id, accountId, sid }: OwedLogout): Promise<string> {
  const token = new (provider as Untyped).IdToken({ sub: accountId }, { client, ctx: undefined });
  token.mask = { sub: null };
  token.set('events', { [EVENT]: {} });
  token.set('jti', id);
  if (client.backchannelLogoutSessionRequired && sid !== null) token.set('sid', sid);
  return token.issue({ use: 'logout' });
}

/** A client that was disabled or removed in the meantime, or for whose end its sessions ended. */
function endedClient(provider: Provider, { clientId, client }: OwedLogout): Client | undefined {
  if (!client) return undefined;
  return new (provider as Untyped).Client({
    ...client,
    client_id: clientId,
    token_endpoint_auth_method: 'none',
    response_types: [],
    grant_types: [],
  });
}
