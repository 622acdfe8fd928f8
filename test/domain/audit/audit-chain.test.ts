import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { aTenant, auditOf, operator, rooms } from '../../support/rooms.ts';
import { aChain, anotherNode, idsOf, tamper, verdictOf, write } from './trail.ts';

const RECORDS = 6;

describe('the chain of a tenant', () => {
  it('has every record once, in order, and begins with the making of the tenant', async () => {
    const call = await aChain(RECORDS);
    expect(await auditOf(call)).to.deep.equal(['tenant.created', ...Array(RECORDS - 1).fill('thing.done')]);
    expect(await rooms().audit.link(call)).to.deep.equal([]);
    expect(await verdictOf(call)).to.deep.equal({ intact: true, entries: RECORDS, problem: undefined, id: undefined });
    const { rows } = await tamper('select seq from audit_chain where tenant_id = $1 order by seq', [call.tenantId]);
    expect(rows.map(({ seq }) => Number(seq))).to.deep.equal([1, 2, 3, 4, 5, 6]);
  });

  it('does not skip a record whose transaction commits late', async () => {
    const call = await aTenant();
    await inTransaction(call, async (tx) => {
      await rooms().audit.record(tx, 'slow.done');
      await write(call, 'quick.done');
      await rooms().audit.link(call);
      expect(await auditOf(call)).to.deep.equal(['tenant.created', 'quick.done']);
    });
    await rooms().audit.link(call);
    expect(await verdictOf(call)).to.include({ intact: true, entries: 3 });
  });

  it('does not fork when many extend it at once, while others write', async () => {
    const call = await aTenant();
    const work = Array.from({ length: 20 }, async (_, at) => {
      await write(call, `thing.done_${at}`);
      await rooms().audit.link(call, { wait: at % 2 === 0 });
    });
    await Promise.all(work);
    await rooms().audit.link(call, { wait: true });
    expect(await verdictOf(call)).to.include({ intact: true, entries: 21 });
    expect(new Set(await idsOf(call)).size).to.equal(21);
  });

  it('holds up no writer, and is held up by none', async () => {
    const call = await aChain(2);
    await inTransaction(call, async (holder) => {
      // Somebody extends the chain, and does not come to an end.
      await holder.db('audit_checkpoints').where({ tenant_id: call.tenantId }).forUpdate().select('kind');
      await write(call, 'thing.done');
      expect(await rooms().audit.link(call)).to.deep.equal([]);
    });
    expect(await rooms().audit.link(call)).to.have.length(1);
  });

  it('is one of many, and none knows of the others', async () => {
    const [one, other] = [await aChain(3), await aChain(4)];
    await tamper(`update audit_chain set action = 'x' where tenant_id = $1 and seq = 2`, [other.tenantId]);
    expect((await verdictOf(one)).intact).to.equal(true);
    expect(await verdictOf(other)).to.include({ intact: false, problem: 'altered' });
  });
});

describe('tampering with the trail', () => {
  let call: TenantCall;
  let ids: string[];
  before(async () => {
    call = await aChain(RECORDS);
    ids = await idsOf(call);
    await rooms().audit.makeMonths(operator(new Date('2026-08-01')));
  });
  afterEach(async () => {
    expect(await verdictOf(call), 'put back').to.include({ intact: true, entries: RECORDS });
  });

  /** Takes records away and puts others in their place, looks, and puts it all back as it was. */
  async function instead(which: string, insert: string) {
    const own = `tenant_id = '${call.tenantId}'`;
    await tamper(`create table kept as select * from audit_chain where ${own}`);
    try {
      await tamper(`delete from audit_chain where ${own} and (${which})`);
      if (insert) await tamper(insert);
      return await verdictOf(call);
    } finally {
      await tamper(`delete from audit_chain where ${own} or tenant_id not in (select id from tenants)`);
      await tamper('insert into audit_chain select * from kept');
      await tamper('drop table kept');
    }
  }

  /** A record as it is, but for what is set. */
  const changed = (seq: number, set: string) =>
    instead(
      `seq = ${seq}`,
      `insert into audit_chain select (jsonb_populate_record(null::audit_chain, to_jsonb(one) || (${set}))).*
        from kept one where seq = ${seq}`,
    );
  const without = (which: string) => instead(which, '');

  const FLIPS: Record<string, string[]> = {
    at: [
      `jsonb_build_object('at', one.at + interval '1 microsecond')`,
      `jsonb_build_object('at', one.at + interval '2 months')`,
    ],
    action: [`'{"action": "thing.dond"}'`],
    actor_kind: [`'{"actor_kind": "user"}'`],
    actor_id: [`'{"actor_id": null}'`, `'{"actor_id": "tesu"}'`],
    resource: [`'{"resource": null}'`, `'{"resource": "usep"}'`],
    resource_id: [`'{"resource_id": null}'`, `'{"resource_id": "x"}'`],
    request_id: [`'{"request_id": null}'`, `'{"request_id": "r-2"}'`],
    person: [`'{"person": null}'`, `jsonb_build_object('person', one.tenant_id)`],
    origin: [
      `'{"origin": null}'`,
      `'{"origin": null, "origin_salt": null}'`,
      `'{"origin": null, "origin_salt": null, "origin_digest": null}'`,
      `jsonb_build_object('origin', replace(one.origin::text, '203.0.113.7', '203.0.113.8')::json)`,
      `jsonb_build_object('origin', (one.origin::jsonb || '{"more": 1}')::json)`,
    ],
    state: [
      `'{"state": null, "state_salt": null}'`,
      `jsonb_build_object('state', replace(one.state::text, '}', ' }')::json)`,
    ],
  };
  for (const column of ['origin_salt', 'origin_digest', 'state_salt', 'state_digest', 'digest', 'mac', 'hash'])
    FLIPS[column] = [0, 15].map(
      (byte) =>
        `jsonb_build_object('${column}', set_byte(one.${column}, ${byte}, get_byte(one.${column}, ${byte}) # 1))`,
    );

  for (const [column, flips] of Object.entries(FLIPS)) {
    it(`is found and named: ${column}`, async () => {
      for (const seq of [2, RECORDS])
        for (const flip of flips)
          expect(await changed(seq, flip), `${seq} ${flip}`).to.deep.equal({
            intact: false,
            entries: RECORDS,
            problem: 'altered',
            id: ids[seq - 1],
          });
    });
  }

  it('is found and named: the place of a record', async () => {
    expect(await changed(3, `'{"seq": 500}'`)).to.include({ problem: 'missing', id: ids[2] });
    expect(await changed(3, `'{"seq": 0}'`)).to.include({ intact: false, id: ids[2] });
    expect(await changed(3, `jsonb_build_object('previous', one.id)`)).to.include({ problem: 'altered', id: ids[2] });
  });

  it('is found and named: its id and its tenant', async () => {
    const id = newId();
    expect(await changed(3, `jsonb_build_object('id', '${id}'::uuid)`)).to.include({ problem: 'altered', id });
    expect(await changed(3, `jsonb_build_object('tenant_id', '${newId()}'::uuid)`)).to.include({
      problem: 'missing',
      id: ids[2],
    });
  });

  it('has a line for every column', async () => {
    const { rows } = await tamper(
      `select column_name as name from information_schema.columns where table_name = 'audit_chain' order by 1`,
    );
    const columns = rows.map(({ name }) => name);
    expect([...Object.keys(FLIPS), 'seq', 'previous', 'id', 'tenant_id'].sort()).to.deep.equal(columns);
  });

  it('is found: a record that was removed, wherever it stood', async () => {
    for (let seq = 1; seq <= RECORDS; seq++)
      expect(await without(`seq = ${seq}`)).to.deep.equal({
        intact: false,
        entries: RECORDS - 1,
        problem: 'missing',
        id: ids[seq - 1],
      });
    expect(await without('seq >= 5')).to.include({ problem: 'missing', id: ids.at(-1) });
    expect(await without('true')).to.include({ intact: false, problem: 'missing', entries: 0 });
  });

  it('is found: a record that somebody wrote by hand', async () => {
    await tamper(
      `insert into audit_events (tenant_id, id, at, action, actor_kind, details) values ($1, $2, now(), 'user.created', 'system', '{}')`,
      [call.tenantId, newId()],
    );
    await rooms().audit.link(call);
    expect(await verdictOf(call)).to.include({ intact: false, problem: 'forged' });
    await tamper('delete from audit_pending where tenant_id = $1', [call.tenantId]);
  });
});

describe('a chain that was made anew by somebody who has the database', () => {
  /** Computes every hash and place again, as the database's own function does. */
  const rebuild = (call: TenantCall) =>
    tamper(
      `do $$ declare h bytea := sha256(convert_to('gatehouse audit chain 1 ${call.tenantId}', 'UTF8'));
          i uuid := '00000000-0000-0000-0000-000000000000'; s bigint := 0; one record;
        begin
          for one in select id, digest from audit_chain where tenant_id = '${call.tenantId}' order by id loop
            s := s + 1; h := sha256(h || int8send(s) || uuid_send(i) || one.digest);
            update audit_chain set seq = s, previous = i, hash = h where tenant_id = '${call.tenantId}' and id = one.id;
            i := one.id;
          end loop;
          update audit_checkpoints set seq = s, record_id = i, hash = h where tenant_id = '${call.tenantId}' and kind = 'head';
        end $$`,
    );

  it('is not signed', async () => {
    const call = await aChain(4);
    await tamper('delete from audit_chain where tenant_id = $1 and seq = 3', [call.tenantId]);
    await rebuild(call);
    expect(await verdictOf(call)).to.include({ intact: false, problem: 'checkpoint', entries: 3 });
  });

  it('has records whose MAC nobody can make', async () => {
    const call = await aChain(3);
    await tamper(
      `update audit_chain set action = 'other.done', digest = sha256(convert_to('anything', 'UTF8')) where tenant_id = $1 and seq = 3`,
      [call.tenantId],
    );
    const [, , id] = await idsOf(call);
    await rebuild(call);
    expect(await verdictOf(call)).to.include({ intact: false, problem: 'altered', id });
  });

  it('is seen by a node that saw it longer, and by whoever kept a point of it', async () => {
    const call = await aChain(4);
    const { head: early } = await rooms().audit.verify(call);
    await tamper(`create table early_chain as select * from audit_chain where tenant_id = '${call.tenantId}'`);
    await tamper(`create table early_head as select * from audit_checkpoints where tenant_id = '${call.tenantId}'`);
    await write(call, 'thing.hidden');
    const [hidden] = await rooms().audit.link(call);
    const { head: late } = await rooms().audit.verify(call);

    await tamper('delete from audit_chain where tenant_id = $1', [call.tenantId]);
    await tamper('delete from audit_checkpoints where tenant_id = $1', [call.tenantId]);
    await tamper('insert into audit_chain select * from early_chain');
    await tamper('insert into audit_checkpoints select * from early_head');
    await tamper('drop table early_chain, early_head');

    expect(await verdictOf(call), 'a node that knows nothing').to.include({ intact: true });
    expect(await verdictOf(call, rooms().audit)).to.include({ intact: false, problem: 'missing', id: hidden });
    expect((await anotherNode().verify(call, late)).firstBroken).to.include({ problem: 'missing', id: hidden });
    expect((await anotherNode().verify(call, early)).intact).to.equal(true);
  });
});
