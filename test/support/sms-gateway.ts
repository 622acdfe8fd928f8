import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message as a gateway has received it. */
export type TakenSms = { method: string; path: string; headers: IncomingMessage['headers']; body: string };

export type StandInGateway = {
  url: string;
  taken: TakenSms[];
  /** How it answers from now on; `hang`: not at all. */
  answerWith(status: number | 'hang'): void;
  /** Resolves with the next message that was not given yet. */
  next(): Promise<TakenSms>;
  close(): Promise<void>;
};

/** An SMS gateway on this machine that keeps what it is given, and answers as a test says. */
export async function standInGateway(): Promise<StandInGateway> {
  const taken: TakenSms[] = [];
  let [given, status]: [number, number | 'hang'] = [0, 201];
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    taken.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    for (const look of waiting) look();
    if (status !== 'hang') response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    answerWith(next) {
      status = next;
    },
    next: () =>
      new Promise((resolve) => {
        const look = () => {
          const one = taken[given];
          if (!one) return;
          given += 1;
          waiting.delete(look);
          resolve(one);
        };
        waiting.add(look);
        look();
      }),
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
