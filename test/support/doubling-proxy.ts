import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { newId } from '../../src/kernel/ids.ts';
import { type Send, sender } from './api.ts';

/** One in so many answers to a write is lost on its way. */
const LOST_EACH = 10;
const TRIES = 5;

type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer };
type Write = { method: string; path: string; headers: IncomingHttpHeaders; body: Buffer };

export type DoublingProxy = {
  port: number;
  /** What became of the writes so far: how many came, how many went on, how many answers were lost. */
  counted: { writes: number; sent: number; lost: number };
  /** Sends through the proxy as a client that knows its craft: a key with every write, and again with the same when no answer comes. */
  persistent(authorization: string): Send;
  stop(): Promise<void>;
};

/**
 * A proxy on this machine that sends every write twice, in turn one after the other and both at once, and loses one in ten
 * answers after the work was done.
 */
export async function startDoublingProxy(port: number): Promise<DoublingProxy> {
  const counted = { writes: 0, sent: 0, lost: 0 };
  const server = createServer(async (incoming, outgoing) => {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const write = { method, path, headers, body: await buffer(incoming) };
    if (method === 'GET') return answer(await forward(port, write));
    counted.writes += 1;
    const both = counted.writes % 2 === 0 ? await together(port, write) : await inTurn(port, write);
    counted.sent += both.length;
    if (counted.writes % LOST_EACH === 0) {
      counted.lost += 1;
      return incoming.socket.destroy();
    }
    // Of two at once either may be told that the other is at work; the client gets the one that is done.
    return answer(both.find(({ status }) => status < 300) ?? both[0]!);

    function answer({ status, headers: given, body }: Answer): void {
      outgoing.writeHead(status, given).end(body);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  return {
    port: own,
    counted,
    persistent: (authorization) => persistent(own, authorization),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const together = (port: number, write: Write) => Promise.all([forward(port, write), forward(port, write)]);

const inTurn = async (port: number, write: Write) => [await forward(port, write), await forward(port, write)];

function forward(port: number, { method, path, headers, body }: Write): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { 'transfer-encoding': _, connection: __, ...rest } = headers;
    const sent = {
      ...rest,
      host: `127.0.0.1:${port}`,
      ...(method !== 'GET' && { 'content-length': String(body.length) }),
    };
    request({ host: '127.0.0.1', port, method, path, headers: sent }, async (incoming) =>
      resolve({ status: incoming.statusCode!, headers: incoming.headers, body: await buffer(incoming) }),
    )
      .on('error', reject)
      .end(body);
  });
}

function persistent(port: number, authorization: string): Send {
  const send = sender(() => port);
  return async (method, path, given = {}) => {
    const key = method === 'GET' ? {} : { 'idempotency-key': newId() };
    const headers = { authorization, ...key, ...given.headers };
    for (let tries = 1; ; tries++) {
      try {
        return await send(method, path, { ...given, headers });
      } catch (error) {
        // The connection broke: nobody knows whether it was done.
        if (!(error instanceof TypeError) || tries === TRIES) throw error;
      }
    }
  };
}
