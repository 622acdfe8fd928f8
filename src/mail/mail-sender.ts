import { isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import { createTransport, type NodemailerError, type SMTPPoolOptions } from 'nodemailer';
import { createBreaker, Resting } from '../http/breaker.ts';
import type { SocketEgress } from '../http/egress-socket.ts';
import { EgressError } from '../http/egress-url.ts';
import { canonicalEmail } from '../kernel/canonical.ts';
import { LIMITS } from '../kernel/limits.ts';
import { sha256 } from '../kernel/secret.ts';
import type { MailServer } from './mail-server.ts';

/** A letter as it goes over the wire. Names and subject are plain text without line breaks. */
export type Mail = {
  /** The same at each attempt: who gets it twice can tell. Without angle brackets. */
  messageId: string;
  date: Date;
  from: { name: string; address: string };
  to: { name: string; address: string };
  subject: string;
  text: string;
  html: string;
  /** BCP 47. */
  language: string;
};

/** Nobody will ever take the letter: its address is none, or the server has refused it for good. */
export class Refused extends Error {
  constructor(what: string) {
    super(`the letter was refused (${what})`);
    this.name = 'Refused';
  }
}

/** What the sender needs. */
export type MailSenderDeps = {
  egress: Pick<SocketEgress, 'connect'>;
  /** How we name ourselves to servers (RFC 5321 §4.1.1.1). */
  hostname: string;
  /** More roots to trust, in PEM. */
  ca?: string | undefined;
  /** Milliseconds a whole delivery may take. */
  deliveryMs?: number | undefined;
};

type Transport = ReturnType<typeof transportTo>;

/**
 * Speaks SMTP. Connections are kept for the next letter, a few for each server and for some seconds; a server that fails
 * several times in a row is left alone for a while (`breaker.ts`). A delivery that is cut off may have arrived: the next
 * attempt has the same Message-ID.
 */
export function createMailSender(deps: MailSenderDeps) {
  const breaker = createBreaker();
  const transports = new LRUCache<string, Transport>({
    max: LIMITS.smtpServers,
    dispose: (transport) => transport.close(),
  });

  function transportFor(key: string, server: MailServer): Transport {
    const known = transports.get(key) ?? transportTo(server, deps);
    transports.set(key, known, { noDisposeOnSet: true });
    return known;
  }

  return {
    /**
     * Gives a letter to a server.
     *
     * @throws Refused for what no further attempt would change; any other error may be over the next time
     */
    async send(server: MailServer, mail: Mail, signal: AbortSignal): Promise<void> {
      // What is not one plain address could be several to those who parse it (nodemailer's parser among them).
      if (canonicalEmail(mail.to.address) === undefined) throw new Refused('the address is not one plain address');
      const key = sha256(JSON.stringify(server)).toString('base64url');
      const limit = AbortSignal.timeout(deps.deliveryMs ?? LIMITS.smtpDeliveryMs);
      const deliver = () => transportFor(key, server).sendMail(messageOf(mail, AbortSignal.any([signal, limit])));
      await breaker.run(key, deliver, isFaultOfServer).catch((error: unknown) => {
        throw isFinal(error) ? new Refused(whatHappened(error)) : notTaken(error);
      });
    },

    /** Closes what is open. */
    close(): void {
      transports.clear();
    },
  };
}

export type MailSender = ReturnType<typeof createMailSender>;

function transportTo(server: MailServer, { egress, hostname, ca, deliveryMs = LIMITS.smtpDeliveryMs }: MailSenderDeps) {
  const { host, port, tls, user, password = '', isOperators } = server;
  const connectMs = Math.min(LIMITS.smtpConnectMs, deliveryMs);
  const options: SMTPPoolOptions & { pool: true } = {
    pool: true,
    host,
    port,
    name: hostname,
    secure: tls === 'implicit',
    requireTLS: tls === 'required',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) },
    ...(user !== undefined && { auth: { user, pass: password } }),
    maxConnections: LIMITS.smtpConnections,
    maxMessages: LIMITS.smtpLettersOfConnection,
    idleTimeout: LIMITS.smtpIdleMs,
    // A letter whose connection broke comes again by the outbox, which waits longer and longer.
    maxRequeues: 1,
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    socketTimeout: Math.max(deliveryMs, LIMITS.smtpIdleMs * 2),
    socketCloseTimeout: 1_000,
    maxResponseSize: 64 * 1024,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
    getSocket(_options, callback) {
      egress.connect({ host, port, isOperators }, connectMs).then(
        (connection) => callback(null, { connection }),
        (error: Error) => callback(error, false),
      );
    },
  };
  const transport = createTransport(options);
  // Each letter hears of its own error; one between letters is nobody's.
  transport.on('error', () => {});
  return transport;
}

function messageOf(mail: Mail, signal: AbortSignal) {
  const { messageId, date, from, to, subject, text, html, language } = mail;
  return {
    envelope: { from: from.address, to: [to.address] },
    messageId: `<${messageId}>`,
    date,
    from,
    to,
    subject,
    text,
    html,
    // Nobody answers it, and no machine shall (RFC 3834 §5).
    headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': language },
    disableFileAccess: true,
    disableUrlAccess: true,
    maxRecipients: 1,
    signal,
  };
}

/** A mailbox that is full may have room tomorrow, though servers of old say so with a 5 (RFC 5321 §4.2.3). */
const FULL = 552;

/** Whether the server has refused this letter for good: its recipient or its text. A wrong password can be repaired. */
function isFinal(error: unknown): boolean {
  const { code, command = '', permanent, responseCode } = error as NodemailerError;
  if (code === 'EENVELOPE' && command === 'API') return true;
  const isAboutLetter = (code === 'EENVELOPE' || code === 'EMESSAGE') && command !== 'MAIL FROM';
  return isAboutLetter && permanent === true && responseCode !== FULL;
}

/** Whether a server is ill: it was not reached, hung, broke off or would not speak TLS. A refusal with words is none. */
function isFaultOfServer(error: unknown): boolean {
  const { code, responseCode } = error as NodemailerError;
  return !((code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== 421);
}

/** What went wrong, for an administrator: of a reply its codes only, since its words may repeat an address or a password. */
function notTaken(error: unknown): Error {
  if (error instanceof Resting || error instanceof EgressError) return error;
  const hasReply = (error as NodemailerError).response !== undefined;
  return new Error(`the letter was not taken (${whatHappened(error)})`, hasReply ? {} : { cause: error });
}

function whatHappened(error: unknown): string {
  const { code, command, response } = error as NodemailerError;
  const reply = /^\d{3}(?:[ -]\d\.\d{1,3}\.\d{1,3})?/.exec(String(response ?? ''))?.[0];
  return [code, command, reply].filter(Boolean).join(', ') || 'unknown';
}

/** The name to speak under: a host, or an address in brackets (RFC 5321 §4.1.3). */
export function ehloName(hostname: string): string {
  const plain = hostname.replace(/^\[|\]$/g, '');
  if (isIP(plain) === 0) return plain;
  return isIP(plain) === 6 ? `[IPv6:${plain}]` : `[${plain}]`;
}
