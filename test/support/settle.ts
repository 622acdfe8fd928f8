import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import type { Site, TestNode } from './node.ts';
import { eventually } from './oauth.ts';

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
