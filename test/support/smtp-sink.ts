import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A letter as a mail server has received it. */
export type Received = {
  from: string;
  /** Every RCPT TO. */
  to: string[];
  headers: Map<string, string>;
  /** Every line of the head, unfolded, as it came. */
  head: string[];
  subject: string;
  text: string;
  html: string;
  raw: string;
  secure: boolean;
  user: string | undefined;
};

export type Sink = {
  port: number;
  url: string;
  letters: Received[];
  connections(): number;
  /** Resolves with the next letter to this address that was not given yet. */
  letterTo(address: string): Promise<Received>;
  close(): Promise<void>;
};

/** A real mail server on this machine that keeps what it is given. Without `options` it offers neither TLS nor passwords. */
export async function smtpSink(options: SMTPServerOptions = {}): Promise<Sink> {
  const letters: Received[] = [];
  const given = new Set<Received>();
  const waiting = new Set<() => void>();
  let connections = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.cert ? [] : ['STARTTLS'],
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 100,
    onConnect(_session, done) {
      connections += 1;
      done();
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        letters.push({
          ...parsed(Buffer.concat(chunks).toString('latin1')),
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: session.user as string | undefined,
        });
        done();
        for (const look of waiting) look();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  const next = (address: string) => letters.find((letter) => letter.to.includes(address) && !given.has(letter));

  return {
    port,
    url: `smtp://127.0.0.1:${port}`,
    letters,
    connections: () => connections,
    letterTo: (address) =>
      new Promise((resolve) => {
        const look = () => {
          const letter = next(address);
          if (!letter) return;
          given.add(letter);
          waiting.delete(look);
          resolve(letter);
        };
        waiting.add(look);
        look();
      }),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Reads a message of one text and one HTML part (RFC 5322, RFC 2045 to 2047), as far as ours go. */
function parsed(raw: string): Pick<Received, 'headers' | 'head' | 'subject' | 'text' | 'html' | 'raw'> {
  const { head, headers, body } = entity(raw);
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type') ?? '')?.[1];
  const parts = (boundary === undefined ? [] : body.split(`--${boundary}`).slice(1, -1)).map((part) =>
    entity(part.replace(/^\r\n/, '')),
  );
  const contentOf = (type: string) => {
    const part = parts.find((each) => each.headers.get('content-type')?.startsWith(type));
    return part ? decoded(part.body, part.headers.get('content-transfer-encoding') ?? '7bit').trimEnd() : '';
  };
  return {
    raw: Buffer.from(raw, 'latin1').toString('utf8'),
    head,
    headers,
    subject: words(headers.get('subject') ?? ''),
    text: contentOf('text/plain'),
    html: contentOf('text/html'),
  };
}

function entity(raw: string): { head: string[]; headers: Map<string, string>; body: string } {
  const end = raw.indexOf('\r\n\r\n');
  const head = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = new Map(
    head.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { head, headers, body: raw.slice(end + 4) };
}

function decoded(body: string, encoding: string): string {
  if (/base64/i.test(encoding)) return Buffer.from(body, 'base64').toString('utf8');
  if (!/quoted-printable/i.test(encoding)) return Buffer.from(body, 'latin1').toString('utf8').replace(/\r\n/g, '\n');
  return quoted(body.replace(/=\r\n/g, '').replace(/\r\n/g, '\n'));
}

const quoted = (text: string) =>
  Buffer.from(
    text.replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');

/** A header with encoded words (RFC 2047). */
export function words(text: string): string {
  const bytes = text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_all, encoding: string, word: string) =>
      encoding.toLowerCase() === 'b'
        ? Buffer.from(word, 'base64').toString('latin1')
        : word
            .replaceAll('_', ' ')
            .replace(/=([0-9A-F]{2})/g, (_hex, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
