import { expect } from 'chai';
import { operation } from '../../src/api/operation.ts';
import { networks } from '../../src/kernel/address.ts';
import { aContract, calledBy, servingContracts, someone } from '../support/api.ts';

describe('access', () => {
  const at = (path: `/${string}`, access: Parameters<typeof operation>[0]['access']) =>
    operation({
      method: 'GET',
      path,
      summary: 'Look',
      access,
      answers: { 204: null },
      failures: [],
      handle: async ({ answer }) => answer(204, null),
    });
  const operations = {
    open: at('/tiny/open', 'anonymous'),
    proof: at('/tiny/proof', 'proof'),
    mine: at('/tiny/mine', 'signed-in'),
    known: at('/tiny/known', 'known'),
    tenant: at('/tiny/tenant', 'tenant-admin'),
    all: at('/tiny/all', 'super'),
    permitted: at('/tiny/permitted', { permission: 'iam.users:read' }),
  };
  const statuses = async (send: ReturnType<typeof servingContracts>['send']) =>
    Object.fromEntries(
      await Promise.all(
        Object.keys(operations).map(async (name) => [name, (await send('GET', `/tiny/${name}`)).status]),
      ),
    );
  const callers = {
    nobody: servingContracts(() => [aContract(operations, { callerOf: calledBy({ kind: 'anonymous' }) })]),
    user: servingContracts(() => [aContract(operations, { callerOf: calledBy(someone()) })]),
    reader: servingContracts(() => [
      aContract(operations, { callerOf: calledBy(someone({ permissions: ['iam.users:read'] })) }),
    ]),
    admin: servingContracts(() => [
      aContract(operations, { callerOf: calledBy(someone({ roles: ['TENANT_ADMIN'] })) }),
    ]),
    operator: servingContracts(() => [
      aContract(operations, { callerOf: calledBy(someone({ roles: ['SUPER_ADMIN'] })) }),
    ]),
    client: servingContracts(() => [
      aContract(operations, { callerOf: calledBy({ kind: 'client', clientId: 'c', permissions: ['iam.users:read'] }) }),
    ]),
    system: servingContracts(() => [aContract(operations, { callerOf: calledBy({ kind: 'system', name: 'x' }) })]),
  };
  const OPEN = { open: 204, proof: 204 };

  it('is what the operation says, for each kind of caller', async () => {
    expect(await statuses(callers.nobody.send)).to.deep.equal({
      ...OPEN,
      mine: 401,
      known: 401,
      tenant: 401,
      all: 401,
      permitted: 401,
    });
    expect(await statuses(callers.user.send)).to.deep.equal({
      ...OPEN,
      mine: 204,
      known: 204,
      tenant: 403,
      all: 403,
      permitted: 403,
    });
    expect(await statuses(callers.reader.send)).to.deep.equal({
      ...OPEN,
      mine: 204,
      known: 204,
      tenant: 403,
      all: 403,
      permitted: 204,
    });
    expect(await statuses(callers.admin.send)).to.deep.equal({
      ...OPEN,
      mine: 204,
      known: 204,
      tenant: 204,
      all: 403,
      permitted: 403,
    });
    expect(await statuses(callers.operator.send)).to.deep.equal({
      ...OPEN,
      mine: 204,
      known: 204,
      tenant: 204,
      all: 204,
      permitted: 403,
    });
    expect(await statuses(callers.client.send)).to.deep.equal({
      ...OPEN,
      mine: 403,
      known: 204,
      tenant: 403,
      all: 403,
      permitted: 204,
    });
    expect(await statuses(callers.system.send)).to.deep.equal({
      ...OPEN,
      mine: 403,
      known: 403,
      tenant: 403,
      all: 403,
      permitted: 403,
    });
  });
});

describe('an internal operation', () => {
  const inner = operation({
    method: 'GET',
    path: '/tiny/inner',
    summary: 'Look',
    access: 'internal',
    answers: { 204: null },
    failures: [],
    handle: async ({ answer }) => answer(204, null),
  });
  const near = servingContracts(() => [aContract({ inner })]);
  const far = servingContracts(
    () => [aContract({ inner })],
    () => ({ internal: networks(['10.0.0.0/8']) }),
  );

  it('answers the operator’s own networks, by the socket', async () => {
    expect((await near.send('GET', '/tiny/inner')).status).to.equal(204);
    expect((await far.send('GET', '/tiny/inner', { headers: { 'x-forwarded-for': '10.0.0.1' } })).status).to.equal(403);
  });
});
