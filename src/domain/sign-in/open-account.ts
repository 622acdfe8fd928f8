import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import * as store from './sign-in-store.ts';

/**
 * The account of somebody who is on the way in, and its tenant, as they are now.
 *
 * @throws Failure `sign_in_expired` where it may not sign in any more
 */
export async function openAccount(
  call: TenantCall,
  userId: UserId,
): Promise<{ account: store.Account; tenant: store.TenantOfAccount }> {
  const found = await store.findById(call, userId);
  const { account } = found ?? {};
  if (!found || account?.status !== 'active') throw new Failure('sign_in_expired');
  return { account, tenant: found.tenant };
}
