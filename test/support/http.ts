import { connect } from 'node:net';
import Koa, { type Middleware } from 'koa';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { createLog, type Log } from '../../src/kernel/log.ts';

/** A log that keeps its lines. */
export function aLog(level = 'trace'): { log: Log; lines(): Record<string, unknown>[]; text(): string } {
  const written: string[] = [];
  const log = createLog({ level, name: 'test', to: { write: (line) => void written.push(line) } });
  return {
    log,
    text: () => written.join(''),
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** Serves middlewares on a free port of this machine. */
export async function serving(
  middlewares: readonly Middleware[],
  { log = aLog().log, publicUrl = 'http://id.test' } = {},
): Promise<{ port: number; http: HttpServer; app: Koa; stop(): Promise<void> }> {
  const app = new Koa();
  app.silent = true;
  for (const middleware of middlewares) app.use(middleware);
  const http = createHttpServer({ handler: app.callback(), log, publicUrl });
  const port = await http.listen(0, '127.0.0.1');
  return { port, http, app, stop: async () => void (await http.drain(0)) };
}

export type RawAnswer = { status: number; headers: Map<string, string>; body: string };

/** Sends bytes as they stand and reads until the other side closes: for requests that no client would send. */
export async function raw(port: number, request: string): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const [first = '', ...lines] = head.split('\r\n');
  return {
    status: Number(first.split(' ')[1]),
    headers: new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    ),
    body,
  };
}

/** A plain request, closed after its answer. */
export function get(port: number, path: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const lines = Object.entries({ host: 'id.test', connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return raw(port, `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
}

/** A route that answers `{}` everywhere. */
export const empty: Middleware = (ctx) => {
  ctx.body = {};
};
