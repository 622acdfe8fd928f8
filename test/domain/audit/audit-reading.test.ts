import { expect } from 'chai';
import type { AuditRecord } from '../../../src/domain/audit/audit-record.ts';
import type { Place, RecordFilter } from '../../../src/domain/audit/audit-store.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { expectFailure } from '../../support/expect.ts';
import { actor, as, aTenant, NOON, rooms } from '../../support/rooms.ts';
import { aChain, anotherNode, tamper, write } from './trail.ts';

const later = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);

/** Two people who did five things in four hours; the last one is not chained. */
async function aDay() {
  const tenant = await aTenant();
  const [ann, ben] = [actor([]), actor([])] as { kind: 'user'; userId: UserId }[];
  const at = (who: object, minutes: number): TenantCall => ({ ...as(tenant, who as never), now: later(minutes) });
  await write(at(ann!, 60), 'user.updated', { target: 'user:1' });
  await write(at(ben!, 120), 'user.updated', { target: 'user:2' });
  await write(at(ann!, 180), 'role.created', { target: 'role:1' });
  await rooms().audit.link(tenant);
  await write(at(ben!, 240), 'role.removed', { target: 'role:1' });
  const call = { ...tenant, now: later(300) };
  return { call, ann: ann!.userId, ben: ben!.userId };
}
const read = async (call: TenantCall, filter: RecordFilter) =>
  (await rooms().audit.list(call, filter, { limit: 100 })).map(({ action }) => action);

const taken = async (rows: AsyncIterable<AuditRecord>) => {
  const all: AuditRecord[] = [];
  for await (const row of rows) all.push(row);
  return all;
};

describe('reading the trail', () => {
  it('gives the newest first, by who, what, on what and when', async () => {
    const { call, ann, ben } = await aDay();
    expect(await read(call, {})).to.deep.equal([
      'role.removed',
      'role.created',
      'user.updated',
      'user.updated',
      'tenant.created',
    ]);
    expect(await read(call, { actorId: ann })).to.deep.equal(['role.created', 'user.updated']);
    expect(await read(call, { action: 'user.updated', actorId: ben })).to.deep.equal(['user.updated']);
    expect(await read(call, { resource: 'role' })).to.deep.equal(['role.removed', 'role.created']);
    expect(await read(call, { resource: 'user', resourceId: '2' })).to.deep.equal(['user.updated']);
    expect(await read(call, { from: later(120), to: later(240) })).to.deep.equal(['role.created', 'user.updated']);
    expect(await read(call, { actorId: newId() })).to.deep.equal([]);
    expect(await read(await aTenant(), { actorId: ann })).to.deep.equal([]);
  });

  it('goes on from where it was, though records share their moment, and none is missed or comes twice', async () => {
    const call = await aChain(23);
    await write(call, 'thing.pending');
    const seen: string[] = [];
    for (let after: AuditRecord | undefined; ; ) {
      const place = after && { at: after.at, id: after.id };
      const part = await rooms().audit.list(call, {}, { after: place, limit: 5 });
      seen.push(...part.map(({ id }) => id));
      after = part.at(-1);
      if (part.length < 5) break;
    }
    expect(seen).to.have.length(24);
    expect([...new Set(seen)].sort().reverse()).to.deep.equal(seen);
  });

  it('exports all of it, the oldest first, in parts', async () => {
    const { call } = await aDay();
    const all = await taken(await rooms().audit.export(call, {}));
    expect(all.map(({ action }) => action)).to.deep.equal([
      'tenant.created',
      'user.updated',
      'user.updated',
      'role.created',
      'role.removed',
    ]);
    expect(all.every(({ hash }) => hash !== null)).to.equal(true);
  });

  it('lets a few read a whole trail, and not more of them at once', async () => {
    const call = await aChain(3);
    const node = anotherNode();
    const begun = [];
    for (let at = 0; at < LIMITS.auditExports; at++) {
      const rows = await node.export(call, {});
      await rows.next();
      begun.push(rows);
    }
    await expectFailure('busy', node.export(call, {}));
    await begun.pop()!.return(undefined);
    expect(await taken(await node.export(call, {}))).to.have.length(3);
    for (const rows of begun) await rows.return(undefined);

    const others = await Promise.all(Array.from({ length: LIMITS.auditWalks + 1 }, () => aChain(2)));
    const outcomes = await Promise.allSettled(others.map((other) => node.verify(other)));
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'fulfilled', 'rejected']);
  });

  it('answers all who ask for the same look by one', async () => {
    const call = await aChain(3);
    const node = anotherNode();
    const verdicts = await Promise.all(Array.from({ length: 10 }, () => node.verify(call)));
    expect(new Set(verdicts).size).to.equal(1);
    expect(await node.verify(call)).not.to.equal(verdicts[0]);
  });
});

describe('a long trail', function () {
  this.timeout(60_000);
  let call: TenantCall;
  const ROWS = 20_000;
  before(async () => {
    call = await aTenant();
    await rooms().audit.link(call);
    // Written by hand: for how it is found, not for what it says.
    await tamper(
      `insert into audit_chain (tenant_id, id, at, action, actor_kind, actor_id, resource, resource_id, digest, mac, seq, previous, hash)
        select $1, gen_random_uuid(), $2::timestamptz + n * interval '1 second', 'action.' || n % 50, 'user', 'actor-' || n % 100,
          'kind-' || n % 10, 'id-' || n % 1000, '', '', n + 1, gen_random_uuid(), ''
        from generate_series(1, ${ROWS}) n`,
      [call.tenantId, NOON],
    );
    await tamper('analyze audit_chain');
  });
  after(() => tamper('delete from audit_chain where tenant_id = $1', [call.tenantId]));

  /** How many rows the database touches to give a page. */
  async function rowsRead(filter: RecordFilter, after?: Place): Promise<number> {
    const texts: { sql: string; bindings: readonly unknown[] }[] = [];
    const note = (query: { sql: string; bindings: readonly unknown[] }) => void texts.push(query);
    call.db.on('query', note);
    await rooms().audit.list(call, filter, { after, limit: 50 });
    call.db.removeListener('query', note);
    const { sql, bindings } = texts.find((query) => query.sql.includes('union all'))!;
    const { rows } = await tamper(`explain (analyze, format json) ${sql}`, [...bindings]);
    const touched = (plan: Plan): number =>
      (plan['Relation Name'] ? plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0) : 0) +
      (plan.Plans ?? []).reduce((sum, inner) => sum + touched(inner), 0);
    return touched(rows[0]['QUERY PLAN'][0].Plan);
  }
  type Plan = { 'Relation Name'?: string; 'Actual Rows': number; 'Rows Removed by Filter'?: number; Plans?: Plan[] };

  for (const [name, filter] of Object.entries<RecordFilter>({
    everything: {},
    'one actor': { actorId: 'actor-7' },
    'one action': { action: 'action.7' },
    'one kind of thing': { resource: 'kind-7' },
    'one thing': { resource: 'kind-7', resourceId: 'id-7' },
    'an hour': { from: later(60), to: later(120) },
    'an actor who did nothing': { actorId: 'nobody' },
  })) {
    it(`gives a page without reading the rest: ${name}`, async () => {
      expect(await rowsRead(filter)).to.be.lessThan(200);
      const middle = { at: later(150).toISOString(), id: newId() };
      expect(await rowsRead(filter, middle), 'a later page').to.be.lessThan(200);
    });
  }
});
