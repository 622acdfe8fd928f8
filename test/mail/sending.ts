import type { Socket } from 'node:net';
import type { SMTPServerOptions } from 'smtp-server';
import { createSocketEgress } from '../../src/http/egress-socket.ts';
import { createMailSender, type Mail, type MailSender } from '../../src/mail/mail-sender.ts';
import type { MailServer } from '../../src/mail/mail-server.ts';
import { aCertificate } from '../support/certificate.ts';
import { type Listener, listening } from '../support/listener.ts';
import { type Sink, smtpSink } from '../support/smtp-sink.ts';

/** What a server has that our senders believe to be `mail.test`. */
export const TLS = aCertificate('mail.test');

export const aMail = (more: Partial<Mail> = {}): Mail => ({
  messageId: '019ab2f4-7c11-7d03-9c5e-2f4b8a1d6e90@id.test',
  date: new Date('2026-06-01T12:00:00Z'),
  from: { name: 'Acme', address: 'no-reply@id.test' },
  to: { name: 'Ann Lee', address: 'ann@example.com' },
  subject: 'Hello',
  text: 'Hello',
  html: '<p>Hello</p>',
  language: 'en',
  ...more,
});

/** A server that is reached under the name `mail.test`, whichever it is. */
export const at = ({ port }: { port: number }, more: Partial<MailServer> = {}): MailServer => ({
  host: 'mail.test',
  port,
  tls: 'offered',
  isOperators: true,
  ...more,
});

const never = new AbortController().signal;

/** `sent`, or what was thrown. */
export const send = (sender: MailSender, server: MailServer, mail = aMail(), signal = never): Promise<'sent' | Error> =>
  sender.send(server, mail, signal).then(
    () => 'sent' as const,
    (error: Error) => error,
  );

/** Senders and servers for the tests of one `describe`; each test's are closed behind it. */
export function sending() {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
  const keep = <T extends { close(): unknown }>(one: T): T => {
    open.push(one);
    return one;
  };
  return {
    aSender: (deliveryMs = 5_000): MailSender =>
      keep(
        createMailSender({
          egress: createSocketEgress({ allowedCidrs: ['127.0.0.0/8'], resolve: async () => ['127.0.0.1'] }),
          hostname: 'id.test',
          ca: TLS.cert,
          deliveryMs,
        }),
      ),
    aSink: async (options: SMTPServerOptions = {}): Promise<Sink> => keep(await smtpSink(options)),
    aPeer: async (speak?: (socket: Socket) => void): Promise<Listener> => keep(await listening(speak)),
  };
}
