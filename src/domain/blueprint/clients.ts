import { batchesOf } from '../../kernel/batches.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { Client, ClientValues } from '../clients/client.ts';
import { changedClient, checkedClient, checkedSecret } from '../clients/client-rules.ts';
import { assertTakesSecret } from '../clients/client-service.ts';
import type { ClientBlueprint } from './blueprint.ts';
import { callOf, changedFields, declaredOnce, differs, judged, type Site, type Work, writes } from './work.ts';

type Declared = { site: Site; path: string; client: ClientBlueprint };
type Present = Declared & { there: Client; secretHashes: readonly string[] };

/** Makes and changes the declared clients, with their secrets. */
export async function reconcileClients(work: Work, sites: readonly Site[]): Promise<void> {
  const all = sites.flatMap((site) =>
    declaredOnce(work, `${site.path}.clients`, site.declared.clients ?? [], ({ clientId }) => clientId).map(
      ({ item, path }) => ({ site, path, client: item }),
    ),
  );
  for (const batch of batchesOf(all, LIMITS.batchRows)) {
    const present = await presentOf(work, batch);
    const fresh: (Declared & { values: ClientValues })[] = [];
    for (const declared of batch) {
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
  const byKey = new Map(found.map((one) => [`${one.tenantId} ${one.client.clientId}`, one]));
  return new Map(
    old.flatMap((declared) => {
      const one = byKey.get(`${declared.site.tenantId} ${declared.client.clientId}`);
      return one ? [[declared, { ...declared, there: one.client, secretHashes: one.secretHashes }] as const] : [];
    }),
  );
}

async function freshClient({ rooms }: Work, { client }: Declared): Promise<ClientValues> {
  const { clientSecret, ...draft } = client;
  const values = checkedClient(draft);
  await assertSecret(values, clientSecret);
  await rooms.clients.assertAccepted(values);
  return values;
}

function assertSecret(values: ClientValues, secret: string | undefined): void {
  if (secret === undefined) return;
  assertTakesSecret(values);
  checkedSecret(secret);
}

async function reconcileClient(work: Work, { site, path, client, there, secretHashes }: Present): Promise<void> {
  const { clientSecret, clientId, ...change } = client;
  const values = await judged(work, path, async () => {
    if (there.registered) throw new Failure('client_taken', { problem: 'it registered itself' });
    const changed = changedClient(there, change);
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
  if (fields.length === 0) return;
  differs(work, site, 'change', 'client', clientId, fields);
  if (!writes(work)) return;
  await work.rooms.clients.update(call, clientId, change);
  if (newSecret) await work.rooms.clients.rotateSecret(call, clientId, { secret: clientSecret });
}
