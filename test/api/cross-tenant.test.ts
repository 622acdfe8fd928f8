import { expect } from 'chai';
import pg from 'pg';
import { createContracts } from '../../src/api/contracts.ts';
import { wantsCaller } from '../../src/api/operation.ts';
import { type Route, routesOf } from '../../src/api/routes.ts';
import { superuserUrl } from '../support/database.ts';
import { asking, placesOf } from '../support/places.ts';
import { leaksIn, probesOf, send, told } from '../support/probes.ts';
import { digestOf, tenantTables } from '../support/tenant-rows.ts';
import { type Asker, anOperator, askersOf, oneOf, type Things, thingsOf } from '../support/things.ts';
import { servingV1 } from '../support/v1.ts';
import { type Counted, withoutConditions } from '../support/without-conditions.ts';

const FEW = ['an administrator', 'a machine with every permission', 'a visitor'];

/** Their doors are not opened here. */
const routes = routesOf(createContracts({ publicHost: 'id.test' } as never));

/**
 * Makes two tenants and everybody who may ask in the first; then asks every operation for what is the second's.
 *
 * @param few fewer askers: those whose requests reach the database in ways of their own
 */
function asksForWhatIsTheirs(few = false): { tried(): number; superuser(): pg.Client; tenants(): readonly string[] } {
  const v1 = servingV1();
  let superuser: pg.Client;
  let askers: Asker[];
  let theirs: Things;
  let tenants: string[];
  let tried = 0;
  const sent = new Set<string>();
  before(async function () {
    this.timeout(60_000);
    superuser = new pg.Client(superuserUrl());
    await superuser.connect();
    const [mine, other, operator] = [await v1.signIn(), await v1.signIn(), await anOperator(v1)];
    theirs = await thingsOf(other);
    askers = await askersOf(v1, mine, await thingsOf(mine));
    askers.push({ name: 'an operator', send: operator.as, site: operator.site, own: await thingsOf(operator) });
    if (few) askers = askers.filter(({ name }) => FEW.includes(name));
    tenants = [mine.site.tenantId, other.site.tenantId];
  });
  after(() => superuser.end());

  const mayAsk = ({ name }: Asker, { operation }: Route) => {
    // Every tenant is an operator's own, where only operators may ask.
    if (operation.access === 'super' && name === 'an operator') return false;
    return wantsCaller(operation) || name === 'a visitor';
  };

  /** What an asker is told of another tenant, by everything that can be asked of one operation. */
  async function leaksOf(route: Route, asker: Asker): Promise<string[]> {
    const leaks: string[] = [];
    for (const { what, foreign, absent, isRefused } of probesOf(route, asker, theirs)) {
      const [answer, other] = [await send(asker, route, foreign), await send(asker, route, absent)];
      tried += 1;
      for (const value of foreign.values) sent.add(value);
      const about = `${asker.name}, ${what}`;
      if (isRefused) expect([about, answer.status], answer.text).not.to.deep.equal([about, 200]);
      expect({ about, ...told(answer, foreign) }).to.deep.equal({ about, ...told(other, absent) });
      leaks.push(...leaksIn(answer, foreign, theirs, sent).map((leak) => `${about}: ${leak}`));
    }
    return leaks;
  }

  for (const route of routes) {
    const { contract, operation, name } = route;
    it(`${contract.name} ${name} says and does the same for another tenant’s as for nobody’s`, async function () {
      this.timeout(60_000);
      const before = await digestOf(superuser, tenants[1]!);
      const leaks: string[] = [];
      for (const asker of askers.filter((one) => mayAsk(one, route))) {
        leaks.push(...(await leaksOf(route, asker)));
        // What is for operators alone shows them every tenant.
        if (operation.method !== 'GET' || operation.access === 'super') continue;
        const path = placesOf(route).filter((place) => place.in === 'path');
        const own = {
          ...asking(route, new Map(path.map((place) => [place, oneOf(asker.own, place.kind)]))),
          values: [],
        };
        leaks.push(...leaksIn(await send(asker, route, own), own, theirs, sent));
      }
      expect(leaks).to.deep.equal([]);
      expect(await digestOf(superuser, tenants[1]!)).to.deep.equal(before);
    });
  }
  return { tried: () => tried, superuser: () => superuser, tenants: () => tenants };
}

describe('what is another tenant’s', () => {
  const { tried } = asksForWhatIsTheirs();

  it('is shown and changed by no operation', function () {
    expect(tried()).to.be.greaterThan(routes.length);
    this.test!.title += ` (${tried()} probes, 0 leaks)`;
  });
});

describe('what is another tenant’s, with no condition on the tenant in any statement', () => {
  let counted: Counted & { restore(): void };
  const { tried, superuser, tenants } = asksForWhatIsTheirs(true);
  before(async () => {
    const tables = await tenantTables(superuser());
    counted = withoutConditions(tables.filter(({ isForced }) => !isForced).map(({ table }) => table));
  });
  after(() => counted?.restore());

  it('is kept by row-level security alone', async function () {
    // Where there is none, the same statement sees both: the conditions are really gone.
    const { rows } = await superuser().query('select distinct tenant_id from users where tenant_id = $1', [
      tenants()[0],
    ]);
    expect(rows.map((row) => row.tenant_id)).to.include.members([...tenants()]);
    expect(counted.rewritten).to.be.greaterThan(routes.length);
    this.test!.title += ` (${tried()} probes, 0 leaks, ${counted.rewritten} statements without, ${counted.left} with)`;
  });
});
