import { expect } from 'chai';
import { databaseUrl, pool } from '../../support/database.ts';
import type { ReadEvent } from '../../support/events.ts';
import { startNode, type TestNode } from '../../support/node.ts';
import { eventually } from '../../support/oauth.ts';
import { endProcesses, freePorts, type NodeProcess, startProcess } from '../../support/process.ts';
import { closeReceivers, hurry, type Receiver, receiving, verified } from '../../support/receiver.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

const answering =
  (status: number, headers: Record<string, string> = {}): Receiver['answer'] =>
  (response) =>
    void response.writeHead(status, headers).end();
const hanging: Receiver['answer'] = () => {};

type Shown = {
  id: string;
  eventId: string;
  event: string;
  state: string;
  attempts: number;
  nextAttemptAt: string | null;
  error: string | null;
};

async function aHook({ as }: SignedIn, body: object): Promise<{ id: string; secret: string }> {
  const answer = await as('POST', '/api/v1/webhooks', { body: { events: ['user.updated'], ...body } });
  expect(answer.status, answer.text).to.equal(201);
  return answer.body;
}
const rename = ({ as }: SignedIn, firstName: string) => as('PATCH', '/api/v1/me', { body: { firstName } });
const deliveries = async ({ as }: SignedIn, id: string, query = ''): Promise<Shown[]> =>
  (await as('GET', `/api/v1/webhooks/${id}/deliveries${query}`)).body.data;
/** Resolves when the last delivery to a receiver is in this state. */
const reaches = (who: SignedIn, id: string, wanted: Partial<Shown>) =>
  eventually(
    JSON.stringify(wanted),
    async () => {
      const [last] = await deliveries(who, id);
      return Object.entries(wanted).every(([key, value]) => last?.[key as keyof Shown] === value);
    },
    20_000,
  );

const receiverHas = ({ received }: Receiver, eventId: string) =>
  eventually(eventId, () => received.some(({ headers }) => headers['webhook-id'] === eventId), 20_000);

describe('v1: deliveries of webhooks', function () {
  this.timeout(60_000);
  const { signIn } = servingV1({}, { background: true });
  afterEach(closeReceivers);

  it('are tried again until they arrive, under one id, and say where they stand', async () => {
    const ann = await signIn();
    const receiver = await receiving({ answer: answering(500) });
    const { id, secret } = await aHook(ann, { url: receiver.url });
    await rename(ann, 'Anna');
    await reaches(ann, id, { attempts: 1, state: 'pending', error: 'HTTP 500' });
    const [waiting] = await deliveries(ann, id);
    expect(Date.parse(waiting!.nextAttemptAt!)).to.be.greaterThan(Date.now());

    receiver.answer = answering(202);
    await hurry(ann.site.tenantId);
    await reaches(ann, id, { attempts: 2, state: 'delivered', error: null, nextAttemptAt: null });
    const [first, second] = receiver.received;
    expect(second!.body).to.equal(first!.body);
    for (const got of [first!, second!]) expect(verified(secret, got)).to.include({ type: 'user.updated' });
  });

  it('do not wait for receivers that hang, neither another tenant’s nor their own tenant’s', async () => {
    const slow = await signIn();
    const hung = await Promise.all([1, 2, 3].map(() => receiving({ answer: hanging })));
    for (const { url } of hung) await aHook(slow, { url });
    for (let at = 0; at < 6; at++) await rename(slow, `Ann${at}`);
    const open = () => hung.reduce((sum, { received }) => sum + received.length, 0);
    await eventually('four requests hang', () => open() === 4, 20_000);
    for (const { received } of hung) expect(received.length).to.be.lessThan(3);

    const quick = await signIn();
    const receiver = await receiving();
    await aHook(quick, { url: receiver.url });
    await rename(quick, 'Bob');
    await receiver.has(1);
    expect(open()).to.equal(4);
  });

  it('leave a receiver in peace that asks for it, and nobody else', async () => {
    const ann = await signIn();
    const busy = await receiving({ answer: answering(429, { 'retry-after': '3600' }) });
    const fine = await receiving();
    const { id } = await aHook(ann, { url: busy.url });
    await rename(ann, 'Anna');
    await reaches(ann, id, { attempts: 1, error: 'HTTP 429' });
    const other = await aHook(ann, { url: fine.url });
    await rename(ann, 'Anne');
    await reaches(ann, other.id, { state: 'delivered' });

    expect(busy.received).to.have.lengthOf(1);
    const [second] = await deliveries(ann, id);
    expect(second).to.include({ state: 'pending', attempts: 0 });
    expect(Date.parse(second!.nextAttemptAt!)).to.be.greaterThan(Date.now() + 3_000_000);

    // Whoever tests it sees at once what it says.
    await ann.as('POST', `/api/v1/webhooks/${id}/test`);
    await reaches(ann, id, { event: 'webhook.test', state: 'failed', error: 'HTTP 429' });
    expect((await deliveries(ann, id))[1]).to.include({ id: second!.id, attempts: 0 });

    // Whoever sends it again has looked after it.
    busy.answer = answering(204);
    await ann.as('POST', `/api/v1/webhooks/${id}/deliveries/${second!.id}/redeliver`);
    await receiverHas(busy, second!.eventId);
  });

  it('end where the receiver says 410', async () => {
    const ann = await signIn();
    const receiver = await receiving({ answer: answering(410) });
    const { id } = await aHook(ann, { url: receiver.url });
    await rename(ann, 'Anna');
    await reaches(ann, id, { state: 'failed', attempts: 1 });
    expect((await ann.as('GET', `/api/v1/webhooks/${id}`)).body).to.include({
      status: 'disabled',
      disabledReason: 'gone',
    });
    await rename(ann, 'Anne');
    expect(await deliveries(ann, id)).to.have.lengthOf(1);

    receiver.answer = answering(200);
    const [gone] = await deliveries(ann, id);
    const again = () => ann.as('POST', `/api/v1/webhooks/${id}/deliveries/${gone!.id}/redeliver`);
    expect([(await again()).status, (await again()).body.error]).to.deep.equal([422, 'IDENT_WEBHOOK_DISABLED']);
    await ann.as('PATCH', `/api/v1/webhooks/${id}`, { body: { status: 'active' } });
    expect((await again()).status).to.equal(202);
    await reaches(ann, id, { state: 'delivered', attempts: 2 });
  });

  it('can be read as they were sent, and listed by their state', async () => {
    const ann = await signIn();
    const receiver = await receiving();
    const { id } = await aHook(ann, { url: receiver.url });
    await rename(ann, 'Anna');
    await reaches(ann, id, { state: 'delivered' });
    const [delivered] = await deliveries(ann, id, '?state=delivered');
    expect(await deliveries(ann, id, '?state=failed')).to.deep.equal([]);
    const one = await ann.as('GET', `/api/v1/webhooks/${id}/deliveries/${delivered!.id}`);
    expect(one.body).to.include({ id: delivered!.id, body: receiver.received[0]!.body });
    expect((JSON.parse(one.body.body) as ReadEvent).type).to.equal('user.updated');
    expect((await ann.as('GET', `/api/v1/webhooks/${id}/deliveries?state=lost`)).status).to.equal(400);
  });

  it('of a test come once, whatever is answered', async () => {
    const ann = await signIn();
    const receiver = await receiving({ answer: answering(500) });
    const { id, secret } = await aHook(ann, { url: receiver.url, status: 'disabled' });
    const { status, body } = await ann.as('POST', `/api/v1/webhooks/${id}/test`);
    expect([status, body.event, body.state]).to.deep.equal([202, 'webhook.test', 'pending']);
    await reaches(ann, id, { state: 'failed', attempts: 1, error: 'HTTP 500' });
    expect(verified(secret, receiver.received[0]!)).to.deep.include({ data: { webhookId: id } });
  });
});

describe('a node that dies while it tells somebody', function () {
  this.timeout(120_000);
  const { node, signIn } = servingV1();
  afterEach(closeReceivers);
  after(endProcesses);

  /** Another node of the house, in a process of its own: the one of this process makes changes and delivers nothing. */
  async function worker(): Promise<NodeProcess> {
    const [port] = await freePorts(1);
    const { config } = node().house;
    const child = startProcess({
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl(),
      PORT: String(port),
      PUBLIC_URL: config.PUBLIC_URL,
      GATEHOUSE_MASTER_KEY: config.GATEHOUSE_MASTER_KEY!,
      EGRESS_ALLOWED_CIDRS: '127.0.0.0/8',
    });
    await child.hasPrinted('"listening"');
    return child;
  }

  it('loses nothing: the next one tells it, under the same id', async () => {
    const ann = await signIn();
    const receiver = await receiving({ answer: hanging });
    const { id, secret } = await aHook(ann, { url: receiver.url });
    await rename(ann, 'Anna');
    expect(await deliveries(ann, id)).to.have.lengthOf(1);

    const first = await worker();
    await receiver.has(1);
    await first.kill();
    receiver.answer = answering(204);
    // The lease of the dead runs out.
    await pool()('outbox')
      .where({ tenant_id: ann.site.tenantId })
      .update({ due_at: new Date(0) });
    const second = await worker();
    await reaches(ann, id, { state: 'delivered' });
    await second.stop();

    const [before, after] = receiver.received;
    expect(after!.headers['webhook-id']).to.equal(before!.headers['webhook-id']);
    expect(after!.body).to.equal(before!.body);
    expect(verified(secret, after!)).to.include({ type: 'user.updated' });
  });
});

describe('a receiver that is made on one node', function () {
  this.timeout(60_000);
  let there: TestNode;
  const { node, signIn } = servingV1();
  before(async () => {
    there = await startNode({ publicUrl: node().url });
  });
  after(() => there.stop());

  it('hears within a second of what happens on another', async () => {
    const ann = await signIn();
    const { services } = there.house;
    const change = (firstName: string) =>
      services.users.updateProfile({ ...ann.site.call, db: there.house.db }, ann.site.user, { firstName });
    await change('A');
    const { id } = await aHook(ann, { url: 'https://hooks.example/' });
    let at = 0;
    const heard = async () => {
      await change(`B${at++}`);
      return (await deliveries(ann, id)).length > 0;
    };
    await eventually('the other node tells it', heard, 1_000);
  });
});
