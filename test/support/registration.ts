import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import type { Site, TestNode } from './node.ts';
import { settle } from './settle.ts';

/** Lets people register at a site, without a CAPTCHA unless told; resolves once the node knows. */
export async function openRegistration(
  node: Pick<TestNode, 'house'>,
  site: Pick<Site, 'call' | 'tenantId'>,
  registration: SettingsChange['registration'] = {},
): Promise<void> {
  await settle(node, site, { registration: { selfService: true, captcha: 'off', ...registration } });
}
