import type { TenantCall } from '../../kernel/call.ts';
import type { AccessService } from '../access/access-service.ts';
import { assertHolds } from '../access/role.ts';
import type { Client } from './client.ts';

/**
 * A first-party client is given what it asks for without anybody's consent, so who has a say in one has a say in all
 * accounts of the tenant. That is for whoever may change the settings of the tenant.
 *
 * @throws Failure `privilege_escalation`
 */
export function assertMayVouch({ actor }: Pick<TenantCall, 'actor'>, { firstParty }: Pick<Client, 'firstParty'>): void {
  if (firstParty) assertHolds(actor, ['iam.settings:write']);
}

/**
 * Makes sure that who changes a client, or its secret, gains nothing by it: they could be it afterwards.
 *
 * @throws Failure `privilege_escalation`
 */
export async function assertMayShape(
  tx: TenantCall,
  client: Pick<Client, 'clientId' | 'firstParty'>,
  access: Pick<AccessService, 'assertNothingGainedByClient'>,
): Promise<void> {
  assertMayVouch(tx, client);
  await access.assertNothingGainedByClient(tx, client.clientId);
}
