import { expect } from 'chai';
import { Webhook } from 'standardwebhooks';
import { checkedWebhookSecret, newWebhookSecret, signedHeaders } from '../../../src/domain/webhooks/signature.ts';
import { expectFailure } from '../../support/expect.ts';

const at = new Date();
const body = '{"hello":"wörld"}';

describe('the signature of a message', () => {
  it('is that of the specification’s example', () => {
    const headers = signedHeaders(
      { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: new Date(1_614_265_330_999), body: '{"test": 2432232314}' },
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    );
    expect(headers).to.deep.equal({
      'content-type': 'application/json',
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is taken by the library that receivers use, under each of two secrets and no third', () => {
    const [present, previous, other] = [newWebhookSecret(), newWebhookSecret(), newWebhookSecret()];
    const headers = signedHeaders({ id: 'evt_1', at, body }, [present, previous]);
    for (const secret of [present, previous])
      expect(new Webhook(secret).verify(body, headers)).to.deep.equal({ hello: 'wörld' });
    expect(() => new Webhook(other).verify(body, headers)).to.throw();
  });

  it('is of these bytes, this id and this moment', () => {
    const secret = newWebhookSecret();
    const headers = signedHeaders({ id: 'evt_1', at, body }, [secret]);
    const later = String(Number(headers['webhook-timestamp']) + 1);
    for (const forged of [{ 'webhook-id': 'evt_2' }, { 'webhook-timestamp': later }])
      expect(() => new Webhook(secret).verify(body, { ...headers, ...forged })).to.throw();
    expect(() => new Webhook(secret).verify(`${body} `, headers)).to.throw();
  });
});

describe('a secret of a webhook', () => {
  it('has 256 bits, and is another one each time', () => {
    const secrets = Array.from({ length: 20 }, newWebhookSecret);
    expect(new Set(secrets).size).to.equal(20);
    for (const secret of secrets) expect(Buffer.from(secret.slice(6), 'base64')).to.have.lengthOf(32);
  });

  it('that somebody chose has 24 to 64 bytes, in the one spelling of base64', async () => {
    const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;
    for (const bytes of [24, 32, 64]) expect(checkedWebhookSecret(of(bytes))).to.equal(of(bytes));
    for (const bad of [of(23), of(65), of(24).slice(6), `${of(25)}=`, of(32).replace('=', ''), 'whsec_', 'whsec_%%%%'])
      await expectFailure(
        'invalid_input',
        Promise.resolve().then(() => checkedWebhookSecret(bad)),
      );
  });
});
