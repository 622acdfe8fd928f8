import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Context } from 'koa';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { assertMediaType, hasBody } from './request-body.ts';

/** How much of what nobody wants is still read, so that its sender sees the refusal. */
const PATIENCE_BYTES = 1024 * 1024;

const sending = new WeakSet<Socket>();

/** Whether a connection is sending a file: it may take longer than a request otherwise does, as long as something comes. */
export const isUploading = (socket: Socket): boolean => sending.has(socket);

export type Upload = {
  type: string;
  /** The body as it comes, once. @throws Failure `invalid_input` when it stops coming */
  bytes: AsyncIterable<Buffer>;
  /** SHA-256 of what came, when all of it did. */
  digest(): string;
};

/**
 * The body of a request as a file, which is not held: it comes as fast as it is taken. Half a minute without a byte ends
 * it, and so does an hour.
 *
 * @throws Failure `unsupported_media` for another type than these; `invalid_input` without a body
 */
export function uploadOf(
  ctx: Context,
  types: readonly string[],
  { idleMs = LIMITS.uploadIdleMs, mostMs = LIMITS.uploadMs }: { idleMs?: number; mostMs?: number } = {},
): Upload {
  const type = types.find((one) => one === ctx.get('content-type').split(';')[0]!.trim().toLowerCase());
  if (hasBody(ctx)) assertMediaType(ctx, type ?? types[0]!);
  else throw new Failure('invalid_input', { field: 'body', problem: 'must be a file' });
  const hash = createHash('sha256');
  return {
    type: type!,
    bytes: bytesOf(ctx, { idleMs, mostMs }, (chunk) => hash.update(chunk)),
    digest: () => hash.digest('hex'),
  };
}

async function* bytesOf(
  { req, res, socket }: Context,
  { idleMs, mostMs }: { idleMs: number; mostMs: number },
  onChunk: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  const chunks = req.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  const deadline = performance.now() + mostMs;
  let isWhole = false;
  sending.add(socket);
  try {
    for (;;) {
      const next = await within(chunks.next(), Math.min(idleMs, deadline - performance.now()));
      if (next.done) break;
      onChunk(next.value);
      yield next.value;
    }
    isWhole = true;
  } finally {
    sending.delete(socket);
    if (!isWhole) {
      res.shouldKeepAlive = false;
      await leave(chunks, idleMs);
    }
  }
}

/** Reads a little further, for a sender that reads only when it has written. */
async function leave(chunks: AsyncIterator<Buffer>, idleMs: number): Promise<void> {
  try {
    for (let left = PATIENCE_BYTES; left > 0; ) {
      const next = await within(chunks.next(), Math.min(idleMs, 1_000));
      if (next.done) return;
      left -= next.value.length;
    }
  } catch {
    // it is gone
  }
}

const ended = () => new Failure('invalid_input', { field: 'body', problem: 'ended early' });

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(ended()), Math.max(0, ms));
  try {
    return await Promise.race([
      work.catch(() => {
        throw ended();
      }),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
