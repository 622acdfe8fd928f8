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
  setClientRoles: {
    make: async (owner) => ({ params: { id: await aClientOf(owner) }, body: { roles: ['AUDITOR'] } }),
    leaves: ['client.roles_changed'],
  },
};
