import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { auditIds } from '../../src/api/v1/ids.ts';
import type { CliHouse } from '../../src/cli/command.ts';
import { contractsToRead } from '../../src/cli/open.ts';
import { run } from '../../src/cli/run.ts';
import type { AuditId } from '../../src/kernel/ids.ts';
import { aChain, idsOf, tamper } from '../domain/audit/trail.ts';
import { operator, rooms } from '../support/rooms.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-'));
process.once('exit', () => rmSync(folder, { recursive: true }));

async function gatehouse(...line: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: [] as string[], err: [] as string[] };
  const code = await run(line, {
    out: (text) => void said.out.push(text),
    err: (text) => void said.err.push(text),
    readInput: async () => '',
    open: async () =>
      ({
        services: rooms(),
        platformSlug: 'nobody',
        operator: () => ({ ...operator(), now: new Date() }),
        close: async () => {},
      }) as unknown as CliHouse,
    migrate: async () => [],
    contracts: contractsToRead,
  });
  return { code, out: said.out.join('\n'), err: said.err.join('\n') };
}

const RECORDS = 5;

/** A tenant's slug and its chain. */
async function aTrail() {
  const call = await aChain(RECORDS);
  const { slug } = await rooms().tenants.get(call, call.tenantId);
  const named = (await idsOf(call)).map((id) => auditIds.encode(id as AuditId));
  return { call, slug, named };
}

describe('gatehouse audit verify', () => {
  it('says that a trail is whole, and names the first record that is not', async () => {
    const { call, slug, named } = await aTrail();
    expect(await gatehouse('audit', 'verify', '--tenant', slug)).to.deep.equal({
      code: 0,
      out: `${slug}  intact  ${RECORDS} records`,
      err: '',
    });
    await tamper(`update audit_chain set actor_id = 'x' where tenant_id = $1 and seq = 3`, [call.tenantId]);
    expect(await gatehouse('audit', 'verify', '--tenant', slug)).to.include({
      code: 1,
      out: `${slug}  BROKEN  ${RECORDS} records, 1 broken, the first ${named[2]} (at 3) altered`,
    });
    const { out } = await gatehouse('audit', 'verify', '--tenant', slug, '--json');
    expect(JSON.parse(out)).to.deep.include({
      intact: false,
      firstBroken: { id: named[2], seq: 3, problem: 'altered' },
    });
    await tamper(`delete from audit_chain where tenant_id = $1`, [call.tenantId]);
    await tamper(`delete from audit_checkpoints where tenant_id = $1`, [call.tenantId]);
  });

  it('compares a trail with a checkpoint that somebody kept', async () => {
    const { slug } = await aTrail();
    const file = join(folder, `${slug}.json`);
    writeFileSync(file, (await gatehouse('audit', 'verify', '--tenant', slug, '--json')).out);
    expect(await gatehouse('audit', 'verify', '--tenant', slug, '--checkpoint', file)).to.include({ code: 0 });
    const { checkpoint } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...checkpoint, seq: RECORDS + 1 }));
    const { code, out } = await gatehouse('audit', 'verify', '--tenant', slug, '--checkpoint', file);
    expect([code, out.split(', ').at(-1)]).to.deep.equal([
      1,
      `the first ${checkpoint.record} (at ${RECORDS + 1}) missing`,
    ]);
    expect(await gatehouse('audit', 'verify', '--checkpoint', file)).to.include({ code: 64 });
    writeFileSync(file, '{"seq": "x"}');
    expect(await gatehouse('audit', 'verify', '--tenant', slug, '--checkpoint', file)).to.include({ code: 65 });
    expect(await gatehouse('audit', 'verify', '--tenant', slug, '--checkpoint', 'absent')).to.include({ code: 66 });
  });

  it('wants a tenant that is there, and a key only for a file', async () => {
    expect(await gatehouse('audit', 'verify', '--tenant', 'no-such')).to.include({ code: 64 });
    expect(await gatehouse('audit', 'verify', '--key', 'x')).to.include({ code: 64 });
    expect(await gatehouse('audit', 'export', '--format', 'xml')).to.include({ code: 64 });
  });
});

describe('gatehouse audit export', () => {
  it('writes a trail that verifies without the database, by a key that somebody kept', async () => {
    const { call, slug } = await aTrail();
    const { publicKey } = await rooms().audit.verify(call);
    const file = join(folder, `${slug}.trail`);
    expect(await gatehouse('audit', 'export', '--tenant', slug, '--out', file)).to.include({ code: 0 });
    expect(statSync(file).mode & 0o777).to.equal(0o600);

    const trusting = await gatehouse('audit', 'verify', '--file', file);
    expect(trusting).to.include({ code: 0, out: `${slug}  intact  ${RECORDS} records` });
    expect(trusting.err).to.include(publicKey.x);
    expect(await gatehouse('audit', 'verify', '--file', file, '--key', publicKey.x)).to.deep.equal({
      code: 0,
      out: `${slug}  intact  ${RECORDS} records`,
      err: '',
    });
    const other = await rooms().audit.verify(await aChain(2));
    expect(await gatehouse('audit', 'verify', '--file', file, '--key', other.publicKey.x)).to.include({ code: 1 });
  });

  it('finds what somebody changed in the file, wherever', async () => {
    const { slug, named } = await aTrail();
    const file = join(folder, `${slug}.trail`);
    await gatehouse('audit', 'export', '--tenant', slug, '--out', file);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const judged = async (changed: string[]) => {
      const forged = join(folder, `${slug}.forged`);
      writeFileSync(forged, `${changed.join('\n')}\n`);
      const { code, out } = await gatehouse('audit', 'verify', '--file', forged);
      return [code, out.split('the first ')[1]];
    };
    const third = lines[3]!;
    const flips = [
      ['thing.done', 'thing.dond'],
      ['203.0.113.7', '203.0.113.8'],
      ['"size\\":2', '"size\\":9'],
      ['"actorId":"test"', '"actorId":"tesu"'],
    ] as const;
    for (const [from, to] of flips) {
      expect(third).to.include(from);
      const changed = lines.with(3, third.replaceAll(from, to));
      expect(await judged(changed), from).to.deep.equal([1, `${named[2]} (at 3) altered`]);
    }
    expect(await judged(lines.toSpliced(3, 1))).to.deep.equal([1, `${named[2]} (at 3) missing`]);
    expect(await judged(lines.slice(0, -1))).to.deep.equal([1, `${named[4]} (at 5) missing`]);
    expect(await judged(lines.with(0, lines[0]!.replace('"seq":5', '"seq":4')).slice(0, -1))).to.have.property('0', 1);
    expect((await judged([...lines, lines.at(-1)!]))[0]).to.equal(1);
  });

  it('writes CSV and lines of JSON as the API does, and is not taken for a proof', async () => {
    const { slug } = await aTrail();
    const csv = (await gatehouse('audit', 'export', '--tenant', slug, '--format', 'csv')).out.split('\n');
    expect(csv).to.have.length(RECORDS + 1);
    expect(csv[0]).to.match(/^"id","at","tenantId"/);
    const file = join(folder, `${slug}.ndjson`);
    await gatehouse('audit', 'export', '--tenant', slug, '--format', 'ndjson', '--out', file);
    const records = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(JSON.parse(records[1]!)).to.include({ action: 'thing.done', ip: '203.0.113.7' });
    expect(await gatehouse('audit', 'verify', '--file', file)).to.include({ code: 65 });
    expect(await gatehouse('audit', 'verify', '--file', join(folder, 'absent'))).to.include({ code: 66 });
  });
});
