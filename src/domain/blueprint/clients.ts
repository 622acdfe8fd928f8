import { batchesOf } from '../../kernel/batches.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { Client, ClientValues } from '../clients/client.ts';
import { changedClient, checkedClient, checkedSecret } from '../clients/client-rules.ts';
import { assertTakesSecret } from '../clients/client-service.ts';
import type { RoleNames } from './access.ts';
import type { ClientBlueprint } from './blueprint.ts';
import { callOf, changedFields, declaredOnce, differs, isWrong, judged, type Site, type Work, writes } from './work.ts';

type Declared = { site: Site; path: string; client: ClientBlueprint };
type Present = Declared & { there: Client; secretHashes: readonly string[]; roles: readonly string[] };

/** Makes and changes the declared clients, with their secrets and roles. */
export async function reconcileClients(work: Work, sites: readonly Site[], roleNames: RoleNames): Promise<void> {
  const all = sites.flatMap((site) =>
    declaredOnce(work, `${site.path}.clients`, site.declared.clients ?? [], ({ clientId }) => clientId).map(
      ({ item, path }) => ({ site, path, client: item }),
    ),
  );
  for (const batch of batchesOf(all, LIMITS.batchRows)) {
    const present = await presentOf(work, batch);
    const fresh: (Declared & { values: ClientValues })[] = [];
    for (const declared of batch) {
      assertRoles(work, declared, roleNames);
      const there = present.get(declared);
      if (there) {
        await reconcileClient(work, there);
        continue;
      }
      const values = await judged(work, declared.path, () => freshClient(work, declared));
      if (!values) continue;
      differs(work, declared.site, 'create', 'client', values.clientId);
      fresh.push({ ...declared, values });
    }
    if (fresh.length === 0 || !writes(work)) continue;
    await work.rooms.clients.createAll(
      work.tx,
      fresh.map(({ site, values, client }) => ({ tenantId: site.tenantId, values, secret: client.clientSecret })),
    );
    for (const { site, path, client } of fresh)
      if (client.roles) await judged(work, path, () => setRoles(work, site, client));
  }
  if (!work.mayWrite) await tellKept(work, sites);
}

async function tellKept(work: Work, sites: readonly Site[]): Promise<void> {
  const siteOf = new Map(sites.map((site) => [site.tenantId, site]));
  for (const { tenantId, client } of await work.rooms.clients.clientsOfTenants(work.tx, [...siteOf.keys()])) {
    const site = siteOf.get(tenantId)!;
    if (!site.declared.clients?.some(({ clientId }) => clientId === client.clientId))
      differs(work, site, 'kept', 'client', client.clientId);
  }
}

async function presentOf({ tx, rooms, mayWrite }: Work, batch: readonly Declared[]): Promise<Map<Declared, Present>> {
  const old = batch.filter(({ site }) => !site.isNew);
  if (old.length === 0) return new Map();
  const keys = old.map(({ site, client }) => ({ tenantId: site.tenantId, clientId: client.clientId }));
  const found = await rooms.clients.findNamed(tx, keys, { lock: mayWrite });
  const tenantIds = [...new Set(old.filter(({ client }) => client.roles).map(({ site }) => site.tenantId))];
  const roles = Map.groupBy(
    tenantIds.length === 0 ? [] : await rooms.access.clientRoleNames(tx, tenantIds),
    ({ tenantId, clientId }) => `${tenantId} ${clientId}`,
  );
  const byKey = new Map(found.map((one) => [`${one.tenantId} ${one.client.clientId}`, one]));
  return new Map(
    old.flatMap((declared) => {
      const key = `${declared.site.tenantId} ${declared.client.clientId}`;
      const one = byKey.get(key);
      if (!one) return [];
      const names = (roles.get(key) ?? []).map(({ name }) => name);
      return [[declared, { ...declared, there: one.client, secretHashes: one.secretHashes, roles: names }] as const];
    }),
  );
}

async function freshClient({ rooms }: Work, { client }: Declared): Promise<ClientValues> {
  const { clientSecret, roles, ...draft } = client;
  const values = checkedClient(draft);
  assertActs(values, roles);
  await assertSecret(values, clientSecret);
  await rooms.clients.assertAccepted(values);
  return values;
}

function assertSecret(values: ClientValues, secret: string | undefined): void {
  if (secret === undefined) return;
  assertTakesSecret(values);
  checkedSecret(secret);
}

async function reconcileClient(
  work: Work,
  { site, path, client, there, secretHashes, ...held }: Present,
): Promise<void> {
  const { clientSecret, clientId, roles, ...change } = client;
  const values = await judged(work, path, async () => {
    if (there.registered) throw new Failure('client_taken', { problem: 'it registered itself' });
    const changed = changedClient(there, change);
    assertActs(changed, roles);
    assertSecret(changed, clientSecret);
    return changed;
  });
  if (!values) return;
  const fields: string[] = changedFields(values, there);
  const call = callOf(work, site);
  const newSecret = clientSecret !== undefined && !(await work.rooms.clients.matches(call, clientSecret, secretHashes));
  if (
    fields.length > 0 &&
    !(await judged(work, path, () => work.rooms.clients.assertAccepted(values).then(() => true)))
  )
    return;
  if (newSecret) fields.push('clientSecret');
  const newRoles = roles && [...new Set(roles)].sort().join(' ') !== held.roles.toSorted().join(' ');
  if (newRoles) fields.push('roles');
  if (fields.length === 0) return;
  differs(work, site, 'change', 'client', clientId, fields);
  if (!writes(work)) return;
  await work.rooms.clients.update(call, clientId, change);
  if (newSecret) await work.rooms.clients.rotateSecret(call, clientId, { secret: clientSecret });
  if (newRoles) await judged(work, path, () => setRoles(work, site, client));
}

const setRoles = (work: Work, site: Site, { clientId, roles }: ClientBlueprint) =>
  work.rooms.access.setClientRoles(callOf(work, site), clientId, roles!);

function assertRoles(work: Work, { site, path, client }: Declared, roleNames: RoleNames): void {
  for (const name of client.roles ?? []) {
    if (name === 'SUPER_ADMIN' || !roleNames.get(site.tenantId)?.has(name))
      isWrong(work, `${path}.roles`, `names the role ${name}, which does not exist, or not for a client`);
  }
}

/** Roles are for what a client does by itself. */
function assertActs({ metadata }: ClientValues, roles: readonly string[] = []): void {
  if (roles.length > 0 && !(metadata['grant_types'] as string[]).includes('client_credentials'))
    throw new Failure('client_invalid', { field: 'roles', problem: 'are for clients that use client_credentials' });
}
