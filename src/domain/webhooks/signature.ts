import { Failure } from '../../kernel/failure.ts';
import { hmac, randomToken } from '../../kernel/secret.ts';

const PREFIX = 'whsec_';
const BYTES = { least: 24, made: 32, most: 64 };

/** A new secret of 256 bits, as receivers are given it. */
export const newWebhookSecret = (): string =>
  PREFIX + Buffer.from(randomToken(BYTES.made), 'base64url').toString('base64');

/** A secret that somebody chose: `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks). @throws Failure `invalid_input` */
export function checkedWebhookSecret(secret: string): string {
  const text = secret.slice(PREFIX.length);
  const bytes = Buffer.from(text, 'base64');
  const good =
    secret.startsWith(PREFIX) &&
    bytes.toString('base64') === text &&
    bytes.length >= BYTES.least &&
    bytes.length <= BYTES.most;
  if (!good)
    throw new Failure('invalid_input', { field: 'secret', problem: 'must be whsec_ and 24 to 64 bytes in base64' });
  return secret;
}

export type SignedMessage = { id: string; at: Date; body: string };

/**
 * The headers by which a receiver knows who sent exactly these bytes, and when (Standard Webhooks, symmetric signatures).
 * Each secret signs: while a new one takes over, receivers with either accept.
 */
export function signedHeaders({ id, at, body }: SignedMessage, secrets: readonly string[]): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${hmac(key, `${id}.${timestamp}.${body}`).toString('base64')}`;
  });
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
