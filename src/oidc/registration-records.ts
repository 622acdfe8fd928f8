import type { Context, Middleware } from 'koa';
import type { Client, Provider } from 'oidc-provider';
import { readJson } from '../http/json-body.ts';
import { Failure } from '../kernel/failure.ts';
import { equalSecrets } from '../kernel/secret.ts';
import { OWN_METADATA } from './client-source.ts';

const RECORD = /^\/oauth\/register\/([^/]+)$/;

/**
 * What goes in and out of the registration endpoints (RFC 7591, 7592) differs from what the core keeps: it holds hashes
 * where it thinks it has secrets, and metadata of ours that is no business of the client's. A body must be JSON that two
 * readers understand alike.
 */
export function translateRecords(provider: Provider): Middleware {
  return async (ctx, next) => {
    const [, encodedId] = RECORD.exec(ctx.path) ?? [];
    if (encodedId === undefined && ctx.path !== '/oauth/register') return next();
    const client = encodedId === undefined ? undefined : await provider.Client.find(decode(encodedId));
    if (ctx.method === 'POST' || ctx.method === 'PUT') {
      if (!(await readRecord(ctx, client))) return;
    }
    await next();
    if (ctx.status < 300 && typeof ctx.body === 'object' && ctx.body !== null)
      ctx.body = publicRecord(ctx.body as Record<string, unknown>, client);
  };
}

const decode = (text: string) => (/%(?![\da-f]{2})/i.test(text) ? text : decodeURIComponent(text));

/** Reads the body for the core. Whether a client names its own secret (RFC 7592 §2.2) only the hashes can tell. */
async function readRecord(ctx: Context, client: Client | undefined): Promise<boolean> {
  try {
    const record = (await readJson(ctx)) as Record<string, unknown> | undefined;
    if (client && typeof record?.['client_secret'] === 'string') {
      const isIts = await client.compareClientSecret(record['client_secret']);
      record['client_secret'] = isIts ? client.clientSecret : '';
    }
    // The core wants objects that inherit from Object.
    (ctx.request as { body?: unknown }).body = record === undefined ? {} : JSON.parse(JSON.stringify(record));
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    ctx.status = { too_large: 413, unsupported_media: 415 }[error.code as string] ?? 400;
    ctx.set('cache-control', 'no-store');
    ctx.body = { error: 'invalid_request', error_description: 'the body must be one JSON object' };
    return false;
  }
}

/** A client's record as it may see it. A secret is in it only when it was made just now. */
function publicRecord(record: Record<string, unknown>, before: Client | undefined): Record<string, unknown> {
  const shown = { ...record };
  for (const name of OWN_METADATA) delete shown[name];
  if (before?.clientSecret !== undefined && equalSecrets(String(shown['client_secret']), before.clientSecret)) {
    delete shown['client_secret'];
    delete shown['client_secret_expires_at'];
  }
  return shown;
}
