import type { SignedIn } from '../v1.ts';
import type { Maker } from './write.ts';

type As = Pick<SignedIn, 'as'>;

/** A client that acts for itself. */
export async function aClientOf({ as }: As): Promise<string> {
  const { body } = await as('POST', '/api/v1/clients', { body: { kind: 'service', client_name: 'Robot' } });
  return body.id;
}

/** A key of the owner's own. */
export async function aKeyOf({ as }: As): Promise<string> {
  const { body } = await as('POST', '/api/v1/api-keys', { body: { name: 'Report', scopes: ['iam.users:read'] } });
  return body.id;
}

/** A service account, which an operator makes. */
export async function anAccountOf({ as }: As): Promise<string> {
  const { body } = await as('POST', '/api/v1/service-accounts', { body: { name: 'Billing', scopes: [] } });
  return body.id;
}

/** Of machines and what they prove themselves by. */
export const MACHINE_WRITES: Record<string, Maker> = {
  createClient: {
    make: () => ({ body: { kind: 'web', redirect_uris: ['https://books.example/callback'] } }),
    leaves: ['client.created'],
  },
  updateClient: {
    make: async (owner) => ({ params: { id: await aClientOf(owner) }, body: { allowedIps: ['203.0.113.0/24'] } }),
    leaves: ['client.updated'],
  },
  rotateClient: {
    make: async (owner) => ({ params: { id: await aClientOf(owner) } }),
    leaves: ['client.credential_rotated'],
  },
  revokeClient: { make: async (owner) => ({ params: { id: await aClientOf(owner) } }), leaves: ['client.disabled'] },
  deleteClient: { make: async (owner) => ({ params: { id: await aClientOf(owner) } }), leaves: ['client.removed'] },
  createApiKey: { make: () => ({ body: { name: 'Report', scopes: ['iam.users:read'] } }), leaves: ['api_key.created'] },
  rotateApiKey: { make: async (owner) => ({ params: { id: await aKeyOf(owner) } }), leaves: ['api_key.rotated'] },
  revokeApiKey: { make: async (owner) => ({ params: { id: await aKeyOf(owner) } }), leaves: ['api_key.revoked'] },
  // A service account is a client and a role of its own, and the trail tells of both.
  createServiceAccount: {
    make: () => ({ body: { name: 'Billing', scopes: ['iam.nodes:read'] } }),
    leaves: ['client.created', 'role.created', 'client.roles_changed'],
  },
  rotateServiceAccount: {
    make: async (owner) => ({ params: { id: await anAccountOf(owner) } }),
    leaves: ['client.credential_rotated'],
  },
  revokeServiceAccount: {
    make: async (owner) => ({ params: { id: await anAccountOf(owner) } }),
    leaves: ['client.removed', 'role.removed'],
  },
  setClientRoles: {
    make: async (owner) => ({ params: { id: await aClientOf(owner) }, body: { roles: ['AUDITOR'] } }),
    leaves: ['client.roles_changed'],
  },
};
