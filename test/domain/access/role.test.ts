import { expect } from 'chai';
import {
  assertHolds,
  checkedRole,
  PERMISSIONS,
  permissionsOfRoles,
  SYSTEM_ROLES,
} from '../../../src/domain/access/role.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import { actor } from '../../support/rooms.ts';

const refusalOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.code : error;
  }
};
const role = (permissions: string[], name = 'nurse') => refusalOf(() => checkedRole({ name, permissions }));

describe('a role of a tenant', () => {
  it('holds exact permissions, each once', () => {
    expect(
      checkedRole({ name: 'nurse', permissions: ['ward.beds:read', 'iam.users:read', 'ward.beds:read'] }).permissions,
    ).to.deep.equal(['iam.users:read', 'ward.beds:read']);
  });

  it('holds no wildcard, no permission in another writing, and none of ours that does not exist', () => {
    for (const permission of [
      '*',
      'iam.*',
      'iam.users:*',
      'IAM.users:read',
      ' iam.users:read',
      'iam.users:read ',
      'iam.users',
      'iam.everything:write',
      'iam:read',
      '',
    ]) {
      expect(role([permission]), permission).to.equal('invalid_input');
    }
  });

  it('does not pass for a system role', () => {
    for (const name of ['SUPER_ADMIN', 'super_admin', 'Tenant_Admin', 'AUDITOR'])
      expect(role([], name)).to.equal('role_system');
    for (const name of ['', '1st', 'a b', 'x'.repeat(65)]) expect(role([], name)).to.equal('invalid_input');
  });
});

describe('a system role', () => {
  it('allows what the code says, whatever a row says', () => {
    expect(permissionsOfRoles([{ name: 'AUDITOR', permissions: ['iam.users:delete'] }])).to.deep.equal(
      [...SYSTEM_ROLES.AUDITOR.permissions].sort(),
    );
  });

  it('of a tenant never reaches other tenants', () => {
    for (const [name, { permissions }] of Object.entries(SYSTEM_ROLES)) {
      if (name !== 'SUPER_ADMIN')
        expect(permissions.filter((permission) => permission.startsWith('iam.tenants:'))).to.deep.equal([]);
    }
    expect(SYSTEM_ROLES.SUPER_ADMIN.permissions).to.deep.equal(PERMISSIONS);
    expect(SYSTEM_ROLES.AUDITOR.permissions.every((permission) => permission.endsWith(':read'))).to.equal(true);
  });
});

describe('a permission is granted', () => {
  const grant = (who: ReturnType<typeof actor>, ...permissions: string[]) =>
    refusalOf(() => assertHolds(who, permissions));

  it('by those who hold it, and by the service', () => {
    expect(grant(actor(['iam.users:read']), 'iam.users:read')).to.equal('accepted');
    expect(grant({ kind: 'system', name: 'start' }, 'iam.tenants:write')).to.equal('accepted');
    expect(grant({ kind: 'client', clientId: 'robot', permissions: ['a.b:c'] }, 'a.b:c')).to.equal('accepted');
  });

  it('by nobody else', () => {
    expect(grant(actor(['iam.users:read']), 'iam.users:read', 'iam.users:delete')).to.equal('privilege_escalation');
    expect(grant(actor(['iam.users']), 'iam.users:read')).to.equal('privilege_escalation');
    expect(grant({ kind: 'anonymous' }, 'a.b:c')).to.equal('privilege_escalation');
    expect(grant({ kind: 'client', clientId: 'TENANT_ADMIN', permissions: [] }, 'a.b:c')).to.equal(
      'privilege_escalation',
    );
  });

  it('of an application by the administrator of its tenant; of Gatehouse only by one who holds it', () => {
    const admin = actor([...SYSTEM_ROLES.TENANT_ADMIN.permissions], ['TENANT_ADMIN']);
    expect(grant(admin, 'ward.beds:read')).to.equal('accepted');
    expect(grant(admin, 'iam.tenants:write')).to.equal('privilege_escalation');
    expect(grant(actor([...SYSTEM_ROLES.USER_ADMIN.permissions], ['USER_ADMIN']), 'ward.beds:read')).to.equal(
      'privilege_escalation',
    );
  });
});
