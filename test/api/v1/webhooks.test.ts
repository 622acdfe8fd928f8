import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.ts';
import type { ReadEvent } from '../../support/events.ts';
import { closeReceivers, type Received, receiving, verified } from '../../support/receiver.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

const PATH = '/api/v1/webhooks';
const read = (secret: string, got: Received) => verified(secret, got) as ReadEvent;

describe('v1: webhooks', function () {
  this.timeout(60_000);
  const { node, signIn, site } = servingV1({}, { background: true });
  afterEach(closeReceivers);

  const made = async ({ as }: SignedIn, body: object = {}) => {
    const answer = await as('POST', PATH, { body: { url: 'https://hooks.example/', events: ['*'], ...body } });
    expect(answer.status, answer.text).to.equal(201);
    return answer.body as { id: string; secret: string };
  };

  it('are told of a change, signed, in the words of the API', async () => {
    const ann = await signIn();
    const receiver = await receiving();
    const { id, secret } = await made(ann, { url: `${receiver.url}?key=value`, events: ['user.*'] });
    await ann.as('PATCH', '/api/v1/me', { body: { firstName: 'Anna' } });

    const [got] = await receiver.has(1);
    const event = read(secret, got!);
    const { user } = ann.tokens;
    expect(event).to.deep.include({
      type: 'user.updated',
      tenantId: user.tenantId,
      actor: { type: 'user', id: user.id },
    });
    expect(event.data.changed).to.deep.equal(['firstName']);
    expect(event.data.user).to.deep.equal((await ann.as('GET', '/api/v1/me')).body);
    expect(got!.path).to.equal('/hook?key=value');
    expect(got!.headers).to.include({
      'webhook-id': event.id,
      'content-type': 'application/json',
      'user-agent': 'gatehouse',
    });
    expect(Number(got!.headers['webhook-timestamp']) * 1000).to.be.closeTo(Date.now(), 60_000);
    expect(id).to.match(/^whk_/);
  });

  it('are told of sign-ins, passwords, sessions and factors', async () => {
    const ann = await signIn();
    const receiver = await receiving();
    const { secret } = await made(ann, {
      url: receiver.url,
      events: ['user.signed_in', 'password.*', 'session.*', 'factor.*'],
    });
    const again = await signIn(ann.site);
    await again.as('POST', '/api/v1/auth/logout');
    const next = 'seven quiet rivers at dawn';
    await ann.as('POST', '/api/v1/me/password', {
      body: { currentPassword: 'correct horse battery staple', newPassword: next },
    });

    const events = (await receiver.has(3)).map((got) => read(secret, got));
    const userId = ann.tokens.user.id;
    const byType = new Map(events.map((event) => [event.type, event.data]));
    expect(byType.get('user.signed_in')).to.deep.equal({ userId, methods: [] });
    expect(byType.get('session.ended')).to.include({ reason: 'sign_out' });
    expect(byType.get('session.ended').sessionId).to.match(/^ses_/);
    expect(byType.get('password.changed')).to.deep.equal({ userId, by: 'user' });
  });

  it('are shown without their secret, in pages, the newest first', async () => {
    const ann = await signIn();
    const first = await made(ann, { url: 'https://hooks.example/1', description: 'First' });
    const second = await made(ann, { url: 'https://hooks.example/2', events: ['user.*', 'role.*'] });
    const { body, text } = await ann.as('GET', `${PATH}?pageSize=1`);
    expect(body).to.include({ page: 1, pageSize: 1, total: 2 });
    expect(body.data[0]).to.deep.include({
      id: second.id,
      events: ['role.*', 'user.*'],
      status: 'active',
      disabledReason: null,
    });
    const one = await ann.as('GET', `${PATH}/${first.id}`);
    expect(one.body).to.include({ id: first.id, url: 'https://hooks.example/1', description: 'First' });
    for (const shown of [text, one.text]) expect(shown).not.to.include('secret').and.not.include('whsec');
  });

  it('change their secret with their address, and only then', async () => {
    const ann = await signIn();
    const { id, secret } = await made(ann);
    const patch = (body: object) => ann.as('PATCH', `${PATH}/${id}`, { body });
    expect((await patch({ events: ['user.*'] })).body).not.to.have.property('secret');
    expect((await patch({ url: 'https://hooks.example/' })).body).not.to.have.property('secret');
    const moved = await patch({ url: 'https://hooks.example/elsewhere' });
    expect(moved.body.secret)
      .to.match(/^whsec_/)
      .and.not.equal(secret);
    expect(moved.body.overlapUntil).to.equal(null);
  });

  it('sign under two secrets while one takes over from the other', async () => {
    const ann = await signIn();
    const receiver = await receiving();
    const { id, secret: first } = await made(ann, { url: receiver.url });
    const rotate = async (body?: object) => (await ann.as('POST', `${PATH}/${id}/rotate`, body ? { body } : {})).body;
    const test = async (count: number) => {
      await ann.as('POST', `${PATH}/${id}/test`);
      return (await receiver.has(count)).at(-1)!;
    };
    const { secret: second, overlapUntil } = await rotate();
    expect(Date.parse(overlapUntil)).to.be.closeTo(Date.now() + 86_400_000, 60_000);
    const both = await test(1);
    for (const secret of [first, second]) expect(read(secret, both).type).to.equal('webhook.test');

    const { secret: third } = await rotate({ overlapSeconds: 60 });
    const turned = await test(2);
    for (const secret of [second, third]) read(secret, turned);
    expect(() => read(first, turned)).to.throw();

    const { secret: fourth, overlapUntil: none } = await rotate({ overlapSeconds: 0 });
    expect(none).to.equal(null);
    const alone = await test(3);
    read(fourth, alone);
    expect(() => read(third, alone)).to.throw();
    expect(String(alone.headers['webhook-signature']).split(' ')).to.have.lengthOf(1);
  });

  it('belong to who may have them', async () => {
    const home = await site();
    const { services } = node().house;
    await services.access.setUserRoles(home.call, home.user, ['TENANT_ADMIN']);
    const { email } = await services.users.create(home.call, {
      email: `bob@${home.slug}.test`,
      status: 'active',
      emailVerified: true,
      password: 'correct horse battery staple',
    });
    const ann = await signIn(home);
    const { id } = await made(ann);
    const asks: [string, string, string, object?][] = [
      ['iam.webhooks:read', 'GET', PATH],
      ['iam.webhooks:read', 'GET', `${PATH}/${id}`],
      ['iam.webhooks:read', 'GET', `${PATH}/${id}/deliveries`],
      ['iam.webhooks:read', 'GET', '/api/v1/webhook-events'],
      ['iam.webhooks:write', 'POST', PATH, { url: 'https://hooks.example/x', events: ['*'] }],
      ['iam.webhooks:write', 'PATCH', `${PATH}/${id}`, { events: ['*'] }],
      ['iam.webhooks:write', 'POST', `${PATH}/${id}/rotate`],
      ['iam.webhooks:write', 'POST', `${PATH}/${id}/test`],
      ['iam.webhooks:write', 'DELETE', `${PATH}/${id}`],
    ];
    for (const roles of [[], ['USER_ADMIN'], ['AUDITOR']]) {
      const bobId = (await services.users.findByIdentifier(home.call, email))!.id;
      await services.access.setUserRoles(home.call, bobId, roles);
      const bob = await signIn({ ...home, email });
      for (const [permission, method, path, body] of asks) {
        const allowed = roles[0] === 'AUDITOR' && permission === 'iam.webhooks:read';
        const { status } = await bob.as(method, path, body ? { body } : {});
        expect([roles, method, path, status]).to.deep.equal([roles, method, path, allowed ? 200 : 403]);
      }
    }
  });

  it('refuse an address that is there already, one too many, and more events than there may be', async () => {
    const ann = await signIn();
    const { id } = await made(ann);
    const post = (body: object) =>
      ann.as('POST', PATH, { body: { url: 'https://hooks.example/x', events: ['*'], ...body } });
    const taken = await post({ url: 'https://hooks.example/' });
    expect([taken.status, taken.body.error]).to.deep.equal([409, 'IDENT_WEBHOOK_DUPLICATE']);
    await made(ann, { url: 'https://hooks.example/y' });
    const moved = await ann.as('PATCH', `${PATH}/${id}`, { body: { url: 'https://hooks.example/y' } });
    expect([moved.status, moved.body.error]).to.deep.equal([409, 'IDENT_WEBHOOK_DUPLICATE']);

    const events = Array.from({ length: LIMITS.webhookEvents + 1 }, () => 'user.created');
    expect((await post({ events })).status).to.equal(400);
    expect((await post({ events: events.slice(1) })).status).to.equal(201);
    for (const bad of [
      { events: ['user.born'] },
      { url: 'https://10.0.0.1/' },
      { url: 'http://hooks.example/#x' },
      { description: 'a\u202eb' },
    ]) {
      const { status, body } = await post(bad);
      expect([status, body.details[0].field]).to.deep.equal([400, Object.keys(bad)[0]]);
    }
    for (let at = 3; at < LIMITS.webhooks; at++) await made(ann, { url: `https://hooks.example/${at}` });
    const one = await post({ url: 'https://hooks.example/more' });
    expect([one.status, one.body.error]).to.deep.equal([422, 'IDENT_WEBHOOK_LIMIT']);
  });

  it('are made once, though the request comes twice, and told their secret both times', async () => {
    const ann = await signIn();
    const request = {
      body: { url: 'https://hooks.example/', events: ['*'] },
      headers: { 'idempotency-key': 'make it' },
    };
    const [first, again] = [await ann.as('POST', PATH, request), await ann.as('POST', PATH, request)];
    expect([again.status, again.text]).to.deep.equal([201, first.text]);
    expect(first.headers.get('location')).to.equal(`${PATH}/${first.body.id}`);
    expect((await ann.as('GET', PATH)).body.total).to.equal(1);
  });

  it('are changed by who has read them as they are', async () => {
    const ann = await signIn();
    const { id } = await made(ann);
    const etag = (await ann.as('GET', `${PATH}/${id}`)).headers.get('etag')!;
    const patch = (events: string[]) =>
      ann.as('PATCH', `${PATH}/${id}`, { body: { events }, headers: { 'if-match': etag } });
    expect((await patch(['user.*'])).status).to.equal(200);
    expect((await patch(['role.*'])).status).to.equal(412);
    expect((await ann.as('DELETE', `${PATH}/${id}`, { headers: { 'if-match': etag } })).status).to.equal(412);
  });

  it('come with a catalogue of what they can be sent', async () => {
    const ann = await signIn();
    const { status, body } = await ann.as('GET', '/api/v1/webhook-events');
    expect(status).to.equal(200);
    const created = body.data.find(({ name }: { name: string }) => name === 'user.created');
    expect(created.example).to.include({ type: 'user.created' });
    expect(created.schema.properties.data.anyOf[0].properties.user.properties).to.include.keys('email', 'status');
  });

  it('leave their trail', async () => {
    const ann = await signIn();
    const { id } = await made(ann);
    await ann.as('POST', `${PATH}/${id}/rotate`);
    await ann.as('PATCH', `${PATH}/${id}`, { body: { status: 'disabled' } });
    await ann.as('PATCH', `${PATH}/${id}`, { body: { status: 'disabled' } });
    await ann.as('DELETE', `${PATH}/${id}`);
    expect((await ann.as('DELETE', `${PATH}/${id}`)).status).to.equal(404);
    const { call } = ann.site;
    const rows = await call.db.transaction(async (db) => {
      await db.raw(`select set_config('gatehouse.tenant', ?, true)`, [call.tenantId]);
      return db('audit_events')
        .where({ tenant_id: call.tenantId })
        .whereLike('action', 'webhook.%')
        .orderBy('id')
        .pluck('action');
    });
    expect(rows).to.deep.equal(['webhook.created', 'webhook.secret_rotated', 'webhook.updated', 'webhook.removed']);
  });
});
