import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import pg from 'pg';
import { auditIds, tenantIds, userIds } from '../../../src/api/v1/ids.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import { superuserUrl } from '../../support/database.ts';
import { PASSWORD, type Site } from '../../support/node.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

const AUDIT = '/api/v1/audit';

describe('GET /api/v1/audit', () => {
  const { node, signIn } = servingV1();

  /** Somebody else of the tenant, with these roles. */
  async function colleague(site: Site, roles: string[]): Promise<SignedIn> {
    const email = `${roles.join('-').toLowerCase() || 'nobody'}@${site.slug}.test`;
    const user = await node().house.services.users.create(site.call, { email, password: PASSWORD, roles });
    return signIn({ ...site, user: user.id, email });
  }

  it('shows who did what, to what, from where, and what became of it', async () => {
    const { as, site } = await signIn();
    const changed = await as('PATCH', '/api/v1/me', {
      body: { firstName: 'Anna' },
      headers: { 'user-agent': 'Browser/1', 'x-request-id': 'check-42' },
    });
    expect(changed.status).to.equal(200);

    const { body } = await as('GET', `${AUDIT}?action=user.updated`);
    const id = userIds.encode(site.user);
    expect(body.data).to.have.length(1);
    const [{ id: own, at, hash, ip, ...record }] = body.data;
    expect(record).to.deep.equal({
      tenantId: tenantIds.encode(site.tenantId),
      actor: { type: 'user', id },
      action: 'user.updated',
      resource: 'user',
      resourceId: id,
      userAgent: 'Browser/1',
      correlationId: 'check-42',
      previousState: { firstName: 'Ann' },
      newState: { firstName: 'Anna' },
      metadata: {},
    });
    expect(ip).to.match(/^198\.18\./);
    expect([own, hash]).to.satisfy(([a, h]: string[]) => /^aud_/.test(a!) && /^[0-9a-f]{64}$/.test(h!));
    expect(Date.now() - Date.parse(at)).to.be.within(0, 60_000);
  });

  it('finds by actor, thing, action and time, and only in one’s own tenant', async () => {
    const [{ as, site }, other] = [await signIn(), await signIn()];
    await as('PATCH', '/api/v1/me', { body: { firstName: 'Anna' } });
    const id = userIds.encode(site.user);
    const actions = async (query: string, who = as) =>
      (await who('GET', `${AUDIT}?${query}`)).body.data.map(({ action }: { action: string }) => action);
    expect(await actions(`actorId=${id}`))
      .to.include('user.updated')
      .and.not.include('tenant.created');
    expect(await actions(`resource=user:${id}`)).to.include.members(['user.updated', 'user.created']);
    expect(await actions('resource=tenant')).to.deep.equal(['tenant.created']);
    expect(await actions(`from=${new Date(Date.now() + 60_000).toISOString()}`)).to.deep.equal([]);
    expect(await actions(`to=${new Date(Date.now() - 60_000).toISOString()}`)).to.deep.equal([]);
    expect(await actions(`resource=user:${id}`, other.as)).to.deep.equal([]);
    expect(await actions(`actorId=${id}`, other.as)).to.deep.equal([]);
  });

  it('goes on by a cursor, which nobody else can use and nobody can change', async () => {
    const [{ as }, other] = [await signIn(), await signIn()];
    for (const firstName of ['B', 'C', 'D', 'E', 'F']) await as('PATCH', '/api/v1/me', { body: { firstName } });
    const all = (await as('GET', AUDIT)).body;
    expect(all.nextCursor).to.equal(null);

    const seen: string[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 50; pages++) {
      const { status, body }: { status: number; body: typeof all } = await as(
        'GET',
        `${AUDIT}?limit=2${cursor && `&cursor=${cursor}`}`,
      );
      expect([status, body.data.length > 0]).to.deep.equal([200, true]);
      seen.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    }
    expect(seen).to.deep.equal(all.data.map(({ id }: { id: string }) => id));

    const one = (await as('GET', `${AUDIT}?limit=2`)).body.nextCursor as string;
    const wrong = [
      () => other.as('GET', `${AUDIT}?limit=2&cursor=${one}`),
      () => as('GET', `${AUDIT}?limit=2&cursor=${one}&action=user.updated`),
      () => as('GET', `${AUDIT}?limit=2&cursor=${one.slice(0, -3)}AAA`),
      () => as('GET', `${AUDIT}?cursor=eyJhdCI6IiciLCJpZCI6Iicgb3IgMT0xIn0`),
    ];
    for (const ask of wrong) {
      const { status, body } = await ask();
      expect([status, body.error, body.details[0].field]).to.deep.equal([400, 'IDENT_VALIDATION', 'cursor']);
    }
    expect((await as('GET', `${AUDIT}?limit=3&cursor=${one}`)).status).to.equal(200);
  });

  it('is streamed as CSV, and no cell is a formula', async () => {
    const { as, site } = await signIn();
    const evil = ['=HYPERLINK("http://evil.test")', '+1', '-1', '@SUM(A1)', '\t=1', '\uff1d1'];
    for (const reason of evil)
      await inTransaction(site.call, (tx) =>
        node().house.services.audit.record(tx, `${reason} "quoted",\r\nline`, { target: `thing:${reason}` }),
      );
    const { status, headers, text } = await as('GET', `${AUDIT}?format=csv`);
    expect([status, headers.get('content-type')]).to.deep.equal([200, 'text/csv; charset=utf-8']);
    expect(headers.get('content-disposition')).to.equal('attachment; filename="audit.csv"');
    const rows: Record<string, string>[] = parse(text, { columns: true });
    const told = rows.filter(({ resource }) => resource === 'thing').map(({ resourceId }) => resourceId);
    expect(told).to.deep.equal(evil.map((cell) => `'${cell}`));
    for (const row of rows) for (const cell of Object.values(row)) expect(cell).not.to.match(/^[=+\-@\t\r\n\uff1d]/);
    expect(rows[0]).to.include({ action: 'tenant.created', actorType: 'system' });
    const last = rows.find(({ resourceId }) => resourceId === `'\uff1d1`)!;
    expect(last['action']).to.equal(`'\uff1d1 "quoted",\r\nline`);
  });

  it('is streamed as lines of JSON, the oldest first, by the same filter', async () => {
    const { as } = await signIn();
    await as('PATCH', '/api/v1/me', { body: { firstName: 'Anna' } });
    const { headers, text } = await as('GET', `${AUDIT}?format=ndjson`);
    expect(headers.get('content-type')).to.equal('application/x-ndjson; charset=utf-8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.reverse()).to.deep.equal((await as('GET', `${AUDIT}?limit=100`)).body.data);
    const some = (await as('GET', `${AUDIT}?format=ndjson&action=user.updated`)).text;
    expect(some.trimEnd().split('\n')).to.have.length(1);
    for (const query of ['format=csv&limit=5', 'format=ndjson&cursor=x', 'format=xml'])
      expect((await as('GET', `${AUDIT}?${query}`)).status, query).to.equal(400);
  });

  it('is for those who may read it', async () => {
    const { site } = await signIn();
    const [auditor, nobody] = [await colleague(site, ['AUDITOR']), await colleague(site, [])];
    for (const path of [AUDIT, `${AUDIT}/verify`, `${AUDIT}?format=csv`]) {
      expect((await auditor.as('GET', path)).status, path).to.equal(200);
      expect((await nobody.as('GET', path)).status, path).to.equal(403);
    }
  });
});

describe('a decision that is refused', () => {
  const { node, signIn } = servingV1();

  it('leaves one record in the trail of the caller’s own tenant', async () => {
    const [{ site }, other] = [await signIn(), await signIn()];
    const email = `nobody@${site.slug}.test`;
    const { id } = await node().house.services.users.create(site.call, { email, password: PASSWORD });
    const { as } = await signIn({ ...site, user: id, email });
    await as('GET', `${AUDIT}/verify`);
    await as('GET', '/api/v1/me', { headers: { 'x-tenant-slug': other.site.slug } });
    await as('GET', '/api/v1/me', { headers: { 'x-tenant-slug': 'no-such-tenant' } });

    const records = await node().house.services.audit.list(site.call, { action: 'access.refused' }, { limit: 10 });
    expect(
      records.map(({ actor, resource, resourceId, details }) => ({ actor, on: `${resource}:${resourceId}`, details })),
    ).to.deep.equal([
      {
        actor: { kind: 'user', id },
        on: 'operation:v1 me',
        details: { operation: 'me', reason: 'cross_tenant', params: {} },
      },
      {
        actor: { kind: 'user', id },
        on: 'operation:v1 me',
        details: { operation: 'me', reason: 'cross_tenant', params: {} },
      },
      {
        actor: { kind: 'user', id },
        on: 'operation:v1 verifyAudit',
        details: { operation: 'verifyAudit', reason: 'forbidden', params: {} },
      },
    ]);
    const theirs = await node().house.services.audit.list(other.site.call, { action: 'access.refused' }, { limit: 10 });
    expect(theirs).to.deep.equal([]);
  });
});

describe('GET /api/v1/audit/verify', () => {
  const { signIn } = servingV1();

  it('says that the trail is whole, and signs its end', async () => {
    const { as } = await signIn();
    const { status, body } = await as('GET', `${AUDIT}/verify`);
    expect(status).to.equal(200);
    const entries = (await as('GET', `${AUDIT}?limit=100`)).body.data;
    expect(body).to.deep.include({
      intact: true,
      firstBroken: null,
      problem: null,
      broken: 0,
      entries: entries.length,
    });
    expect(body.checkpoint).to.include({ seq: entries.length, record: entries[0].id, hash: entries[0].hash });
    expect(body.publicKey).to.include({ kty: 'OKP', crv: 'Ed25519' });
  });

  it('names the first record that somebody altered or removed', async () => {
    const { as, site } = await signIn();
    for (const firstName of ['B', 'C', 'D']) await as('PATCH', '/api/v1/me', { body: { firstName } });
    const entries = (await as('GET', `${AUDIT}?limit=100`)).body.data.reverse();
    const client = new pg.Client(superuserUrl());
    await client.connect();
    await client.query(
      `update audit_chain set state = replace(state::text, 'C', 'X')::json where tenant_id = $1 and id = $2`,
      [site.tenantId, auditIds.decode(entries.at(-2).id)],
    );
    const altered = (await as('GET', `${AUDIT}/verify`)).body;
    expect(altered).to.include({ intact: false, firstBroken: entries.at(-2).id, problem: 'altered', broken: 1 });
    await client.query('delete from audit_chain where tenant_id = $1 and id = $2', [
      site.tenantId,
      auditIds.decode(entries.at(-3).id),
    ]);
    await client.end();
    const removed = (await as('GET', `${AUDIT}/verify`)).body;
    expect(removed).to.include({ intact: false, firstBroken: entries.at(-3).id, problem: 'missing', broken: 2 });
  });
});
