import { expect } from 'chai';
import type { Job } from '../../../src/domain/jobs/job.ts';
import type { FileFormat } from '../../../src/domain/user-transfer/user-file.ts';
import { type Actor, inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { type JobId, newId, type UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { untilSomebodyWaits, whileUncommitted } from '../../support/race.ts';
import { actor, as, aTenant, aUser, auditOf, operator, rooms } from '../../support/rooms.ts';
import { timePasses } from '../jobs/house.ts';

async function* piecesOf(content: string) {
  yield Buffer.from(content);
}

async function started(call: TenantCall, content: string, format: FileFormat = 'ndjson'): Promise<JobId> {
  const { userTransfer } = rooms();
  return (await userTransfer.startImport(call, await userTransfer.receive(call, piecesOf(content), { format }))).id;
}

/** Takes the job away from whoever has it, and does it to its end. */
async function worked(call: TenantCall, id: JobId): Promise<Job> {
  await timePasses(call, id);
  const work = await rooms().jobs.take({ ...operator(), now: new Date() }, new AbortController().signal, { only: id });
  await work!();
  return rooms().jobs.get(watching(call), id);
}
/** Who may see every job. */
const watching = (call: TenantCall): TenantCall => ({ ...operator(), tenantId: call.tenantId });

const imported = async (call: TenantCall, content: string, format?: FileFormat) =>
  worked(call, await started(call, content, format));

const ndjson = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const emailsOf = async (call: TenantCall) =>
  (await rooms().users.list(watching(call), { sort: 'email' })).items.map(({ email }) => email);
const exported = async (call: TenantCall, options: { format: FileFormat; withHashes?: boolean }) =>
  (await Array.fromAsync(await rooms().userTransfer.export(call, options))).join('');
const problemsOf = ({ errors }: Job) => errors.map(({ line, message }) => `${line} ${message}`);

/** The password `correct horse` as other systems keep it; see test/domain/passwords/foreign-hash.test.ts for their vectors. */
const SSHA = '{SSHA}JFJMrIhTHUt7+qOY/eDcEtp0uvZzYWx0';

describe('an import of users', function () {
  this.timeout(60_000);

  it('makes each with all that its line says', async () => {
    const call = await aTenant();
    const id = newId<UserId>();
    const job = await imported(
      call,
      ndjson([
        {
          id,
          email: 'Ann@X.test',
          emailVerified: true,
          username: 'Ann',
          firstName: 'Ann',
          lastName: 'Lee',
          phone: '+15551234567',
          locale: 'fr-ca',
          timezone: 'UTC',
          roles: ['AUDITOR'],
          createdAt: '2020-01-01T00:00:00Z',
          passwordHash: SSHA,
          mustChangePassword: true,
        },
        { email: 'bob@x.test', status: 'suspended' },
      ]),
    );
    expect(job).to.deep.include({ state: 'succeeded', errorCount: 0, result: { created: 2, problems: 0 } });
    expect(job.done).to.equal(job.total);
    expect(await rooms().users.get(call, id)).to.deep.include({
      email: 'Ann@X.test',
      emailVerified: true,
      username: 'Ann',
      phoneVerified: false,
      locale: 'fr-CA',
      status: 'active',
      createdAt: new Date('2020-01-01T00:00:00Z'),
    });
    expect((await rooms().access.accessOf(call, id)).roles).to.deep.equal(['AUDITOR']);
    const [hash] = await inTransaction(call, (tx) =>
      rooms().passwordTransfer.hashesOf(tx, [{ tenantId: call.tenantId, userId: id }]),
    );
    expect(hash).to.deep.include({ mustChange: true, stored: { hash: SSHA, pepperId: null, normalForm: null } });
    expect(await auditOf(call)).to.deep.equal([
      'tenant.created',
      'job.created',
      'user.created',
      'user.created',
      'job.succeeded',
    ]);
  });

  it('reports what it cannot do by line and code, repeats no secret, and does the rest', async () => {
    const call = await aTenant();
    await aUser(call, { email: 'there@x.test' });
    const secret = 'hunter2-and-more';
    const job = await imported(
      call,
      ndjson([
        { email: 'a@x.test', username: 'same' },
        { email: 'THERE@x.test', firstName: secret },
        { email: 'A@x.test' },
        { email: 'b@x.test', username: 'SAME' },
        { email: 'c@x.test', password: secret },
        { email: 'd@x.test', passwordHash: secret },
        { email: 'e@x.test', passwordHash: '$2b$31$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu' },
        { email: 'f@x.test', roles: ['NOBODY'] },
        { email: secret },
        { email: 'z@x.test' },
      ]).replace('{"email":"z', `{"email": "${secret}\n{"email":"z`),
    );
    expect(job.state).to.equal('succeeded');
    expect(problemsOf(job)).to.deep.equal([
      '2 email_taken',
      '3 email_taken',
      '4 username_taken',
      '5 invalid_input: the line has a field that is not known',
      '6 invalid_input: passwordHash is in no known format',
      '7 invalid_input: passwordHash is in no known format',
      '8 role_not_found: roles',
      '9 invalid_input: email must be one plain address',
      '10 invalid_input: the line is no JSON object',
    ]);
    expect(JSON.stringify(job)).not.to.include(secret);
    expect(await emailsOf(call)).to.deep.equal(['a@x.test', 'there@x.test', 'z@x.test']);
    const { text } = await rooms().jobs.result(watching(call), job.id);
    expect((await Array.fromAsync(text)).join('').split('\r\n').slice(0, 2)).to.deep.equal([
      'line,problem',
      '2,email_taken',
    ]);
  });

  it('gives no role that allows more than who asked for it might do', async () => {
    const call = await aTenant();
    const userId = await aUser(call, { email: 'clerk@x.test', roles: ['USER_ADMIN'] });
    const clerk = as(call, { ...actor(['iam.users:create', 'iam.users:read'], []), userId } as Actor);
    const job = await imported(
      clerk,
      ndjson([
        { email: 'a@x.test', roles: ['TENANT_ADMIN'] },
        { email: 'b@x.test' },
        { email: 'c@x.test', roles: ['SUPER_ADMIN'] },
      ]),
    );
    expect(problemsOf(job)).to.deep.equal(['1 privilege_escalation: roles', '3 role_not_found: roles']);
    expect(await emailsOf(call)).to.deep.equal(['b@x.test', 'clerk@x.test']);
  });

  it('makes as many as the tenant may have', async () => {
    const call = await aTenant({ settings: { maxUsers: 3 } });
    await aUser(call, { email: 'a@x.test' });
    const job = await imported(call, ndjson(['a', 'b', 'c', 'd'].map((name) => ({ email: `${name}@x.test` }))));
    expect(problemsOf(job)).to.deep.equal(['1 email_taken', '4 tenant_limit']);
    expect(await emailsOf(call)).to.deep.equal(['a@x.test', 'b@x.test', 'c@x.test']);
  });

  it('leaves who is there as they are, however often it is done', async () => {
    const call = await aTenant();
    const file = ndjson([{ email: 'a@x.test', firstName: 'A', passwordHash: SSHA }]);
    await imported(call, file);
    const before = await exported(call, { format: 'ndjson', withHashes: true });
    const job = await imported(
      call,
      file.replace('"A"', '"B"').replace(SSHA, '{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'),
    );
    expect(job.result).to.deep.equal({ created: 0, problems: 1 });
    expect(await exported(call, { format: 'ndjson', withHashes: true })).to.equal(before);
  });

  it('keeps its place with what it did: another that takes over makes nobody twice', async () => {
    const call = await aTenant();
    const lines = Array.from({ length: LIMITS.batchRows * 2 + 10 }, (_, n) => ({ email: `u${n}@x.test` }));
    const id = await started(call, ndjson(lines));
    const shutdown = new AbortController();
    const first = await rooms().jobs.take({ ...operator(), now: new Date() }, shutdown.signal, { only: id });
    // The node stops while it waits for an address that somebody else is taking, in the second batch.
    const later = `u${LIMITS.batchRows + 5}@x.test`;
    const taking = inTransaction(call, async (tx) => {
      await rooms().users.create(tx, { email: later });
      const running = first!();
      await untilSomebodyWaits(pool());
      shutdown.abort();
      throw Object.assign(new Error('thought better of it'), { running });
    });
    await taking.catch((error: Error & { running: Promise<void> }) => error.running);
    expect((await rooms().jobs.get(watching(call), id)).state).to.equal('queued');
    const job = await worked(call, id);
    expect(job).to.deep.include({ state: 'succeeded', errorCount: 0, result: { created: lines.length, problems: 0 } });
    expect((await auditOf(call)).filter((action) => action === 'user.created')).to.have.lengthOf(lines.length);
  });

  it('reports one who came between as taken', async () => {
    const call = await aTenant();
    const id = await started(call, ndjson([{ email: 'a@x.test' }, { email: 'b@x.test' }]));
    const outcome = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await rooms().users.create(tx, { email: 'a@x.test' });
          await hold();
        }),
      () => worked(call, id),
    );
    const job = (outcome as PromiseFulfilledResult<Job>).value;
    expect(problemsOf(job)).to.deep.equal(['1 conflict']);
    expect(await emailsOf(call)).to.deep.equal(['a@x.test', 'b@x.test']);
  });

  it('fails where the columns are not those of users, and says so', async () => {
    const job = await imported(await aTenant(), 'mail,name\na@x.test,A\n', 'csv');
    expect(job).to.include({ state: 'failed', failure: 'invalid_input' });
    expect(problemsOf(job)).to.deep.equal(['1 invalid_input: file must begin with a line that names known columns']);
  });

  it(`lists ${LIMITS.importProblems} problems and counts the rest`, async () => {
    const call = await aTenant();
    const job = await imported(call, '[]\n'.repeat(LIMITS.importProblems + 1));
    expect(job).to.include({ state: 'succeeded', errorCount: LIMITS.importProblems + 1 });
    const { text } = await rooms().jobs.result(watching(call), job.id);
    expect((await Array.fromAsync(text)).join('').trimEnd().split('\r\n')).to.have.lengthOf(LIMITS.importProblems + 1);
  });
});

describe('an export of users', function () {
  this.timeout(60_000);

  /** Users of every kind, more than one part of them. */
  async function aFullTenant(): Promise<TenantCall> {
    const call = await aTenant();
    const lines = Array.from({ length: LIMITS.batchRows + 20 }, (_, n) => ({
      email: `u${n}@x.test`,
      ...(n % 3 === 0 && {
        firstName: '=cmd|x',
        lastName: 'Two\u00a0words, "quoted"',
        phone: `+1555123${1000 + n}`,
        phoneVerified: true,
      }),
      ...(n % 5 === 0 && {
        username: `u_${n}`,
        roles: ['AUDITOR', 'USER_ADMIN'],
        emailVerified: true,
        passwordHash: SSHA,
      }),
      ...(n % 7 === 0 && { status: n % 2 === 0 ? 'pending' : 'suspended', locale: 'ar', timezone: 'Africa/Cairo' }),
    }));
    await imported(call, ndjson(lines));
    const own = await rooms().users.create(call, {
      email: 'own@x.test',
      password: 'a long and winding road',
      mustChangePassword: true,
    });
    expect(own.status).to.equal('active');
    return call;
  }

  for (const format of ['ndjson', 'csv'] as const)
    it(`as ${format} is imported elsewhere, and exported from there the same`, async () => {
      const from = await aFullTenant();
      const text = await exported(from, { format, withHashes: true });
      const to = await aTenant();
      const job = await imported(to, text, format);
      expect(problemsOf(job)).to.deep.equal([]);
      expect(await exported(to, { format, withHashes: true })).to.equal(text);
      const user = await rooms().users.findByIdentifier(to, 'own@x.test');
      const [hash] = await inTransaction(to, (tx) =>
        rooms().passwordTransfer.hashesOf(tx, [{ tenantId: to.tenantId, userId: user!.id }]),
      );
      expect(await rooms().passwords.verify(hash!.stored, 'a long and winding road')).to.equal(true);
    });

  it('has no hash unless it is asked for, nobody who is gone, and leaves a line in the audit trail', async () => {
    const call = await aTenant();
    await imported(
      call,
      ndjson([
        { email: 'a@x.test', passwordHash: SSHA },
        { email: 'b@x.test', firstName: '=1+1' },
      ]),
    );
    await rooms().users.deactivate(call, await aUser(call, { email: 'gone@x.test' }));
    for (const format of ['ndjson', 'csv'] as const) {
      const text = await exported(call, { format });
      expect(text)
        .to.include('a@x.test')
        .and.not.to.match(/SSHA|password|gone@/);
    }
    expect(await exported(call, { format: 'csv' })).to.include(",'=1+1,");
    expect((await auditOf(call)).filter((action) => action === 'user.exported')).to.have.lengthOf(3);
  });
});
