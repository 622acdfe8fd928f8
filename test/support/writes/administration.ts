import { inviteIds } from '../../../src/api/v1/ids.ts';
import type { Send } from '../api.ts';
import { lastLetter } from '../letters.ts';
import { PASSWORD } from '../node.ts';
import type { SignedIn } from '../v1.ts';
import { aDeliveryOf, aJobOf, aWebhookOf } from '../v1-things.ts';
import type { Maker } from './write.ts';

/** Of what administrators do. */
export const ADMINISTRATION_WRITES: Record<string, Maker> = {
  createNode: { make: () => ({ body: { type: 'team', name: 'Night' } }), leaves: ['node.created'] },
  updateNode: {
    make: async ({ as }) => ({ params: { id: await aNode(as) }, body: { name: 'North', country: 'GB' } }),
    leaves: ['node.updated'],
  },
  deleteNode: { make: async ({ as }) => ({ params: { id: await aNode(as) } }), leaves: ['node.removed'] },
  addMember: {
    make: async ({ as, tokens: { user } }) => ({
      params: { id: await aNode(as), userId: user.id },
      body: { roles: ['AUDITOR'] },
    }),
    leaves: ['node.member_added'],
  },
  removeMember: {
    make: async ({ as, tokens: { user } }) => {
      const id = await aNode(as);
      await as('PUT', `/api/v1/nodes/${id}/members/${user.id}`, { body: { roles: ['AUDITOR'] } });
      return { params: { id, userId: user.id } };
    },
    leaves: ['node.member_removed'],
  },
  createRole: {
    make: () => ({ body: { name: 'nurse', displayName: 'Nurse', permissions: ['ward.beds:read'] } }),
    leaves: ['role.created'],
  },
  updateRole: {
    make: async ({ as }) => ({ params: { id: await aRole(as) }, body: { permissions: ['ward.beds:write'] } }),
    leaves: ['role.updated'],
  },
  deleteRole: { make: async ({ as }) => ({ params: { id: await aRole(as) } }), leaves: ['role.removed'] },
  createPermission: { make: () => ({ body: { name: 'ward.beds:read' } }), leaves: ['permission.created'] },
  deletePermission: {
    make: async ({ as }) => ({
      params: { id: (await as('POST', '/api/v1/permissions', { body: { name: 'ward.beds:read' } })).body.id },
    }),
    leaves: ['permission.removed'],
  },
  setUserRoles: {
    make: ({ tokens: { user } }) => ({ params: { id: user.id }, body: { roles: ['TENANT_ADMIN', 'AUDITOR'] } }),
    leaves: ['user.roles_changed'],
  },
  createInvite: {
    make: ({ site: { slug } }) => ({ body: { email: `bob@${slug}.test`, roles: ['AUDITOR'] } }),
    leaves: ['invite.created'],
  },
  revokeInvite: {
    make: async (owner) => ({ params: { id: inviteIds.encode((await anInvite(owner)).id) } }),
    leaves: ['invite.revoked'],
  },
  // An account, its roles and its first session are things of their own.
  acceptInvite: {
    make: async (owner) => {
      await anInvite(owner);
      const { token } = (await lastLetter(owner.node, owner.site, 'invite')).values.link.query!;
      return { body: { token, password: PASSWORD, firstName: 'Bob' } };
    },
    leaves: ['user.created', 'user.roles_changed', 'invite.accepted', 'sign_in.succeeded'],
  },
  createWebhook: {
    make: () => ({ body: { url: 'https://hooks.example/', events: ['role.*'] } }),
    leaves: ['webhook.created'],
  },
  updateWebhook: {
    make: async (owner) => ({ params: { id: await aWebhookOf(owner) }, body: { events: ['user.*'] } }),
    leaves: ['webhook.updated'],
  },
  rotateWebhook: {
    make: async (owner) => ({ params: { id: await aWebhookOf(owner) } }),
    leaves: ['webhook.secret_rotated'],
  },
  testWebhook: { make: async (owner) => ({ params: { id: await aWebhookOf(owner) } }), leaves: ['webhook.tested'] },
  redeliver: { make: async (owner) => ({ params: await aDeliveryOf(owner) }), leaves: ['webhook.redelivered'] },
  redeliverFailed: {
    make: async (owner) => ({
      ...{ params: { id: await aWebhookOf(owner) }, body: { since: '2026-01-01T00:00:00Z' } },
    }),
    leaves: ['job.created'],
  },
  deleteWebhook: {
    make: async (owner) => ({ params: { id: await aWebhookOf(owner) } }),
    leaves: ['webhook.removed'],
  },
  cancelJob: { make: async (owner) => ({ params: { id: await aJobOf(owner) } }), leaves: ['job.cancelled'] },
};

const anInvite = ({ node, site }: SignedIn) =>
  node.house.services.invites.create(site.call, { email: `bob@${site.slug}.test`, roles: ['AUDITOR'] });

const aNode = async (as: Send): Promise<string> =>
  (await as('POST', '/api/v1/nodes', { body: { type: 'team', name: 'Day' } })).body.id;

const aRole = async (as: Send): Promise<string> =>
  (await as('POST', '/api/v1/roles', { body: { name: 'nurse', displayName: 'Nurse', permissions: [] } })).body.id;
