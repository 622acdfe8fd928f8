import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { pool } from './database.ts';

/** One request as a receiver of webhooks gets it. */
export type Received = { path: string; headers: IncomingHttpHeaders; body: string };

export type Receiver = {
  url: string;
  port: number;
  /** All that has come so far. */
  received: Received[];
  /** Resolves when so many have come. */
  has(count: number): Promise<Received[]>;
  /** From now on, answers like this. */
  answer: (response: ServerResponse, request: Received) => void;
  close(): Promise<void>;
};

const open = new Set<Receiver>();

const taken = (response: ServerResponse): void => void response.writeHead(204).end();

/** A server on this machine that takes what comes, until it is told otherwise. */
export async function receiving({
  answer = taken,
  tls,
}: {
  answer?: Receiver['answer'];
  tls?: { key: string; cert: string };
} = {}): Promise<Receiver> {
  const waiting = new Set<() => void>();
  const listener: RequestListener = async (request, response) => {
    const got = { path: request.url ?? '', headers: request.headers, body: await text(request) };
    receiver.received.push(got);
    receiver.answer(response, got);
    for (const look of waiting) look();
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    port,
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/hook`,
    received: [],
    answer,
    has: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (receiver.received.length < count) return;
          waiting.delete(look);
          resolve(receiver.received);
        };
        waiting.add(look);
        look();
      }),
    async close() {
      open.delete(receiver);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  open.add(receiver);
  return receiver;
}

/** After a test: closes what it has left open. */
export async function closeReceivers(): Promise<void> {
  await Promise.all([...open].map((receiver) => receiver.close()));
}

/** What a message says to somebody with this secret, by the library that receivers use. Throws when it is not genuine. */
export function verified(secret: string, { headers, body }: Received): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}

/** Lets a tenant's waiting rows come now: what would be hours of back-off. */
export async function hurry(tenantId: string): Promise<void> {
  await pool()('outbox_lanes').where({ tenant_id: tenantId }).delete();
  await pool()('outbox')
    .where({ tenant_id: tenantId })
    .whereNull('delivered_at')
    .whereNull('dead_at')
    .whereNotNull('last_error')
    .update({ due_at: new Date(0) });
  await pool().raw(`select pg_notify('gatehouse', 'outbox:webhook')`);
}
