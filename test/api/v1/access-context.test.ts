import { expect } from 'chai';
import { nodeIds } from '../../../src/api/v1/ids.ts';
import { rootOf } from '../../../src/domain/nodes/node.ts';
import { statementsOf } from '../../domain/sign-in/statements.ts';
import { servingV1 } from '../../support/v1.ts';

const CONTEXT = '/api/v1/me/access-context';

describe('the access context over v1', () => {
  const { signIn, node } = servingV1();

  it('says what somebody may do, and where they belong', async () => {
    const { as, site } = await signIn();
    const { memberships } = node().house.services;
    await memberships.set(site.call, rootOf(site.tenantId), site.user, ['AUDITOR']);
    const { status, body } = await as('GET', CONTEXT);
    expect(status).to.equal(200);
    expect(body).to.deep.include({
      roles: ['TENANT_ADMIN'],
      memberships: [
        {
          nodeId: nodeIds.encode(rootOf(site.tenantId)),
          nodeType: 'tenant',
          name: `Tenant ${site.slug}`,
          roles: ['AUDITOR'],
        },
      ],
      effectiveModules: [],
    });
    expect(body.permissions).to.include('iam.roles:write').and.not.include('iam.tenants:read');
  });

  it('costs one statement beside the check of the token', async () => {
    const { as } = await signIn();
    await as('GET', CONTEXT);
    const statements = await statementsOf(() => as('GET', CONTEXT));
    expect(statements.map((text) => /from (\w+)\(/.exec(text)?.[1])).to.deep.equal(['live_session', 'access_context']);
  });
});
