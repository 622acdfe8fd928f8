import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { ConsentChoice, ConsentType } from './consent.ts';

type Row = {
  type: ConsentType;
  granted: boolean;
  at: Date;
  source: ConsentChoice['source'];
  version: string | null;
  ip: string | null;
  user_agent: string | null;
};

const COLUMNS = ['type', 'granted', 'at', 'source', 'version', 'ip', 'user_agent'] as const;

const toChoice = ({ user_agent: userAgent, ...row }: Row): ConsentChoice => ({ ...row, userAgent });

export async function add(
  { db, tenantId }: TenantCall,
  userId: UserId,
  id: string,
  { userAgent, ...choice }: ConsentChoice,
): Promise<void> {
  await db('consents').insert({ tenant_id: tenantId, user_id: userId, id, ...choice, user_agent: userAgent });
}

/** The latest choice of each type. */
export async function latest({ db, tenantId }: TenantCall, userId: UserId): Promise<ConsentChoice[]> {
  const rows = await db('consents')
    .where({ tenant_id: tenantId, user_id: userId })
    .distinctOn('type')
    .orderBy([{ column: 'type' }, { column: 'id', order: 'desc' }])
    .select<Row[]>(...COLUMNS);
  return rows.map(toChoice);
}

/** Every choice, the latest first. */
export async function history({ db, tenantId }: TenantCall, userId: UserId, limit: number): Promise<ConsentChoice[]> {
  const rows = await db('consents')
    .where({ tenant_id: tenantId, user_id: userId })
    .orderBy('id', 'desc')
    .limit(limit)
    .select<Row[]>(...COLUMNS);
  return rows.map(toChoice);
}

export async function countOf({ db, tenantId }: TenantCall, userId: UserId, since: Date): Promise<number> {
  const [row] = await db('consents')
    .where({ tenant_id: tenantId, user_id: userId })
    .andWhere('at', '>', since)
    .count<{ count: string }[]>('* as count');
  return Number(row!.count);
}
