import { expect } from 'chai';
import { jobIds } from '../../../src/api/v1/ids.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import type { Send } from '../../support/api.ts';
import { aColleague } from '../../support/colleagues.ts';
import { PASSWORD } from '../../support/node.ts';
import { servingV1 } from '../../support/v1.ts';

const IMPORT = '/api/v1/users/import';
const EXPORT = '/api/v1/users/export';

describe('files of users over v1', function () {
  this.timeout(60_000);
  const v1 = servingV1();
  const { signIn, node } = v1;

  const send = (as: Send, raw: string, headers: Record<string, string> = {}) =>
    as('POST', IMPORT, { raw, headers: { 'content-type': 'application/x-ndjson', ...headers } });

  /** What a node’s background does with a job. */
  async function work(jobId: string): Promise<void> {
    const { services, operator } = node().house;
    const only = jobIds.decode(jobId)!;
    await (await services.jobs.take(operator('jobs'), new AbortController().signal, { only }))!();
  }

  it('are taken in, done as a job, and let people sign in with the passwords of before', async () => {
    const { as, site, house } = await signIn();
    const email = `old@${site.slug}.test`;
    // bcrypt of the password of all, cost 4
    const { hashSync } = (await import('bcryptjs')).default;
    const taken = await send(as, `{"email":"${email}","passwordHash":"${hashSync(PASSWORD, 4)}"}\n{"email":"x"}\n`);
    expect(taken.status, taken.text).to.equal(202);
    expect(taken.headers.get('location')).to.equal(`/api/v1/jobs/${taken.body.jobId}`);
    await work(taken.body.jobId);
    const job = (await as('GET', `/api/v1/jobs/${taken.body.jobId}`)).body;
    expect(job).to.deep.include({ kind: 'user-import', state: 'succeeded', result: { created: 1, problems: 1 } });
    expect(job.errors).to.deep.equal([{ line: 2, message: 'invalid_input: email must be one plain address' }]);
    expect((await as('GET', `/api/v1/jobs/${taken.body.jobId}/result`)).text).to.include('2,invalid_input');

    const old = await signIn({ ...site, email });
    const { rows } = await inTransaction(site.call, ({ db }) =>
      db.raw('select hash from passwords p join users u on u.id = p.user_id where u.email = ?', [email]),
    );
    expect(rows[0].hash).to.match(/^\$argon2id\$/);
    expect((await old.as('GET', EXPORT)).status).to.equal(403);
    expect(house).to.equal(node().house);
  });

  it('that come again under one key are one import', async () => {
    const { as } = await signIn();
    const key = { 'idempotency-key': 'k' };
    const first = await send(as, '{"email":"a@x.test"}', key);
    const again = await send(as, '{"email":"a@x.test"}', key);
    expect([again.text, again.headers.get('idempotency-replayed')]).to.deep.equal([first.text, 'true']);
    expect((await send(as, '{"email":"b@x.test"}', key)).body.error).to.equal('IDENT_IDEMPOTENCY_MISMATCH');
    expect((await as('GET', '/api/v1/jobs?kind=user-import')).body.total).to.equal(1);
  });

  it('are of a type that is known', async () => {
    const { as } = await signIn();
    expect((await send(as, 'email\na@x.test', { 'content-type': 'text/csv; charset=utf-8' })).status).to.equal(202);
    for (const type of ['text/plain', 'application/json', 'multipart/form-data; boundary=x'])
      expect((await send(as, '{}', { 'content-type': type })).body.error).to.equal('IDENT_UNSUPPORTED_MEDIA');
    expect((await as('POST', IMPORT)).body.error).to.equal('IDENT_VALIDATION');
  });

  it('are exported as they can be imported, and nobody from another tenant is in them', async () => {
    const [mine, theirs] = [await signIn(), await signIn()];
    const answer = await mine.as('GET', `${EXPORT}?format=csv`);
    expect(answer.headers.get('content-disposition')).to.equal('attachment; filename="users.csv"');
    expect(answer.text).to.include(mine.site.email).and.not.include(theirs.site.email);
    const lines = (await mine.as('GET', EXPORT)).text.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).email)).to.deep.equal([mine.site.email]);
    expect(answer.text + lines.join('')).not.to.match(/argon2|password/i);
    expect((await mine.as('GET', `${EXPORT}?withHashes=true`)).status).to.equal(400);
  });

  it('are for who may make people, and for who may see them', async () => {
    const { site } = await signIn();
    const auditor = await aColleague(v1, site, ['AUDITOR']);
    expect((await send(auditor.as, '{"email":"a@x.test"}')).status).to.equal(403);
    expect((await auditor.as('GET', EXPORT)).status).to.equal(200);
  });
});

describe('files of users that are taken too often', function () {
  this.timeout(60_000);
  const v1 = servingV1({ RATE_LIMITS: 'true' });

  it('are ten a minute from one tenant, whoever takes them', async () => {
    const { as, site } = await v1.signIn();
    const auditor = await aColleague(v1, site, ['AUDITOR']);
    for (let tries = 0; tries < 10; tries++) expect((await as('GET', EXPORT)).status).to.equal(200);
    const { status, body } = await auditor.as('GET', EXPORT);
    expect([status, body.error]).to.deep.equal([429, 'IDENT_RATE_LIMITED']);
  });
});
