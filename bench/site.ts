import { writeFileSync } from 'node:fs';
import type { Blueprint } from '../src/domain/blueprint/blueprint.ts';

/** What both servers know: a user, two clients and two APIs. */
export const CALLBACK = 'http://localhost:4000/cb';
export const JWT_API = 'https://jwt.api.test';
export const OPAQUE_API = 'https://opaque.api.test';
export const WEB = { id: 'web', secret: 'web-secret-web-secret-web-secret-32' };
export const ROBOT = { id: 'robot', secret: 'robot-secret-robot-secret-robot-32' };
export const USER = { email: 'ann@bench.test', password: 'correct horse battery staple' };

export const slugOf = (tenant: number) => `t${String(tenant).padStart(5, '0')}`;

/** Tenants that are alike; only the first has the user, whose password need be hashed but once. */
export function blueprint(tenants: number): Blueprint {
  return {
    tenants: Array.from({ length: tenants }, (_, tenant) => ({
      slug: slugOf(tenant),
      name: `Tenant ${tenant}`,
      type: 'customer',
      country: 'US',
      apis: [
        { identifier: JWT_API, scopes: ['read', 'write'], accessTokenFormat: 'jwt' },
        { identifier: OPAQUE_API, scopes: ['read', 'write'], accessTokenFormat: 'opaque' },
      ],
      users:
        tenant === 0
          ? [{ ...USER, firstName: 'Ann', lastName: 'Lee', emailVerified: true, roles: ['TENANT_ADMIN'] }]
          : [],
      clients: [
        {
          clientId: WEB.id,
          clientSecret: WEB.secret,
          kind: 'web',
          firstParty: true,
          redirectUris: [CALLBACK],
          grantTypes: ['authorization_code', 'refresh_token'],
        },
        { clientId: ROBOT.id, clientSecret: ROBOT.secret, kind: 'service', scopes: ['read'] },
      ],
    })),
  };
}

/** The file as `gatehouse apply` reads it: JSON is YAML. */
export function writeBlueprint(path: string, tenants: number): string {
  writeFileSync(path, JSON.stringify(blueprint(tenants)));
  return path;
}
