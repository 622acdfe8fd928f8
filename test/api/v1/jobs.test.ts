import { expect } from 'chai';
import { jobIds } from '../../../src/api/v1/ids.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import type { JobId } from '../../../src/kernel/ids.ts';
import { eventually } from '../../support/oauth.ts';
import { closeReceivers, receiving } from '../../support/receiver.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

describe('v1: jobs', function () {
  this.timeout(60_000);
  const { node, signIn, site } = servingV1({}, { background: true });
  afterEach(closeReceivers);

  /** A job that sends again what failed at a webhook, which is nothing. */
  async function aJob({ as }: SignedIn): Promise<{ id: string; location: string | null }> {
    const hook = await as('POST', '/api/v1/webhooks', { body: { url: 'https://hooks.example/', events: ['*'] } });
    const answer = await as('POST', `/api/v1/webhooks/${hook.body.id}/redeliver`, {
      body: { since: '2026-01-01T00:00:00Z' },
    });
    expect(answer.status, answer.text).to.equal(202);
    return { id: answer.body.jobId, location: answer.headers.get('location') };
  }
  const ended = (who: SignedIn, id: string) =>
    eventually(
      'the job ends',
      async () => (await who.as('GET', `/api/v1/jobs/${id}`)).body.finishedAt !== null,
      20_000,
    );

  it('say how far they are, and what came of them', async () => {
    const ann = await signIn();
    const { id, location } = await aJob(ann);
    expect(location).to.equal(`/api/v1/jobs/${id}`);
    await ended(ann, id);
    const { body } = await ann.as('GET', `/api/v1/jobs/${id}`);
    expect(body).to.deep.include({
      id,
      kind: 'webhook-redelivery',
      state: 'succeeded',
      done: 0,
      total: 0,
      errors: [],
      errorCount: 0,
      result: { redelivered: 0 },
    });
    const list = await ann.as('GET', '/api/v1/jobs?state=succeeded&kind=webhook-redelivery');
    expect(list.body).to.deep.include({ total: 1, data: [body] });
    expect((await ann.as('GET', '/api/v1/jobs?state=failed')).body.total).to.equal(0);
  });

  it('belong to who asked, and to who holds the permission of their kind', async () => {
    const home = await site();
    const { services } = node().house;
    const person = async (name: string, roles: string[]) => {
      const email = `${name}@${home.slug}.test`;
      await services.users.create(home.call, {
        email,
        status: 'active',
        emailVerified: true,
        password: 'correct horse battery staple',
        roles,
      });
      return signIn({ ...home, email });
    };
    const [ann, boss, bob] = [
      await signIn(home),
      await person('boss', ['TENANT_ADMIN']),
      await person('bob', ['USER_ADMIN']),
    ];
    const { id } = await aJob(ann);
    expect((await boss.as('GET', `/api/v1/jobs/${id}`)).status).to.equal(200);
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/result'],
      ['POST', '/cancel'],
    ] as const) {
      const answer = await bob.as(method, `/api/v1/jobs/${id}${path}`);
      expect([path, answer.status, answer.body.error]).to.deep.equal([path, 404, 'IDENT_JOB_NOT_FOUND']);
    }
    expect((await bob.as('GET', '/api/v1/jobs')).body.total).to.equal(0);
  });

  it('are cancelled while they wait, and refuse it once they have ended', async () => {
    const ann = await signIn();
    const { id } = await aJob(ann);
    await ended(ann, id);
    const late = await ann.as('POST', `/api/v1/jobs/${id}/cancel`);
    expect([late.status, late.body.error]).to.deep.equal([409, 'IDENT_JOB_FINISHED']);

    // One that no node here can do waits for ever.
    const { call, user } = ann.site;
    const waiting = await inTransaction(call, async (tx) => {
      const [row] = await tx
        .db('jobs')
        .insert({
          ...{ tenant_id: call.tenantId, id: '01900000-0000-7000-8000-000000000001', kind: 'unknown', state: 'queued' },
          ...{
            actor: '{"kind":"system","name":"test"}',
            owner: `user:${user}`,
            due_at: new Date(),
            created_at: new Date(),
          },
        })
        .returning('id');
      return jobIds.encode(row.id as JobId);
    });
    const { status, body } = await ann.as('POST', `/api/v1/jobs/${waiting}/cancel`);
    expect([status, body.state]).to.deep.equal([202, 'cancelled']);
  });

  it('stream the file that they leave', async () => {
    const ann = await signIn();
    const { id } = await aJob(ann);
    await ended(ann, id);
    const none = await ann.as('GET', `/api/v1/jobs/${id}/result`);
    expect([none.status, none.body.error]).to.deep.equal([404, 'IDENT_NOT_FOUND']);
    const { files } = node().house.services.jobs;
    await inTransaction(ann.site.call, async (tx) => {
      for (const line of ['a,b\n', 'ä,ö\n'])
        await files.write(tx, jobIds.decode(id)!, line, { type: 'text/csv', name: 'letters.csv' });
    });
    const { status, text, headers } = await ann.as('GET', `/api/v1/jobs/${id}/result`);
    expect([status, text]).to.deep.equal([200, 'a,b\nä,ö\n']);
    expect(headers.get('content-type')).to.equal('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).to.equal('attachment; filename="letters.csv"');
  });

  it('send again what a receiver has missed', async () => {
    const ann = await signIn();
    const receiver = await receiving({ answer: (response) => void response.writeHead(410).end() });
    const hook = await ann.as('POST', '/api/v1/webhooks', { body: { url: receiver.url, events: ['user.updated'] } });
    const path = `/api/v1/webhooks/${hook.body.id}`;
    await ann.as('PATCH', '/api/v1/me', { body: { firstName: 'Anna' } });
    await eventually('it is disabled', async () => (await ann.as('GET', path)).body.status === 'disabled', 20_000);
    receiver.answer = (response) => void response.writeHead(204).end();
    await ann.as('PATCH', path, { body: { status: 'active' } });

    const key = { 'idempotency-key': 'once' };
    const ask = () => ann.as('POST', `${path}/redeliver`, { body: { since: '2026-01-01T00:00:00Z' }, headers: key });
    const [first, again] = [await ask(), await ask()];
    expect([again.body.jobId, again.headers.get('idempotency-replayed')]).to.deep.equal([first.body.jobId, 'true']);
    await ended(ann, first.body.jobId);
    expect((await ann.as('GET', `/api/v1/jobs/${first.body.jobId}`)).body.result).to.deep.equal({ redelivered: 1 });
    const [missed, got] = await receiver.has(2);
    expect(got!.headers['webhook-id']).to.equal(missed!.headers['webhook-id']);
  });
});
