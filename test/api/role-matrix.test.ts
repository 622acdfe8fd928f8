import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createContracts } from '../../src/api/contracts.ts';
import type { Operation } from '../../src/api/operation.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { newId, type TenantId } from '../../src/kernel/ids.ts';
import { servingContracts } from '../support/api.ts';
import { CALLERS, type Mark, markOf, roleMatrix } from '../support/role-matrix.ts';

const contracts = createContracts({ publicHost: 'id.test' } as never);

/** The operation with nothing behind its door: who comes in meets a refusal that every operation may give. */
const emptied = ({ method, path, summary, access, answers }: Operation): Operation => ({
  method,
  path,
  summary,
  access,
  answers,
  failures: [],
  handle: async () => Promise.reject(new Failure('too_large')),
});

describe('who is let in where', () => {
  const { send } = servingContracts(() =>
    contracts.map((contract) => ({
      ...contract,
      operations: Object.fromEntries(
        Object.entries(contract.operations).map(([name, operation]) => [name, emptied(operation)]),
      ),
      tenantOf: async () => undefined,
      callerOf: async (ctx, call) => ({ ...call, actor: CALLERS[ctx.get('x-caller')]!, tenantId: newId<TenantId>() }),
    })),
  );

  it('is what was reviewed: node test/support/role-matrix.ts > test/api/role-matrix.txt', () => {
    expect(roleMatrix().split('\n')).to.deep.equal(readFileSync('test/api/role-matrix.txt', 'utf8').split('\n'));
  });

  for (const [caller, actor] of Object.entries(CALLERS)) {
    it(`is so for ${caller}, before anything else of a request is looked at`, async () => {
      for (const contract of contracts) {
        const statuses: Record<Mark, number> = {
          '+': contract.failures.too_large.status,
          i: contract.failures.too_large.status,
          '-': contract.failures.forbidden.status,
          '?': contract.failures.unauthenticated.status,
        };
        for (const operation of Object.values(contract.operations)) {
          const { method, path } = operation;
          const { status } = await send(method, path.replace(/:\w+/g, 'x'), { headers: { 'x-caller': caller } });
          expect([method, path, status]).to.deep.equal([method, path, statuses[markOf(operation, actor)]]);
        }
      }
    });
  }

  it('is not opened to a role by a permission of the same name, nor to a machine by its name', () => {
    const operation = (access: Operation['access']) => ({ access }) as Operation;
    const named = { kind: 'client', clientId: 'SUPER_ADMIN', permissions: ['SUPER_ADMIN', 'TENANT_ADMIN'] } as const;
    const holder = { ...CALLERS['user']!, permissions: ['SUPER_ADMIN', 'super', 'tenant-admin'] } as never;
    for (const access of ['super', 'tenant-admin'] as const)
      for (const actor of [named, holder, CALLERS['machine']!]) expect(markOf(operation(access), actor)).to.equal('-');
    expect(markOf(operation('super'), CALLERS['TENANT_ADMIN']!)).to.equal('-');
    expect(markOf(operation('super'), CALLERS['SUPER_ADMIN']!)).to.equal('+');
  });
});
