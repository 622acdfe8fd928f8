import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { Site, TestNode } from './node.ts';
import { eventually } from './oauth.ts';

/** Waits until the node has heard all news of tenants so far: what is told now comes behind it. */
export async function heard({ house }: Pick<TestNode, 'house'>): Promise<void> {
  const news = `tenant:${newId()}`;
  const { promise, resolve } = Promise.withResolvers<void>();
  const off = house.changes.on('tenant:', (topic) => {
    if (topic === news) resolve();
  });
  await house.db.raw(`select pg_notify('gatehouse', ?)`, [news]);
  await promise;
  off();
}

/** Changes a tenant's settings, and waits until the node has heard of it: news goes by the database. */
export async function settle(
  { house }: Pick<TestNode, 'house'>,
  { call, tenantId }: Pick<Site, 'call' | 'tenantId'>,
  settings: SettingsChange,
): Promise<void> {
  const known = () => house.directory.byId(call, tenantId);
  const before = await known();
  await house.services.tenants.updateSettings(call, settings);
  await eventually('the node has heard of the settings', async () => (await known()) !== before);
}
