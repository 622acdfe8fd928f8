import type { TenantSettings } from '../domain/tenants/settings.ts';
import { createBreaker } from '../http/breaker.ts';
import type { Egress, EgressInit } from '../http/egress.ts';
import { LIMITS } from '../kernel/limits.ts';

/** Who carries messages, with its secret opened. */
export type SmsGateway =
  | { kind: 'webhook'; url: string; from: string | undefined; secret: string | undefined }
  | { kind: 'twilio'; account: string; from: string; secret: string };

/** A message as a gateway takes it. */
export type Sms = {
  /** The same at each attempt. */
  id: string;
  /** E.164. */
  to: string;
  text: string;
  /** Seconds after which it need not be delivered any more. */
  validSeconds: number;
};

/** The gateway has refused the message for good: its number, or itself. */
export class SmsRefused extends Error {
  constructor(status: number) {
    super(`the gateway refused the message (${status})`);
    this.name = 'SmsRefused';
  }
}

/** Answers that another attempt may change: the gateway is ill, too busy, or does not know us (yet). */
const LATER = [401, 403, 407, 408, 409, 425, 429];

/**
 * Hands messages to gateways over HTTP, each within seconds. A gateway that fails several times in a row is left alone for
 * a while (`breaker.ts`), so that those of other tenants do not wait for it.
 *
 * @param twilioUrl where Twilio's API stands
 */
export function createSmsSender({
  egress,
  twilioUrl = 'https://api.twilio.com',
}: {
  egress: Pick<Egress, 'fetch'>;
  twilioUrl?: string | undefined;
}) {
  const breaker = createBreaker();

  return {
    /**
     * Gives a message to a gateway.
     *
     * @throws SmsRefused for what no further attempt would change; any other error may be over the next time
     */
    async send(gateway: SmsGateway, sms: Sms, signal: AbortSignal): Promise<void> {
      const [url, init] = gateway.kind === 'twilio' ? twilio(twilioUrl, gateway, sms) : webhook(gateway, sms);
      const attempt = async () => {
        const { status } = await egress.fetch(url, { ...init, method: 'POST', signal, timeoutMs: LIMITS.smsGatewayMs });
        if (status >= 400 && status < 500 && !LATER.includes(status)) throw new SmsRefused(status);
        if (status < 200 || status > 299) throw new Error(`the gateway answered ${status}`);
      };
      await breaker.run(
        new URL(url).origin + new URL(url).pathname,
        attempt,
        (error) => !(error instanceof SmsRefused),
      );
    },
  };
}

export type SmsSender = ReturnType<typeof createSmsSender>;

/** A tenant's gateway, where it has one. */
export function gatewayOf(
  { gateway, url, account, from, secret }: TenantSettings['sms'],
  open: (sealed: string) => string,
): SmsGateway | undefined {
  const opened = secret === undefined ? undefined : open(secret);
  if (gateway === 'webhook' && url !== undefined) return { kind: 'webhook', url, from, secret: opened };
  if (gateway === 'twilio' && account !== undefined && from !== undefined)
    return { kind: 'twilio', account, from, secret: opened ?? '' };
  return undefined;
}

function webhook(
  { url, from, secret }: Extract<SmsGateway, { kind: 'webhook' }>,
  { id, to, text, validSeconds }: Sms,
): [string, EgressInit] {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': id,
    ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
  };
  return [url, { headers, body: JSON.stringify({ id, to, from, text, validSeconds }) }];
}

/** https://www.twilio.com/docs/messaging/api/message-resource: it has no key against repetitions. */
function twilio(
  base: string,
  { account, from, secret }: Extract<SmsGateway, { kind: 'twilio' }>,
  { to, text, validSeconds }: Sms,
): [string, EgressInit] {
  const body = new URLSearchParams({
    To: to,
    [from.startsWith('MG') ? 'MessagingServiceSid' : 'From']: from,
    Body: text,
    ValidityPeriod: String(validSeconds),
  });
  const authorization = `Basic ${Buffer.from(`${account}:${secret}`).toString('base64')}`;
  return [`${base}/2010-04-01/Accounts/${account}/Messages.json`, { headers: { authorization }, body }];
}
