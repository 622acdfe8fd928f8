import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { newId, type TenantId } from '../../kernel/ids.ts';
import type { ClientSecret } from './client.ts';

type Row = {
  tenant_id: TenantId;
  client_id: string;
  id: string;
  hash: Buffer;
  created_at: Date;
  expires_at: Date | null;
};

export type NewSecret = { tenantId: TenantId; clientId: string; hash: Buffer; expiresAt: Date | null };

/** Secrets of clients of any tenants, one statement. */
export async function insert({ db, now }: OperatorCall, secrets: readonly NewSecret[]): Promise<void> {
  await db<Row>('client_secrets').insert(
    secrets.map(({ tenantId, clientId, hash, expiresAt }) => ({
      tenant_id: tenantId,
      client_id: clientId,
      id: newId(),
      hash,
      created_at: now,
      expires_at: expiresAt,
    })),
  );
}

/** The secrets of a client that are good now, the newest first. */
export async function listLive({ db, tenantId, now }: TenantCall, clientId: string): Promise<ClientSecret[]> {
  const rows = await db<Row>('client_secrets')
    .where({ tenant_id: tenantId, client_id: clientId })
    .where((where) => where.whereNull('expires_at').orWhere('expires_at', '>', now))
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .select('id', 'created_at', 'expires_at');
  return rows.map((row) => ({ id: row.id, createdAt: row.created_at, expiresAt: row.expires_at }));
}

/** Lets every secret of a client end at `at`, those that end sooner excepted; removes what has ended by now. */
export async function endAll({ db, tenantId, now }: TenantCall, clientId: string, at: Date): Promise<void> {
  const secrets = db<Row>('client_secrets').where({ tenant_id: tenantId, client_id: clientId });
  await secrets
    .clone()
    .where((where) => where.whereNull('expires_at').orWhere('expires_at', '>', at))
    .update({ expires_at: at });
  await secrets.clone().where('expires_at', '<=', now).delete();
}

/** Removes all secrets of a client but one. */
export async function keep({ db, tenantId }: TenantCall, clientId: string, id: string): Promise<void> {
  await db<Row>('client_secrets').where({ tenant_id: tenantId, client_id: clientId }).whereNot({ id }).delete();
}

/** Whether there was such a secret. */
export async function remove({ db, tenantId }: TenantCall, clientId: string, id: string): Promise<boolean> {
  return (await db<Row>('client_secrets').where({ tenant_id: tenantId, client_id: clientId, id }).delete()) === 1;
}
