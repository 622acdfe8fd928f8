import { userIds } from '../../../src/api/v1/ids.ts';
import { aPerson } from '../colleagues.ts';
import { siteWithTotp } from '../factors.ts';
import type { SignedIn } from '../v1.ts';
import type { Maker } from './write.ts';

const someone = async ({ node, site }: SignedIn) => userIds.encode((await aPerson(node, site, [])).id);

/** Of what administrators do to users. */
export const USER_WRITES: Record<string, Maker> = {
  createUser: {
    make: () => ({
      body: { email: 'new@example.com', firstName: 'New', lastName: 'Comer' },
      headers: { 'idempotency-key': 'one' },
    }),
    leaves: ['user.created'],
  },
  importUsers: {
    make: () => ({ raw: '{}', headers: { 'content-type': 'application/x-ndjson' } }),
    leaves: ['job.created'],
  },
  updateUser: {
    make: async (owner) => ({ params: { id: await someone(owner) }, body: { firstName: 'Ann' } }),
    leaves: ['user.updated'],
  },
  suspendUser: {
    make: async (owner) => ({ params: { id: await someone(owner) }, body: { reason: 'On leave' } }),
    leaves: ['user.suspended'],
  },
  reactivateUser: {
    make: async (owner) => {
      const id = await someone(owner);
      await owner.as('POST', `/api/v1/users/${id}/suspend`);
      return { params: { id } };
    },
    leaves: ['user.reactivated'],
  },
  deleteUser: { make: async (owner) => ({ params: { id: await someone(owner) } }), leaves: ['user.deactivated'] },
  sendPasswordReset: {
    make: async (owner) => ({ params: { id: await someone(owner) } }),
    leaves: ['recovery.sent'],
  },
  resetFactors: {
    make: async ({ node, site }) => {
      const { id, email } = await aPerson(node, site, []);
      await siteWithTotp(node, { ...site, email });
      return { params: { id: userIds.encode(id) } };
    },
    // The session in which they were set up ends, too.
    leaves: ['session.ended', 'factors.reset'],
  },
};
