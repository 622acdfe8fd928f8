import { expect } from 'chai';
import { Resting } from '../../src/http/breaker.ts';
import { createEgress } from '../../src/http/egress.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { createSmsSender, gatewayOf, type SmsGateway, SmsRefused } from '../../src/sms/sms-gateway.ts';
import { aLog } from '../support/http.ts';
import { type StandInGateway, standInGateway } from '../support/sms-gateway.ts';

const SMS = {
  id: '019ab2f4-7c11-7d03-9c5e-2f4b8a1d6e90',
  to: '+14155550123',
  text: '004217 is your code',
  validSeconds: 540,
};
const ACCOUNT = `AC${'0123456789abcdef'.repeat(2)}`;

describe('the sender of text messages', () => {
  let gateway: StandInGateway;
  beforeEach(async () => {
    gateway = await standInGateway();
  });
  afterEach(() => gateway.close());

  const never = new AbortController().signal;
  const aSender = (allowedCidrs = ['127.0.0.0/8']) => {
    const { log, text } = aLog();
    return {
      ...createSmsSender({ egress: createEgress({ allowedCidrs, log }), twilioUrl: gateway.url }),
      logged: text,
    };
  };
  const webhook = (more: object = {}): SmsGateway => ({
    ...{ kind: 'webhook', url: `${gateway.url}/send`, from: 'Acme', secret: 'S3CRET' },
    ...more,
  });
  const endOf = (sender: ReturnType<typeof aSender>, to: SmsGateway, signal = never) =>
    sender.send(to, SMS, signal).then(
      () => 'sent' as const,
      (error: Error) => error,
    );

  it('posts a message to a webhook, with the tenant’s secret and a key against repetitions', async () => {
    const sender = aSender();
    expect(await endOf(sender, webhook())).to.equal('sent');
    const [taken] = gateway.taken;
    expect(taken).to.deep.include({ method: 'POST', path: '/send' });
    expect(taken?.headers).to.include({ authorization: 'Bearer S3CRET', 'idempotency-key': SMS.id });
    expect(JSON.parse(taken!.body)).to.deep.equal({ ...SMS, from: 'Acme' });
    expect(sender.logged()).not.to.include('S3CRET').and.not.include('004217');
  });

  it('speaks Twilio’s API, from a number or a messaging service', async () => {
    const twilio = { kind: 'twilio', account: ACCOUNT, secret: 'S3CRET' } as const;
    expect(await endOf(aSender(), { ...twilio, from: '+15005550006' })).to.equal('sent');
    expect(await endOf(aSender(), { ...twilio, from: `MG${ACCOUNT.slice(2)}` })).to.equal('sent');
    const [one, two] = gateway.taken;
    expect(one).to.deep.include({ method: 'POST', path: `/2010-04-01/Accounts/${ACCOUNT}/Messages.json` });
    expect(one?.headers).to.include({
      authorization: `Basic ${Buffer.from(`${ACCOUNT}:S3CRET`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
    });
    expect(Object.fromEntries(new URLSearchParams(one?.body))).to.deep.equal({
      ...{ To: SMS.to, From: '+15005550006', Body: SMS.text, ValidityPeriod: '540' },
    });
    expect(new URLSearchParams(two?.body).get('MessagingServiceSid')).to.match(/^MG/);
  });

  it('believes a gateway that refuses a message, and asks again one that may change its mind', async () => {
    for (const [status, isFinal] of [
      [400, true],
      [404, true],
      [422, true],
      [401, false],
      [429, false],
      [500, false],
      [503, false],
      [302, false],
    ] as const) {
      gateway.answerWith(status);
      const end = await endOf(aSender(), webhook());
      expect(end).to.be.instanceOf(Error);
      expect(end instanceof SmsRefused, String(status)).to.equal(isFinal);
    }
  });

  it('lets a gateway that hangs rest, and others go on', async () => {
    const sender = aSender();
    gateway.answerWith('hang');
    for (let faults = 0; faults < LIMITS.breakerFaults; faults++)
      expect(await endOf(sender, webhook(), AbortSignal.timeout(50))).not.to.be.instanceOf(Resting);
    const before = gateway.taken.length;
    expect(await endOf(sender, webhook())).to.be.instanceOf(Resting);
    expect(gateway.taken).to.have.length(before);
    gateway.answerWith(200);
    expect(await endOf(sender, webhook({ url: `${gateway.url}/another` }))).to.equal('sent');
  });

  it('reaches no private address on behalf of a tenant', async () => {
    const end = await endOf(aSender([]), webhook());
    expect(end).to.be.instanceOf(Error);
    expect(gateway.taken).to.deep.equal([]);
  });
});

describe('a tenant’s gateway', () => {
  const open = (sealed: string) => `opened ${sealed}`;
  const settings = { perHour: 1, callingCodes: [] };

  it('is what its settings say, with the secret opened', () => {
    expect(gatewayOf(settings, open)).to.equal(undefined);
    expect(gatewayOf({ ...settings, gateway: 'webhook', url: 'https://a.example', secret: 's' }, open)).to.deep.equal({
      ...{ kind: 'webhook', url: 'https://a.example', from: undefined, secret: 'opened s' },
    });
    expect(
      gatewayOf({ ...settings, gateway: 'twilio', account: ACCOUNT, from: '+15005550006', secret: 's' }, open),
    ).to.deep.equal({ kind: 'twilio', account: ACCOUNT, from: '+15005550006', secret: 'opened s' });
  });
});
