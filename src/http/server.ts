import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { LIMITS } from '../kernel/limits.ts';
import type { Log } from '../kernel/log.ts';
import { securityHeaders } from './security-headers.ts';
import { isUploading } from './upload.ts';

export type HttpServer = {
  /** Resolves when connections are accepted; gives the port, which `0` leaves open. */
  listen(port: number, host: string): Promise<number>;
  /**
   * Ends in good order: accepts no more, closes idle connections, answers what is under way with `Connection: close`,
   * and cuts what is not done after `LIMITS.drainMs`. A second call waits for the first.
   *
   * @returns how many answers were cut
   */
  drain(waitMs?: number): Promise<number>;
  isDraining(): boolean;
  /** For what Koa does not offer; the limits are set here. */
  server: Server;
};

/** The house's own HTTP server: every limit is set, nothing is left to Node's generous defaults. */
export function createHttpServer(deps: {
  handler: RequestListener;
  log: Log;
  publicUrl: string;
  dropped?: () => void;
}): HttpServer {
  const busy = new Set<ServerResponse>();
  let drained: Promise<number> | undefined;
  const server = createServer(
    {
      insecureHTTPParser: false,
      requireHostHeader: false, // the host allowlist says it with the headers of every other answer
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headersTimeoutMs,
      requestTimeout: LIMITS.requestTimeoutMs,
      keepAliveTimeout: LIMITS.keepAliveMs,
      connectionsCheckingInterval: 2_000,
    },
    (request, response) => {
      busy.add(response);
      response.once('close', () => {
        busy.delete(response);
        // An answer whose head had gone out before the drain left its connection open.
        if (drained) server.closeIdleConnections();
      });
      if (drained) response.shouldKeepAlive = false;
      if (request.rawHeaders.length > LIMITS.requestHeaders * 2) return refuseHeaders(response, deps.publicUrl);
      deps.handler(request, response);
    },
  );
  server.maxConnections = LIMITS.maxConnections;
  // One more than allowed, so that the excess is seen and refused; Node would drop it without a word, a second Host too.
  server.maxHeadersCount = LIMITS.requestHeaders + 1;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A file has its own clock.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isUploading(socket)) return;
    // In the middle of an earlier answer on the same connection there is no room for another one.
    const speaking = [...busy].some((response) => response.socket === socket && response.headersSent);
    if (speaking || error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else answerUnreadable(error, socket, deps.publicUrl);
  });
  server.on('drop', () => deps.dropped?.());

  async function end(waitMs: number): Promise<number> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    for (const response of busy) response.shouldKeepAlive = false;
    let cut = 0;
    const timer = setTimeout(() => {
      cut = busy.size;
      if (cut > 0) deps.log.warn({ cut }, 'drain: cut answers that took too long');
      server.closeAllConnections();
    }, waitMs);
    await closed;
    clearTimeout(timer);
    return cut;
  }

  return {
    server,
    isDraining: () => drained !== undefined,
    drain: (waitMs = LIMITS.drainMs) => {
      drained ??= end(waitMs);
      return drained;
    },
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
  };
}

const UNREADABLE: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'Content Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
};

function bodyFor(status: number): string {
  return JSON.stringify({
    error: 'invalid_request',
    error_description: status === 408 ? 'The request took too long.' : 'The request could not be read.',
  });
}

/** Answers what the parser could not read, and closes: where the next request would begin is not known. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, publicUrl: string): void {
  const [status, reason] = UNREADABLE[error.code ?? ''] ?? [400, 'Bad Request'];
  const body = bodyFor(status);
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    ...securityHeaders(publicUrl).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function refuseHeaders(response: ServerResponse, publicUrl: string): void {
  response.shouldKeepAlive = false;
  for (const [name, value] of securityHeaders(publicUrl)) response.setHeader(name, value);
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.statusCode = 431;
  response.end(bodyFor(431));
}
