import { expect } from 'chai';
import { operation } from '../../src/api/operation.ts';
import { createRateLimiter, type RateRule } from '../../src/http/rate-limit.ts';
import type { Actor } from '../../src/kernel/call.ts';
import { newId, type TenantId } from '../../src/kernel/ids.ts';
import { aContract, servingContracts, someone } from '../support/api.ts';
import { counters } from '../support/database.ts';
import { aLog } from '../support/http.ts';

const rule = (name: string, per: RateRule['per']): RateRule => ({
  name: `test-${name}-${newId()}`,
  points: 3,
  seconds: 60,
  per,
  count: 'exact',
});

const limited = (path: `/${string}`, rates: RateRule[]) =>
  operation({
    method: 'GET',
    path,
    summary: 'Act',
    access: { permission: 'a.b:c' },
    answers: { 204: null },
    failures: [],
    rate: rates,
    handle: async ({ answer }) => answer(204, null),
  });
const ofTenant = limited('/tiny/of-tenant', [rule('tenant', 'tenant')]);
const ofUser = limited('/tiny/of-user', [rule('user', 'user')]);

describe('the limit of an operation', () => {
  let tenantId = newId<TenantId>();
  let actor: Actor = someone();
  const { send } = servingContracts(
    () => [aContract({ ofTenant, ofUser }, { callerOf: async (_ctx, call) => ({ ...call, tenantId, actor }) })],
    () => ({ limiter: createRateLimiter({ counters: counters(), log: aLog().log }) }),
  );
  const permissions = ['a.b:c'];
  const spend = async (path: string, actors: readonly Actor[]) => {
    const statuses: number[] = [];
    for (const who of actors) {
      actor = who;
      statuses.push((await send('GET', path)).status);
    }
    return statuses;
  };
  const robot = (clientId: string): Actor => ({ kind: 'client', clientId, permissions });

  it('counts all of a tenant together, and no two tenants', async () => {
    const [ann, ben] = [someone({ permissions }), someone({ permissions })];
    expect(await spend('/tiny/of-tenant', [ann, ben, robot('r'), ann, ben])).to.deep.equal([204, 204, 204, 429, 429]);
    tenantId = newId();
    const { status, headers } = await send('GET', '/tiny/of-tenant');
    expect([status, headers.get('ratelimit')]).to.deep.equal([204, `"${ofTenant.rate![0]!.name}";r=2;t=60`]);
  });

  it('counts each person and each client of a tenant alone', async () => {
    const ann = someone({ permissions });
    expect(await spend('/tiny/of-user', [ann, ann, ann, ann])).to.deep.equal([204, 204, 204, 429]);
    expect(await spend('/tiny/of-user', [someone({ permissions }), robot('r'), robot('s')])).to.deep.equal([
      204, 204, 204,
    ]);
    expect(await spend('/tiny/of-user', [robot('r'), robot('r'), robot('r')])).to.deep.equal([204, 204, 429]);
    tenantId = newId();
    expect(await spend('/tiny/of-user', [robot('r')])).to.deep.equal([204]);
  });
});
