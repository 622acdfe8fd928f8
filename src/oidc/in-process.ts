import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type Koa from 'koa';
import type { Provider } from 'oidc-provider';

export type InProcessRequest = {
  method: 'GET' | 'POST';
  path: string;
  form?: Record<string, string>;
  state?: Record<string, unknown>;
};

/**
 * Sends a request to the core without a network: the way in which our own code uses its endpoints. The request comes
 * from nobody: it has no headers and no address, and what it vouches for stands in `state`.
 */
export async function inProcess(
  provider: Provider,
  run: Koa.Middleware,
  { method, path, form, state }: InProcessRequest,
): Promise<{ status: number; body: unknown }> {
  const request = new IncomingMessage(new Socket());
  // There is no body to wait for: what would have been in it stands in `form`. (To destroy it would make an error.)
  request.readable = false;
  request.method = method;
  request.url = path;
  request.headers = {
    host: new URL(provider.issuer).host,
    accept: 'application/json',
    ...(form && { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '1' }),
  };
  const ctx = provider.createContext(request, new ServerResponse(request)) as unknown as Koa.Context;
  Object.assign(ctx.state, state);
  if (form) (ctx.request as { body?: unknown }).body = form;
  await run(ctx, async () => {});
  return { status: ctx.status, body: ctx.body };
}
