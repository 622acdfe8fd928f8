import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { Context } from 'koa';
import { isUploading, uploadOf } from '../../src/http/upload.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { sha256 } from '../../src/kernel/secret.ts';
import { serving } from '../support/http.ts';

const types = ['application/x-ndjson', 'text/csv'];

type Take = (ctx: Context) => Promise<unknown>;

describe('a file that is sent', () => {
  let take: Take;
  let site: Awaited<ReturnType<typeof serving>>;
  before(async () => {
    site = await serving([
      async (ctx) => {
        try {
          ctx.body = { took: (await take(ctx)) ?? null };
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          ctx.body = { refused: error.code, ...error.details };
        }
      },
    ]);
  });
  after(() => site.stop());
  const send = async (body: NonNullable<RequestInit['body']> | undefined, headers: Record<string, string>) =>
    (
      await fetch(`http://127.0.0.1:${site.port}/`, { method: 'POST', headers, ...(body !== undefined && { body }) })
    ).json();

  it('comes as it is, with its digest', async () => {
    take = async (ctx) => {
      const { type, bytes, digest } = uploadOf(ctx, types);
      let size = 0;
      for await (const chunk of bytes) size += chunk.length;
      return { type, size, digest: digest(), isOver: !isUploading(ctx.socket) };
    };
    const body = 'x'.repeat(3_000_000);
    expect(await send(body, { 'content-type': 'text/csv; charset=utf-8' })).to.deep.equal({
      took: { type: 'text/csv', size: body.length, digest: sha256(body).toString('hex'), isOver: true },
    });
  });

  it('is of a known type, not compressed, and there', async () => {
    take = async (ctx) => text(uploadOf(ctx, types).bytes);
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'text/csv; charset=latin1' },
      { 'content-type': 'text/csv', 'content-encoding': 'gzip' },
    ] as Record<string, string>[])
      expect(await send('a', headers)).to.include({ refused: 'unsupported_media' });
    expect(await send(undefined, { 'content-type': 'text/csv' })).to.include({ refused: 'invalid_input' });
  });

  it('is refused in words when its taker has had enough, and the connection ends', async () => {
    take = async (ctx) => {
      for await (const chunk of uploadOf(ctx, types).bytes) if (chunk.length > 0) throw new Failure('too_large');
    };
    expect(await send('x'.repeat(500_000), { 'content-type': 'text/csv' })).to.include({ refused: 'too_large' });
  });

  for (const [limit, options] of [
    ['uploadIdleMs', { idleMs: 20 }],
    ['uploadMs', { mostMs: 20 }],
  ] as const)
    it(`ends where nothing comes for as long as ${limit} says`, async () => {
      take = async (ctx) => text(uploadOf(ctx, types, options).bytes);
      const socket = await connected(site.port);
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 100\r\n\r\nhalf');
      expect(await text(socket)).to.include('"refused":"invalid_input"');
    });
});

describe('a server', () => {
  it('lets a file take longer than a request may, and nothing else', async function () {
    this.timeout(20_000);
    const { port, http, stop } = await serving([
      async (ctx) => {
        ctx.body = await text(ctx.path === '/file' ? uploadOf(ctx, types).bytes : ctx.req);
      },
    ]);
    try {
      Object.assign(http.server, { headersTimeout: 50, requestTimeout: 50 });
      const [file, other] = [await connected(port), await connected(port)];
      for (const [socket, path] of [
        [file, '/file'],
        [other, '/other'],
      ] as const)
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 8\r\nConnection: close\r\n\r\nhalf`,
        );
      expect(await text(other)).to.include('408');
      file.write('full');
      expect(await text(file))
        .to.include('200 OK')
        .and.include('halffull');
    } finally {
      await stop();
    }
  });
});

const connected = (port: number): Promise<Socket> =>
  new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1', () => resolve(socket));
  });
