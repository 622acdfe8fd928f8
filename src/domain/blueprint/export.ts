import type { OperatorCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import type { Role } from '../access/role.ts';
import type { Api } from '../apis/api.ts';
import type { Client } from '../clients/client.ts';
import { fieldsOf } from '../clients/client-metadata.ts';
import type { StoredHash } from '../passwords/hash.ts';
import { withoutSecrets } from '../tenants/secret-settings.ts';
import type { Tenant, TenantDomain } from '../tenants/tenant.ts';
import type { User } from '../users/user.ts';
import type { Webhook } from '../webhooks/webhook.ts';
import type {
  ClientBlueprint,
  DomainBlueprint,
  HashBlueprint,
  TenantBlueprint,
  UserBlueprint,
  WebhookBlueprint,
} from './blueprint.ts';
import { by, compact } from './document.ts';
import { exportedTrees } from './export-tree.ts';
import { type BlueprintRooms, byTenant } from './work.ts';

export type ExportOptions = {
  /** Whether users come with their password hashes. */
  passwords: boolean;
};

/** Tenants of one batch as a file would declare them, in the order of the file. */
export async function exportTenants(
  tx: OperatorCall,
  rooms: BlueprintRooms,
  slugs: readonly string[],
  { passwords }: ExportOptions,
): Promise<TenantBlueprint[]> {
  const tenants = (await rooms.tenants.findBySlugs(tx, slugs)).filter(({ status }) => status !== 'deleted');
  const ids = tenants.map(({ id }) => id);
  const [domains, apis, permissions, roles, users, clients, clientRoles, webhooks] = [
    byTenant(await rooms.tenants.domainsOf(tx, ids)),
    byTenant(await rooms.apis.apisOfTenants(tx, ids)),
    byTenant(await rooms.access.permissionsOfTenants(tx, ids)),
    byTenant(await rooms.access.rolesOfTenants(tx, ids)),
    byTenant(await rooms.users.usersOfTenants(tx, ids)),
    byTenant(await rooms.clients.clientsOfTenants(tx, ids)),
    byTenant(await rooms.access.clientRoleNames(tx, ids)),
    byTenant(await rooms.webhooks.webhooksOfTenants(tx, ids)),
  ];
  const treeOf = await exportedTrees(tx, rooms, ids);
  const of = <T extends { tenantId: TenantId }>(all: Map<TenantId, T[]>, id: TenantId): T[] => all.get(id) ?? [];
  const documents: TenantBlueprint[] = [];
  for (const tenant of tenants.sort(by(({ slug }) => slug))) {
    const people = of(users, tenant.id).map(({ user }) => user);
    const rolesOfClients = Map.groupBy(of(clientRoles, tenant.id), ({ clientId }) => clientId);
    documents.push(
      compact({
        ...tenantPart(tenant),
        domains: of(domains, tenant.id)
          .map(domainPart)
          .sort(by((domain) => (typeof domain === 'string' ? domain : domain.domain))),
        apis: of(apis, tenant.id)
          .map(({ api }) => apiPart(api))
          .sort(by(({ identifier }) => identifier)),
        permissions: of(permissions, tenant.id)
          .map(({ permission: { name, description } }) => compact({ name, description }))
          .sort(by(({ name }) => name)),
        roles: of(roles, tenant.id)
          .filter(({ role }) => !role.system)
          .map(({ role }) => rolePart(role))
          .sort(by(({ name }) => name)),
        users: await userParts(tx, rooms, tenant.id, people, passwords),
        ...treeOf(tenant.id, people),
        clients: of(clients, tenant.id)
          .map(({ client }) => clientPart(client, rolesOfClients.get(client.clientId) ?? []))
          .sort(by(({ clientId }) => clientId)),
        webhooks: of(webhooks, tenant.id)
          .map(({ webhook }) => webhookPart(webhook))
          .sort(by(({ url }) => url)),
      }),
    );
  }
  return documents;
}

function tenantPart({ slug, name, type, country, status, ownSettings, config }: Tenant): TenantBlueprint {
  const settings = withoutSecrets(ownSettings);
  return {
    slug,
    name,
    type,
    country: country ?? undefined,
    status: status === 'suspended' ? 'suspended' : undefined,
    config: Object.keys(config).length > 0 ? config : undefined,
    settings: Object.keys(settings).length > 0 ? settings : undefined,
  };
}

const domainPart = ({ domain, verifiedAt }: TenantDomain): DomainBlueprint =>
  verifiedAt ? { domain, verified: true } : domain;

const apiPart = ({ identifier, name, scopes, accessTokenFormat, signingAlg, accessTokenSeconds }: Api) =>
  compact({ identifier, name, scopes, accessTokenFormat, signingAlg, accessTokenSeconds });

const rolePart = ({ name, displayName, description, category, permissions }: Role) =>
  compact({ name, displayName, description, category, permissions });

/** Without its secret, which is sealed for this tenant in this house. */
const webhookPart = ({ url, description, events, status }: Webhook): WebhookBlueprint => ({
  url,
  ...(description !== null && { description }),
  events,
  ...(status === 'disabled' && { status }),
});

async function userParts(
  tx: OperatorCall,
  rooms: BlueprintRooms,
  tenantId: TenantId,
  users: User[],
  passwords: boolean,
): Promise<UserBlueprint[]> {
  const keys = users.map(({ id }) => ({ tenantId, userId: id }));
  const roles = Map.groupBy(keys.length === 0 ? [] : await rooms.access.roleNamesOf(tx, keys), ({ userId }) => userId);
  const hashes = new Map<UserId, { stored: StoredHash; mustChange: boolean }>(
    passwords ? (await rooms.passwordTransfer.hashesOf(tx, keys)).map((hash) => [hash.userId, hash]) : [],
  );
  return users.sort(by(({ emailCanonical }) => emailCanonical)).map((user) => {
    const hash = hashes.get(user.id);
    return compact<UserBlueprint>({
      email: user.email,
      id: user.id,
      emailVerified: user.emailVerified || undefined,
      username: user.username,
      phone: user.phone,
      phoneVerified: user.phoneVerified || undefined,
      firstName: user.firstName,
      lastName: user.lastName,
      locale: user.locale,
      timezone: user.timezone,
      status: user.status === 'active' || user.status === 'deactivated' ? undefined : user.status,
      passwordHash: hash && hashPart(hash.stored),
      mustChangePassword: hash?.mustChange || undefined,
      roles: (roles.get(user.id) ?? []).map(({ name }) => name).sort(),
    });
  });
}

const hashPart = ({ hash, pepperId, normalForm }: StoredHash): HashBlueprint =>
  pepperId === null && normalForm === null
    ? hash
    : { hash, ...(pepperId !== null && { pepper: pepperId }), ...(normalForm !== null && { form: normalForm }) };

/** Without secrets: they are kept as hashes under a key of this tenant in this house, of use nowhere else. */
function clientPart(client: Client, held: readonly { name: string }[]): ClientBlueprint {
  const document = compact<ClientBlueprint>({
    clientId: client.clientId,
    kind: client.kind,
    name: client.name,
    status: client.status === 'disabled' ? 'disabled' : undefined,
    firstParty: client.firstParty || undefined,
    ...fieldsOf(client.metadata),
    pkceRequired: client.pkceRequired ? undefined : false,
    profile: client.profile,
    legacyAssertions: client.legacyAssertions || undefined,
    allowedIps: client.allowedIps,
    rateLimitPerMinute: client.rateLimitPerMinute,
    roles: held.map(({ name }) => name).sort(),
    mfa: client.mfa === 'inherit' ? undefined : client.mfa,
    minAcr: client.minAcr,
  });
  // Here an empty list says something else than none at all: no scope, no origin.
  const scopes = client.apiScopes === null ? {} : { scopes: client.apiScopes };
  const origins =
    client.kind === 'spa' || client.allowedOrigins.length > 0 ? { allowedOrigins: client.allowedOrigins } : {};
  return { ...document, ...scopes, ...origins };
}
