import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

/** A TCP port on this machine that counts who connects, and does with each connection what `speak` says. */
export type Listener = { port: number; connections(): number; close(): Promise<void> };

export async function listening(speak: (socket: Socket) => void = () => {}, host = '127.0.0.1'): Promise<Listener> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    speak(socket);
  }).listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Speaks HTTP once: waits for a request's head, then writes `answer` as it stands. */
export function answering(answer: string | ((socket: Socket, head: string) => void)): (socket: Socket) => void {
  return (socket) => {
    let head = '';
    socket.on('data', (chunk) => {
      if (head.includes('\r\n\r\n')) return;
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      if (typeof answer === 'string') socket.end(answer);
      else answer(socket, head);
    });
  };
}
