import { expect } from 'chai';
import type { Outcome } from '../../../src/domain/webhooks/delivery.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { aCertificate } from '../../support/certificate.ts';
import { aWebhook } from '../../support/events.ts';
import { listening } from '../../support/listener.ts';
import { closeReceivers, type Receiver, receiving, verified } from '../../support/receiver.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';
import { attempt, deliveryIdsOf, freshRow, shown, waiting } from './house.ts';

const answering =
  (status: number, headers: Record<string, string> = {}): Receiver['answer'] =>
  (response) =>
    response.writeHead(status, headers).end();

const lettersOf = (call: TenantCall) => call.db('outbox').where({ tenant_id: call.tenantId, kind: 'mail' });
const auditOf = (call: TenantCall, action: string) =>
  inTransaction(call, (tx) => tx.db('audit_events').where({ tenant_id: call.tenantId, action }).select('details'));

describe('a delivery', () => {
  afterEach(closeReceivers);

  it('that is answered with 2xx has arrived, and is not sent again', async () => {
    for (const status of [200, 201, 202, 204, 299]) {
      const receiver = await receiving({ answer: answering(status) });
      const one = await waiting(receiver.url);
      expect(await attempt(one)).to.deep.equal({ kind: 'done' });
      expect(await attempt(one)).to.deep.equal({ kind: 'done' });
      expect(receiver.received).to.have.lengthOf(1);
      expect(verified(one.secret, receiver.received[0]!)).to.include({ type: 'user.created' });
      expect(await shown(one)).to.include({ state: 'delivered', attempts: 1, responseStatus: status, error: null });
    }
  });

  it('that is answered with anything else comes back, with the same id and the same bytes', async () => {
    for (const status of [400, 401, 404, 422, 500, 503]) {
      const receiver = await receiving({ answer: answering(status) });
      const one = await waiting(receiver.url);
      const again = { kind: 'again', error: `HTTP ${status}`, waitMs: undefined };
      expect(await attempt(one)).to.deep.equal(again);
      expect(await attempt(one)).to.deep.equal(again);
      const [first, second] = receiver.received;
      expect(second!.body).to.equal(first!.body);
      expect(second!.headers['webhook-id']).to.equal(first!.headers['webhook-id']);
      expect(await shown(one)).to.include({
        state: 'pending',
        attempts: 2,
        responseStatus: status,
        error: `HTTP ${status}`,
      });
    }
  });

  it('follows no redirect, and tells nothing to where it leads', async () => {
    const elsewhere = await receiving();
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of [elsewhere.url, 'http://169.254.169.254/latest/meta-data/']) {
        const receiver = await receiving({ answer: answering(status, { location }) });
        const one = await waiting(receiver.url);
        expect(await attempt(one)).to.deep.equal({ kind: 'again', error: 'redirect', waitMs: undefined });
        expect(await shown(one)).to.include({ state: 'pending', responseStatus: null, error: 'redirect' });
      }
    }
    expect(elsewhere.received).to.deep.equal([]);
  });

  it('comes back when the receiver hangs, hangs up, or is not there', async () => {
    const [deaf, rude, gone] = [await listening(), await listening((socket) => socket.destroy()), await listening()];
    await gone.close();
    for (const [peer, error] of [
      [deaf, 'timeout'],
      [rude, 'network'],
      [gone, 'network'],
    ] as const) {
      const one = await waiting(`http://127.0.0.1:${peer.port}/`);
      expect(await attempt(one)).to.deep.equal({ kind: 'again', error, waitMs: undefined });
    }
    await Promise.all([deaf.close(), rude.close()]);
  });

  it('goes to a host that proves its name, and to no other', async () => {
    const [good, other] = [aCertificate('hooks.test'), aCertificate('other.test')];
    const resolve = async () => ['127.0.0.1'];
    const asHost = (receiver: Receiver) => `https://hooks.test:${receiver.port}/hook`;
    const trusted = await receiving({ tls: good });
    const one = await waiting(asHost(trusted));
    expect(await attempt(one, freshRow(), { resolve })).to.include({ kind: 'again', error: 'tls' });
    expect(trusted.received).to.deep.equal([]);
    expect(await attempt(one, freshRow(), { resolve, ca: good.cert })).to.deep.equal({ kind: 'done' });

    const impostor = await receiving({ tls: other });
    const two = await waiting(asHost(impostor));
    const both = good.cert + other.cert;
    expect(await attempt(two, freshRow(), { resolve, ca: both })).to.include({ kind: 'again', error: 'tls' });
    const plain = await waiting(asHost(await receiving()));
    expect(await attempt(plain, freshRow(), { resolve, ca: both })).to.include({ kind: 'again', error: 'tls' });
    expect(impostor.received).to.deep.equal([]);
  });

  it('does not care for what the receiver says beside its status, however much', async () => {
    const flood: Receiver['answer'] = (response) => {
      response.writeHead(200, { 'content-length': '100000000' });
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) {
          // until the socket is full
        }
      };
      response.on('drain', more);
      more();
    };
    const one = await waiting((await receiving({ answer: flood })).url);
    expect(await attempt(one)).to.deep.equal({ kind: 'done' });
    const drip: Receiver['answer'] = (response) => {
      response.writeHead(500);
      const timer = setInterval(() => response.write('x'), 5);
      response.once('close', () => clearInterval(timer));
    };
    const two = await waiting((await receiving({ answer: drip })).url);
    expect(await attempt(two)).to.include({ kind: 'again', error: 'HTTP 500' });
    const manyHeaders = await receiving({
      answer: (response) => {
        for (let at = 0; at < 200; at++) response.setHeader(`x-${at}`, 'y');
        response.writeHead(200).end();
      },
    });
    expect(await attempt(await waiting(manyHeaders.url))).to.include({ kind: 'again', error: 'too_large' });
  });

  it('reaches no private address, whatever name leads there, and however the name changes', async () => {
    const peer = await listening();
    const call = await aTenant();
    const { id } = await aWebhook(call, { url: `https://hooks.test:${peer.port}/` });
    await aUser(call);
    const [delivery] = await deliveryIdsOf(call);
    const one = { call, webhook: id, secret: '', delivery: delivery! };
    for (const address of ['127.0.0.1', '169.254.169.254', '10.0.0.1', '::1', '::ffff:127.0.0.1', 'fd00::1']) {
      const answer = await attempt(one, freshRow(), { allowedCidrs: [], resolve: async () => [address] });
      expect(answer).to.include({ kind: 'again', error: 'address' });
    }
    let asked = 0;
    const rebinding = async () => [asked++ === 0 ? '192.0.2.1' : '127.0.0.1'];
    await attempt(one, freshRow(), { allowedCidrs: [], resolve: rebinding });
    expect([asked, peer.connections()]).to.deep.equal([1, 0]);
    await peer.close();
  });

  it('is given up a day after it was written', async () => {
    const one = await waiting((await receiving({ answer: answering(500) })).url);
    const aged = (ms: number) => ({ createdAt: new Date(Date.now() - ms), failingSince: null });
    expect(await attempt(one, aged(LIMITS.outboxGiveUpMs - 2 * LIMITS.outboxLeaseMs))).to.include({ kind: 'again' });
    expect(await attempt(one, aged(LIMITS.outboxGiveUpMs))).to.deep.equal({ kind: 'never', error: 'HTTP 500' });
    expect(await shown(one)).to.include({ state: 'failed', attempts: 2, nextAttemptAt: null });
  });

  it('is not sent to a receiver that is disabled, and is nothing any more once that is removed', async () => {
    const receiver = await receiving();
    const one = await waiting(receiver.url);
    await rooms().webhooks.update(one.call, one.webhook, { status: 'disabled' });
    expect(await attempt(one)).to.include({ kind: 'never' });
    expect(await shown(one)).to.include({ state: 'failed', error: 'disabled', attempts: 0 });
    const two = await waiting(receiver.url);
    await rooms().webhooks.remove(two.call, two.webhook);
    expect(await attempt(two)).to.deep.equal({ kind: 'done' });
    expect(await two.call.db('outbox').where({ tenant_id: two.call.tenantId, kind: 'webhook' })).to.deep.equal([]);
    expect(receiver.received).to.deep.equal([]);
  });

  it('goes to where the receiver is now, under its present secret', async () => {
    const [before, after] = [await receiving(), await receiving()];
    const one = await waiting(before.url);
    const { secret } = await rooms().webhooks.update(one.call, one.webhook, { url: after.url });
    expect(await attempt(one)).to.deep.equal({ kind: 'done' });
    expect(before.received).to.deep.equal([]);
    expect(verified(secret!, after.received[0]!)).to.include({ type: 'user.created' });
    expect(() => verified(one.secret, after.received[0]!)).to.throw();
  });
});

describe('a receiver', () => {
  afterEach(closeReceivers);

  it('that says 410 is disabled at once, and its administrators are told', async () => {
    const one = await waiting((await receiving({ answer: answering(410) })).url);
    await aUser(one.call, { roles: ['TENANT_ADMIN'] });
    await aUser(one.call, { roles: ['AUDITOR'] });
    expect(await attempt(one)).to.deep.equal({ kind: 'never', error: 'HTTP 410' });

    expect(await rooms().webhooks.get(one.call, one.webhook)).to.include({
      status: 'disabled',
      disabledReason: 'gone',
    });
    expect((await auditOf(one.call, 'webhook.disabled')).map(({ details }) => details)).to.deep.equal([
      { reason: 'gone' },
    ]);
    expect(await lettersOf(one.call)).to.have.lengthOf(1);
    expect(await shown(one)).to.include({ state: 'failed', responseStatus: 410 });
    const told = await deliveryIdsOf(one.call);
    await aUser(one.call);
    expect(await deliveryIdsOf(one.call)).to.deep.equal(told);
  });

  it('that nothing has got through to for five days is disabled', async () => {
    const one = await waiting((await receiving({ answer: answering(500) })).url);
    const failing = (ms: number) => ({ createdAt: new Date(), failingSince: new Date(Date.now() - ms) });
    expect(await attempt(one, failing(LIMITS.webhookFailingMs - 60_000))).to.include({ kind: 'again' });
    expect(await attempt(one, failing(LIMITS.webhookFailingMs))).to.include({ kind: 'never' });
    expect(await rooms().webhooks.get(one.call, one.webhook)).to.include({
      status: 'disabled',
      disabledReason: 'failing',
    });
  });

  it('that is owed a hundred thousand deliveries while it fails is disabled', async () => {
    const one = await waiting((await receiving({ answer: answering(500) })).url);
    const failing = { createdAt: new Date(), failingSince: new Date() };
    const owe = (count: number) =>
      one.call.db.raw(
        `insert into outbox (tenant_id, id, kind, payload, lane, created_at, due_at)
           select ?, gen_random_uuid(), 'webhook', '{}', ?, now(), now() + interval '1 hour' from generate_series(1, ?)`,
        [one.call.tenantId, one.webhook, count],
      );
    await owe(LIMITS.webhookBacklog - 2);
    expect(await attempt(one, failing)).to.include({ kind: 'again' });
    await owe(1);
    expect(await attempt(one, freshRow())).to.include({ kind: 'again' });
    expect(await attempt(one, failing)).to.include({ kind: 'never' });
    expect(await rooms().webhooks.get(one.call, one.webhook)).to.include({ disabledReason: 'failing' });
    await one.call.db('outbox').where({ tenant_id: one.call.tenantId }).delete();
  });

  it('that moved while it said 410 is not disabled for what stood there before', async () => {
    const one = await waiting('http://127.0.0.1:8081/');
    const elsewhere = await receiving();
    const receiver = await receiving({
      answer: async (response) => {
        await rooms().webhooks.update(one.call, one.webhook, { url: elsewhere.url });
        response.writeHead(410).end();
      },
    });
    await rooms().webhooks.update(one.call, one.webhook, { url: receiver.url });
    expect(await attempt(one, freshRow(), { timeoutMs: 5_000 })).to.include({ kind: 'again' });
    expect(await rooms().webhooks.get(one.call, one.webhook)).to.include({ status: 'active' });
    expect(await attempt(one)).to.deep.equal({ kind: 'done' });
    expect(elsewhere.received).to.have.lengthOf(1);
  });

  it('that has too much to do says for how long, within reason', async () => {
    const hour = 3_600_000;
    const cases: [number, string | undefined, number | undefined][] = [
      [429, '120', 120_000],
      [502, '7', 7_000],
      [503, '3600', hour],
      [504, '999999999', LIMITS.webhookRetryAfterMs],
      [429, undefined, LIMITS.webhookBusyMs],
      [502, 'soon', LIMITS.webhookBusyMs],
      [503, undefined, undefined],
      [500, '120', undefined],
      [429, '-5', 0],
    ];
    for (const [status, retryAfter, waitMs] of cases) {
      const answer = answering(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
      const outcome = await attempt(await waiting((await receiving({ answer })).url));
      expect(outcome, `${status} ${retryAfter}`).to.deep.equal({ kind: 'again', error: `HTTP ${status}`, waitMs });
    }
    const date = new Date(Date.now() + hour).toUTCString();
    const one = await waiting((await receiving({ answer: answering(503, { 'retry-after': date }) })).url);
    const outcome = (await attempt(one)) as Extract<Outcome, { kind: 'again' }>;
    expect(outcome.waitMs)
      .to.be.greaterThan(hour - 60_000)
      .and.not.greaterThan(hour);
  });

  it('is tested once, though it is disabled, and no test disables it', async () => {
    const receiver = await receiving({ answer: answering(410) });
    const call = await aTenant();
    const { id, secret } = await aWebhook(call, { url: receiver.url, events: ['role.created'], status: 'disabled' });
    const delivery = await rooms().webhooks.test(call, id);
    const one = { call, webhook: id, secret, delivery };
    expect(await attempt(one)).to.include({ kind: 'never' });
    expect(verified(secret, receiver.received[0]!)).to.include({ type: 'webhook.test' });
    expect(await rooms().webhooks.get(call, id)).to.include({ disabledReason: 'manual' });

    await rooms().webhooks.update(call, id, { status: 'active' });
    expect(await attempt({ ...one, delivery: await rooms().webhooks.test(call, id) })).to.include({ kind: 'never' });
    expect(await rooms().webhooks.get(call, id)).to.include({ status: 'active' });
  });
});
