import type { Context } from 'koa';
import { Failure } from '../kernel/failure.ts';
import { valuesOf } from './header-values.ts';

/** How much more than its limit a body may be and still be read to its end, so that its sender sees the refusal. */
const PATIENCE = 16;

/** Whether a body was sent at all; an empty one is none (RFC 9112 §6). */
export function hasBody({ req }: Context): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

/**
 * Refuses a body that is not exactly of this media type: named once, in UTF-8, not compressed. A type that a browser
 * sends across origins without asking (`text/plain`, a form) is so never taken for JSON.
 *
 * @throws Failure `unsupported_media`
 */
export function assertMediaType({ req }: Context, type: string): void {
  // It must stand once; Node itself would take the first of several.
  const types = valuesOf(req, 'content-type');
  const [given = '', ...parameters] = (types.length === 1 ? types[0]! : '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const isKnown =
    given === type &&
    parameters.every((parameter) => /^charset=("?)utf-8\1$/.test(parameter)) &&
    parameters.length <= 1;
  const encoding = req.headers['content-encoding'];
  if (!isKnown || (encoding !== undefined && encoding.toLowerCase() !== 'identity'))
    throw new Failure('unsupported_media');
}

/**
 * Collects a body up to `limit` bytes, counted as they come, whatever Content-Length says. What is larger is thrown away
 * to its end, or the connection is closed after the answer.
 *
 * @throws Failure `too_large`; `invalid_input` when the sender went away
 */
export async function readBytes({ req, res }: Context, limit: number): Promise<Buffer> {
  const tooLarge = () => {
    res.shouldKeepAlive = false;
    return new Failure('too_large');
  };
  if (Number(req.headers['content-length'] ?? 0) > limit * PATIENCE) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else chunks.length = 0;
      if (size > limit * PATIENCE) reject(tooLarge());
    });
    req.once('end', () => (size > limit ? reject(tooLarge()) : resolve(Buffer.concat(chunks))));
    req.once('error', () => reject(new Failure('invalid_input', { problem: 'the body ended early' })));
    // It comes after every body; only where the end did not come before is it news.
    req.once('close', () => {
      if (!req.readableEnded) reject(new Failure('invalid_input', { problem: 'the body ended early' }));
    });
  });
}

/** The bytes as text. A byte order mark is a character like any other. @throws Failure `invalid_input` when it is not UTF-8 */
export function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure('invalid_input', { field: 'body', problem: 'is not UTF-8' });
  }
}
