import type { TenantCall } from '../../kernel/call.ts';
import type { FactorId, UserId } from '../../kernel/ids.ts';
import { type TenantSettings, withDefaults } from '../tenants/settings.ts';
import type { Channel } from './sent-code.ts';

export type SentFactor = { id: FactorId; address: string };

/** Puts a pending address in the place of an earlier pending one of the same channel. */
export async function putPendingAddress(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  { id, kind, address, holder }: SentFactor & { kind: Channel; holder: Buffer },
): Promise<void> {
  await db('factors').where({ tenant_id: tenantId, user_id: userId, kind, status: 'pending' }).delete();
  await db('factors').insert({
    ...{ tenant_id: tenantId, id, user_id: userId, kind, status: 'pending', holder, address, created_at: now },
  });
}

/** The address that the same holder began to enrol last, if that is not longer ago than `since`. */
export async function findPendingAddress(
  { db, tenantId }: TenantCall,
  userId: UserId,
  { kind, holder, since }: { kind: Channel; holder: Buffer; since: Date },
): Promise<SentFactor | undefined> {
  return db('factors')
    .where({ tenant_id: tenantId, user_id: userId, kind, status: 'pending', holder })
    .andWhere('created_at', '>', since)
    .first('id', 'address');
}

/** Makes a pending address the person's own; an earlier one of the same channel is gone. */
export async function activateAddress(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  { id }: Pick<SentFactor, 'id'>,
  kind: Channel,
): Promise<void> {
  await db('factors').where({ tenant_id: tenantId, user_id: userId, kind, status: 'active' }).delete();
  await db('factors')
    .where({ tenant_id: tenantId, id, status: 'pending' })
    .update({ status: 'active', holder: null, confirmed_at: now });
}

/** The confirmed factor to which codes of a channel go. */
export async function findSent(
  { db, tenantId }: TenantCall,
  userId: UserId,
  kind: Channel,
): Promise<SentFactor | undefined> {
  return db('factors').where({ tenant_id: tenantId, user_id: userId, kind, status: 'active' }).first('id', 'address');
}

/** All of a person's confirmed factors to which codes are sent. */
export async function listSent(
  { db, tenantId }: TenantCall,
  userId: UserId,
): Promise<{ kind: Channel; address: string }[]> {
  return db('factors')
    .where({ tenant_id: tenantId, user_id: userId, status: 'active' })
    .whereIn('kind', ['email', 'sms'])
    .select('kind', 'address');
}

/** What the tenant says of text messages. */
export async function smsSettings({ db, tenantId }: TenantCall): Promise<TenantSettings['sms']> {
  const row = await db('tenants').where({ id: tenantId }).first('settings');
  return withDefaults(row?.settings ?? {}).sms;
}

export async function noteUse({ db, tenantId, now }: TenantCall, id: FactorId): Promise<void> {
  await db('factors').where({ tenant_id: tenantId, id }).update({ last_used_at: now });
}
