import type { Blueprint, TenantBlueprint } from '../../src/domain/blueprint/blueprint.ts';
import type { TenantCall } from '../../src/kernel/call.ts';
import { aSlug, NOON, operator, rooms } from './rooms.ts';

export const blueprint = () => rooms().blueprint;
export const SECRET = 'a-secret-of-at-least-thirty-two-characters';
export const HOOK_SECRET = `whsec_${Buffer.alloc(32, 'hook').toString('base64')}`;
export const PASSWORD = 'a long and winding road';

const WEBHOOKS = [
  {
    url: 'https://hooks.example/users',
    events: ['user.*', 'role.*'],
    description: 'Staff list',
    secret: HOOK_SECRET,
  },
  { url: 'https://hooks.example/all', events: ['*'], status: 'disabled' },
] as const;

/** A tenant with one of everything. */
export const whole = (slug = aSlug(), changes: Partial<TenantBlueprint> = {}): TenantBlueprint => ({
  slug,
  name: 'Acme',
  country: 'US',
  config: { region: 'north', tiers: ['gold', { of: 2 }] },
  settings: { locale: 'fr', tokens: { idTokenSeconds: 120 } },
  domains: [{ domain: `${slug}.example`, verified: true }, `login.${slug}.example`],
  apis: [{ identifier: 'https://api.example', scopes: ['read', 'write'] }],
  permissions: [{ name: 'ward.beds:write', description: 'Move beds.' }],
  roles: [{ name: 'nurse', category: 'care', permissions: ['ward.beds:read'] }],
  users: [
    {
      email: `Ann@${slug}.example`,
      password: PASSWORD,
      firstName: 'Ann',
      emailVerified: true,
      roles: ['TENANT_ADMIN', 'nurse'],
    },
    {
      email: `bob@${slug}.example`,
      passwordHash: '{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3',
      username: 'Bob',
      status: 'suspended',
    },
  ],
  nodes: [
    {
      name: 'North',
      type: 'organization',
      legalName: 'North Clinic Ltd.',
      country: 'GB',
      members: [{ user: `ann@${slug}.example`, roles: ['nurse', 'AUDITOR'] }],
      nodes: [
        { name: 'Ward 2', type: 'department' },
        { name: 'Ward 1', type: 'department', status: 'archived', members: [{ user: `bob@${slug}.example` }] },
      ],
    },
  ],
  members: [{ user: `ann@${slug}.example`, roles: ['AUDITOR'] }],
  clients: [
    {
      ...{ clientId: 'robot', kind: 'service', clientSecret: `${SECRET}3`, roles: ['nurse', 'AUDITOR'] },
      ...{ allowedIps: ['203.0.113.0/24'], rateLimitPerMinute: 600 },
    },
    {
      clientId: 'web',
      kind: 'web',
      clientSecret: SECRET,
      firstParty: true,
      redirectUris: ['https://app.example/cb'],
      scopes: [],
    },
    { clientId: 'spa', kind: 'spa', redirectUris: ['https://spa.example/cb'], allowedOrigins: [] },
  ],
  webhooks: WEBHOOKS,
  ...changes,
});
export const file = (...tenants: TenantBlueprint[]): Blueprint => ({ tenants });

export async function callIn(slug: string, now = NOON): Promise<TenantCall> {
  const tenant = await rooms().tenants.findBySlug(operator(), slug);
  return { ...operator(now), tenantId: tenant!.id };
}
