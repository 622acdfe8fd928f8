import { expect } from 'chai';
import type { Knex } from 'knex';
import pg from 'pg';
import { migrate } from '../../../src/database/migrate.ts';
import { createPool } from '../../../src/database/pool.ts';
import { inOperatorTransaction, type OperatorCall, type TenantCall } from '../../../src/kernel/call.ts';
import { startTestDatabase, type TestDatabase } from '../../support/postgres.ts';
import { aSlug, auditOf, operator, rooms } from '../../support/rooms.ts';
import { anotherNode, verdictOf, write } from './trail.ts';

/** Noon of a day, so many days after the first of February 2031. */
const day = (days: number) => new Date(Date.UTC(2031, 1, 1 + days, 12));
const daysOf = async (call: TenantCall) => (await auditOf(call)).filter((action) => action.startsWith('day.'));

// On a database of its own: retention goes through all tenants, and those of other tests have other keys.
describe('the retention of the trail', () => {
  let database: TestDatabase;
  let db: Knex;
  let hands: pg.Client;
  before(async function () {
    this.timeout(60_000);
    database = await startTestDatabase();
    db = createPool(database.url, { max: 5, name: 'retention' });
    await migrate(db);
    hands = new pg.Client(database.superuserUrl);
    await hands.connect();
  });
  after(async () => {
    await hands.end();
    await db.destroy();
    await database.stop();
  });

  const at = (days: number): OperatorCall => ({ ...operator(day(days)), db });

  /** A tenant with a record in each of the months from February on, chained as time went by. */
  async function aTenantSince(retentionDays?: number): Promise<TenantCall> {
    const { id } = await rooms().tenants.create(at(0), { slug: aSlug(), name: 'Acme' });
    const call = { ...at(0), tenantId: id };
    if (retentionDays) await rooms().tenants.updateSettings(call, { audit: { retentionDays } });
    for (const days of [0, 10, 40, 70, 100]) {
      await write({ ...call, now: day(days) }, `day.${days}`);
      await rooms().audit.link({ ...call, now: day(days) });
    }
    return call;
  }

  const monthsNow = async (): Promise<string[]> => {
    const { rows } = await hands.query(
      `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'audit_chain'::regclass order by 1`,
    );
    return rows.map(({ name }) => name.slice('audit_chain_'.length));
  };

  it('drops whole months after their time, and what is left verifies from a signed point', async () => {
    const call = await aTenantSince(60);
    await rooms().audit.prune(at(115));

    expect(await daysOf(call)).to.deep.equal(['day.40', 'day.70', 'day.100']);
    await rooms().audit.link({ ...call, now: day(115) });
    expect((await auditOf(call)).at(-1)).to.equal('audit.pruned');
    expect(await verdictOf(call)).to.include({ intact: true, entries: 4 });

    await rooms().audit.prune(at(400));
    expect(await daysOf(call)).to.deep.equal([]);
    expect(await verdictOf(call)).to.include({ intact: true });
    await write({ ...call, now: day(401) }, 'day.401');
    await rooms().audit.link({ ...call, now: day(401) });
    expect(await verdictOf(call)).to.include({ intact: true });
  });

  it('keeps four hundred days unless the tenant says otherwise', async () => {
    const [short, long] = [await aTenantSince(30), await aTenantSince()];
    await rooms().audit.prune(at(130));
    expect([await daysOf(short), await daysOf(long)]).to.deep.equal([
      ['day.100'],
      ['day.0', 'day.10', 'day.40', 'day.70', 'day.100'],
    ]);
    for (const call of [short, long]) expect(await verdictOf(call)).to.include({ intact: true });
    await rooms().audit.prune(at(435));
    expect(await daysOf(long)).to.deep.equal(['day.40', 'day.70', 'day.100']);
    expect(await verdictOf(long)).to.include({ intact: true });
  });

  it('drops the table of a month once nobody keeps anything in it', async () => {
    const calls = [await aTenantSince(30), await aTenantSince(60)];
    await rooms().audit.prune(at(1_000));
    for (const call of calls) expect(await daysOf(call)).to.deep.equal([]);
    const months = await monthsNow();
    expect(months).not.to.include('2031_02').and.not.include('2031_03').and.not.include('2031_04');
  });

  it('can be done twice at once', async () => {
    const call = await aTenantSince(60);
    await Promise.all([rooms().audit.prune(at(115)), anotherNode().prune(at(115))]);
    await rooms().audit.link({ ...call, now: day(115) });
    expect(await daysOf(call)).to.deep.equal(['day.40', 'day.70', 'day.100']);
    expect(await verdictOf(call)).to.include({ intact: true });
    expect((await auditOf(call)).filter((action) => action === 'audit.pruned')).to.have.length(1);
  });

  it('cannot be feigned: a chain whose beginning somebody cut off is found', async () => {
    const call = await aTenantSince(60);
    const { rows } = await hands.query('select id from audit_chain where tenant_id = $1 and seq = 3', [call.tenantId]);
    const third = rows[0].id;
    await hands.query('delete from audit_chain where tenant_id = $1 and seq <= 3', [call.tenantId]);
    expect(await verdictOf(call)).to.include({ problem: 'missing', id: third });
    await hands.query(
      `insert into audit_checkpoints select tenant_id, 'base', 3, $2, hash, at, signature from audit_checkpoints
        where tenant_id = $1 and kind = 'head'`,
      [call.tenantId, third],
    );
    expect(await verdictOf(call)).to.include({ problem: 'checkpoint', id: third });
  });

  it('makes the tables of the next months ahead, each shut behind row-level security', async () => {
    await rooms().audit.makeMonths(at(2_000));
    await rooms().audit.makeMonths(at(2_000));
    const { rows } = await hands.query(
      `select relname as name, relrowsecurity and relforcerowsecurity as shut from pg_class
        where relname like 'audit_chain_2036%' and relkind = 'r' order by 1`,
    );
    expect(rows).to.deep.equal(
      ['07', '08', '09', '10'].map((month) => ({ name: `audit_chain_2036_${month}`, shut: true })),
    );
    const policies = await hands.query(
      `select count(*)::int as count from pg_policies where tablename like 'audit_chain_2036%'`,
    );
    expect(policies.rows[0].count).to.equal(4);
  });

  it('holds up nobody who writes, and gives up soon where somebody reads', async () => {
    await aTenantSince(60);
    const outcome = await inOperatorTransaction(at(0), async (reader) => {
      await reader.db('audit_chain').limit(1).select('id');
      return rooms()
        .audit.prune(at(1_000))
        .catch((error: { code: string }) => error.code);
    });
    expect(outcome).to.equal('55P03');
    await rooms().audit.prune(at(1_000));
  });
});
