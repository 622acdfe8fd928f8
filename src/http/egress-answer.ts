import type { IncomingMessage } from 'node:http';
import { LIMITS } from '../kernel/limits.ts';
import { EgressError } from './egress-url.ts';

/** What a caller wants of an answer; nothing widens the limits of the house. */
export type AnswerLimits = {
  /** Media types without parameters; another one is a failure. */
  contentTypes?: readonly string[];
  /** Bytes of the answer's body; at most `LIMITS.egressBodyBytes`. */
  bodyBytes?: number;
  /**
   * Only the head counts. The body is let in for a moment, so that an ordinary receiver can finish, and dropped: whatever
   * its type, its size or its speed, it is no failure.
   */
  headOnly?: boolean;
};

const BODILESS = new Set([204, 205, 304]);

/** The answer with its body, or what is wrong with it. @throws EgressError */
export async function readAnswer(message: IncomingMessage, init: AnswerLimits, signal: AbortSignal): Promise<Response> {
  try {
    assertHead(message, init);
    const status = message.statusCode!;
    const body = init.headOnly
      ? await dropped(message)
      : await bodyOf(message, Math.min(init.bodyBytes ?? Infinity, LIMITS.egressBodyBytes));
    const headers = new Headers();
    for (const [name, values] of Object.entries(message.headersDistinct))
      for (const value of values ?? []) headers.append(name, value);
    return new Response(BODILESS.has(status) ? null : new Uint8Array(body), { status, headers });
  } catch (error) {
    message.destroy();
    throw signal.aborted && !(error instanceof EgressError) ? new EgressError('timeout') : error;
  }
}

function assertHead(message: IncomingMessage, { contentTypes, headOnly }: AnswerLimits): void {
  const status = message.statusCode ?? 0;
  if (status < 200 || status > 599) throw new EgressError('network');
  if (message.rawHeaders.length > LIMITS.egressHeaders * 2) throw new EgressError('too_large');
  if (status >= 300 && status < 400) throw new EgressError('redirect');
  if (headOnly) return;
  const encoding = message.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') throw new EgressError('encoding');
  const type = (message.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (contentTypes && status < 300 && !contentTypes.includes(type)) throw new EgressError('content_type');
}

/** The whole body. It is read here, so that the time limit also ends an answer that drips. */
async function bodyOf(message: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(message.headers['content-length'] ?? 0) > limit) throw new EgressError('too_large');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new EgressError('too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reads on for a moment, a bounded part, and hangs up. */
async function dropped(message: IncomingMessage): Promise<Buffer> {
  const enough = setTimeout(() => message.destroy(), LIMITS.egressDropMs);
  await bodyOf(message, LIMITS.egressDropBytes).catch(() => {});
  clearTimeout(enough);
  message.destroy();
  return Buffer.alloc(0);
}
