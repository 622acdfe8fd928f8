import { expect } from 'chai';
import type { Knex } from 'knex';
import { createContracts } from '../../../src/api/contracts.ts';
import { routesOf } from '../../../src/api/routes.ts';
import { createPool } from '../../../src/database/pool.ts';
import type { TenantId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { superuserUrl } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { auditOf } from '../../support/rooms.ts';
import { servingV1 } from '../../support/v1.ts';
import { WRITES } from '../../support/writes.ts';

const DAY = 86_400_000;

describe('a tenant whose time to be restored is over', function () {
  this.timeout(120_000);
  const { signIn, operator, node } = servingV1();
  let behind: Knex;
  before(() => {
    behind = createPool(superuserUrl(), { max: 1, name: 'test' });
  });
  after(() => behind.destroy());

  /** Rows of a tenant by table, as the database itself knows its tables. */
  async function rowsOf(tenantId: TenantId): Promise<Map<string, number>> {
    const { rows: tables } = await behind.raw(
      `select table_name as name from information_schema.columns join information_schema.tables using (table_schema, table_name)
        where column_name = 'tenant_id' and table_type = 'BASE TABLE' and table_schema = current_schema()`,
    );
    const counts = new Map<string, number>();
    for (const { name } of tables as { name: string }[]) {
      const { rows } = await behind.raw('select count(*) as count from ?? where tenant_id = ?', [name, tenantId]);
      counts.set(name, Number(rows[0].count));
    }
    return counts;
  }

  /** A tenant with a trace of whatever an administrator can do there. */
  async function aFullTenant() {
    const owner = await signIn();
    for (const { contract, operation, name } of routesOf(createContracts({ publicHost: 'id.test' } as never))) {
      const isLater = typeof operation.access === 'object' || operation.path.startsWith('/api/v1/me/mfa');
      if (['GET', 'DELETE'].includes(operation.method) || !isLater) continue;
      const write = await Promise.resolve(WRITES[contract.name]![name]!.make(owner)).catch(() => undefined);
      const path = operation.path.replace(/:(\w+)/g, (_, key: string) => write?.params?.[key] ?? 'x');
      if (write) await owner.as(operation.method, path, { ...(write.body && { body: write.body }) });
    }
    return owner;
  }

  it('leaves no row in any table, and no other tenant loses one', async () => {
    const [{ site }, other, boss] = [await aFullTenant(), await signIn(), await operator()];
    const { tenants, audit } = node().house.services;
    await audit.link(site.call, { wait: true });
    const filled = [...(await rowsOf(site.tenantId))].filter(([, count]) => count > 0).map(([name]) => name);
    expect(filled.length).to.be.greaterThan(20);
    expect(filled).to.include.members([
      'users',
      'nodes',
      'roles',
      'oidc_session',
      'outbox',
      'audit_chain',
      'user_counts',
    ]);
    const theirs = await rowsOf(other.site.tenantId);

    await tenants.remove(site.call);
    const at = (days: number) => ({ ...node().house.operator('test'), now: new Date(Date.now() + days * DAY) });
    await tenants.eraseDue(at(LIMITS.tenantRestoreDays));
    expect((await rowsOf(site.tenantId)).get('users')).to.be.greaterThan(0);
    await expectFailure(
      'tenant_not_found',
      tenants.restore({ ...at(LIMITS.tenantRestoreDays), tenantId: site.tenantId }),
    );

    expect(await tenants.eraseDue(at(LIMITS.tenantRestoreDays + 2))).to.be.greaterThan(0);
    expect([...(await rowsOf(site.tenantId))].filter(([, count]) => count > 0)).to.deep.equal([]);
    expect(await behind('tenants').where({ id: site.tenantId }).first()).to.equal(undefined);
    expect(await rowsOf(other.site.tenantId)).to.deep.equal(theirs);
    expect((await other.as('GET', '/api/v1/me')).status).to.equal(200);

    expect(await auditOf(boss.site.call)).to.include('tenant.erased');
    const again = await boss.as('POST', '/api/v1/tenants', {
      body: { name: 'Heir', slug: site.slug, type: 'customer', country: 'GB' },
    });
    expect(again.body.error).to.equal('IDENT_SLUG_DUPLICATE');
    expect((await boss.as('GET', '/api/v1/tenants?status=deleted')).body.data).to.deep.equal([]);
  });

  it('is erased to the end by the next round where one was stopped half way', async () => {
    const { site } = await signIn();
    const { tenants } = node().house.services;
    await tenants.remove(site.call);
    const call = { ...node().house.operator('test'), now: new Date(Date.now() + (LIMITS.tenantRestoreDays + 2) * DAY) };
    expect(await tenants.eraseDue(call, AbortSignal.abort())).to.equal(0);
    expect((await rowsOf(site.tenantId)).get('users')).to.equal(1);
    const [one, two] = await Promise.all([tenants.eraseDue(call), tenants.eraseDue(call)]);
    expect(one + two).to.equal(1);
    expect([...(await rowsOf(site.tenantId))].filter(([, count]) => count > 0)).to.deep.equal([]);
  });
});
