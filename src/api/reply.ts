import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { Answer, Operation } from './operation.ts';
import { entityTag } from './precondition.ts';

/** An answer as it goes over the wire. */
export type Reply = {
  status: number;
  headers: Readonly<Record<string, string | string[]>>;
  /** JSON; null for a status without a body. */
  body: string | null;
};

/**
 * What a handler's answer looks like outside. It is parsed by its schema always, not in tests alone: what the schema does
 * not name never leaves, whatever a service returns.
 */
export function replyOf(
  { answers, versioned }: Operation,
  { status, body, more: { version, location } }: Answer,
): Reply {
  if (versioned && version === undefined && status < 300 && status !== 204)
    throw new Error('a versioned operation answered without the version');
  const schema = answers[status];
  return {
    status,
    headers: {
      ...(version !== undefined && { ETag: entityTag(version) }),
      ...(location !== undefined && { Location: location }),
    },
    body: schema ? JSON.stringify(schema.parse(body)) : null,
  };
}

/** Sends a reply, after what the browser was told in the meantime. */
export function sendReply(ctx: Context, { status, headers, body }: Reply): void {
  ctx.set({ ...headers, ...(body !== null && { 'Content-Type': 'application/json; charset=utf-8' }) });
  ctx.body = body;
  ctx.status = status; // after the body: Koa turns a null body into 204
}

/** Sends rows while they are read: never more than a few of them are held. */
export function sendStream(
  ctx: Context,
  { streams = [] }: Operation,
  { type, rows, filename }: NonNullable<Answer['stream']>,
): void {
  if (!streams.includes(type)) throw new Error(`the operation does not declare that it streams ${type}`);
  ctx.set('Content-Type', `${type}; charset=utf-8`);
  if (filename !== undefined) ctx.set('Content-Disposition', `attachment; filename="${filename}"`);
  ctx.status = 200;
  ctx.body = Readable.from(rows);
}
