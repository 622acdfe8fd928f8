import { connect, type Socket } from 'node:net';

export type Answer = { status: number; head: string; body: string };

/** One connection that is kept alive, with one request at a time on it. */
export type Connection = {
  send(
    method: 'GET' | 'POST',
    path: string,
    options?: { headers?: string; form?: string; json?: string },
  ): Promise<Answer>;
  close(): void;
};

/**
 * Opens a connection to a server on this machine. Node's own client costs as much as a quick answer of the server does,
 * and would measure itself; this one reads the status, the headers as text, and the body by its length.
 */
export async function openConnection(port: number): Promise<Connection> {
  const socket = await opened(port);
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  let received = '';

  const fail = (error: Error) => {
    waiting?.reject(error);
    waiting = undefined;
  };
  socket.setEncoding('latin1');
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('The server closed the connection.')));
  socket.on('data', (chunk: string) => {
    received += chunk;
    const answer = complete(received);
    if (!answer || !waiting) return;
    received = '';
    const { resolve } = waiting;
    waiting = undefined;
    resolve(answer);
  });

  return {
    send(method, path, { headers = '', form, json } = {}) {
      const body = form ?? json;
      const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
      const about = body === undefined ? '' : `content-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost:${port}\r\n${headers}${about}\r\n${body ?? ''}`);
      });
    },
    close: () => void socket.destroy(),
  };
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** The answer, once all of it is there. */
function complete(received: string): Answer | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = received.slice(0, end);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  const body = received.slice(end + 4);
  if (length !== undefined) return body.length >= Number(length) ? { status, head, body } : undefined;
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    return body.endsWith('0\r\n\r\n') ? { status, head, body: unchunked(body) } : undefined;
  }
  return { status, head, body };
}

function unchunked(body: string): string {
  let text = '';
  for (let at = 0; ; ) {
    const line = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.slice(at, line), 16);
    if (!size) return text;
    text += body.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}

/** The value of a header of an answer. */
export function headerOf({ head }: Answer, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r\n]*)`, 'i').exec(head)?.[1];
}
