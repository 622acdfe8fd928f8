import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { createLookup } from '../database/lookup.ts';
import { prepared } from '../database/pool.ts';
import type { TenantId } from '../kernel/ids.ts';
import { rememberGrant } from './grant-model-store.ts';
import { decodeRefreshValue, type RefreshValue } from './refresh-value.ts';
import { currentScope, sqlState } from './request-scope.ts';
import { awakeUntil, rememberSession, sessionRow } from './session-model-store.ts';
import { revoked } from './token-model-store.ts';

const FIND = {
  name: 'chain-find',
  text: `select c.generation, c.payload, c.rotated_by, extract(epoch from now() - c.rotated_at)::float8 as age, c.grant_id,
      g.payload as grant_payload, s.uid as session_uid, s.payload as session_payload, s.seen_at as session_seen_at
    from oidc_refresh_chain c
      join oidc_grant g on g.tenant_id = c.tenant_id and g.id = c.grant_id
      left join oidc_session s on s.tenant_id = c.tenant_id and s.uid = c.session_uid and s.expires_at > now()
    where c.tenant_id = $1 and c.chain = $2`,
};
const STATE = {
  name: 'chain-state',
  text: `select generation, rotated_by, grant_id, session_uid, payload ->> 'clientId' as client_id,
      extract(epoch from now() - rotated_at)::float8 as age
    from oidc_refresh_chain where tenant_id = $1 and chain = $2`,
};
const ADD = {
  name: 'chain-add',
  text: `insert into oidc_refresh_chain (tenant_id, chain, generation, grant_id, account_id, session_uid, payload, rotated_by, expires_at)
    values ($1, $2, 0, $3, $4, $5, $6, $7, to_timestamp($8))`,
};
const ROTATE = {
  name: 'chain-rotate',
  text: 'select oidc_rotate($1, $2, $3, $4, $5, to_timestamp($6), to_timestamp($7))',
};
const REMOVE = { name: 'chain-remove', text: 'delete from oidc_refresh_chain where tenant_id = $1 and chain = $2' };
const REVOKE = { name: 'chain-revoke', text: 'delete from oidc_refresh_chain where tenant_id = $1 and grant_id = $2' };
const END_GRANT = { name: 'grant-remove', text: 'delete from oidc_grant where tenant_id = $1 and id = $2' };

type State = { generation: number; rotated_by: Buffer | null; age: number; grant_id: string };
type Family = { grant_id: string; session_uid: string | null; client_id: string | null };
type Row = State & {
  payload: AdapterPayload;
  grant_payload: AdapterPayload;
  session_uid: string | null;
  session_payload: AdapterPayload | null;
  session_seen_at: Date | null;
};

const find = createLookup<Row>(FIND, ['uuid', 'text']);

export type RefreshSettings = {
  key: Buffer;
  /** Seconds in which a repetition gives the same successor; 0: none. */
  grace: number;
  /** By how much a refresh keeps its session awake, and until when at most. */
  lifetimes: { idleSeconds: number; absoluteSeconds: number };
  /** Hears that a family was replayed, and ends its session. In transactions of its own. */
  onReplay(about: { sessionUid: string | null; clientId: string | undefined }): Promise<void>;
};

/**
 * Refresh tokens as chains (RFC 9700 §4.14.2): one row a family, a generation that is turned by compare-and-set. Two
 * that turn it at once inside the grace get the same successor; anything older, at any time, ends family and session.
 */
export function refreshChainStore(tenantId: TenantId, { key, grace, lifetimes, onReplay }: RefreshSettings): Adapter {
  const repeats = (value: RefreshValue, row: State) => {
    const { device } = currentScope();
    const sameDevice = !device || !row.rotated_by || device.equals(row.rotated_by);
    return value.generation === row.generation - 1 && row.age < grace && sameDevice;
  };

  /** The family and its session end, whatever becomes of the request that revealed the replay. */
  const endFamily = async ({ grant_id, session_uid, client_id }: Family) => {
    const scope = currentScope();
    scope.refreshReplay = true;
    await onReplay({ sessionUid: session_uid, clientId: client_id ?? undefined });
    await prepared(scope.db, END_GRANT, [tenantId, grant_id]);
  };

  const rotate = (next: RefreshValue, body: object, expiresAt: number) => {
    const scope = currentScope();
    const { sessionUid, expiresWithSession } = body as AdapterPayload;
    // Offline access works while nobody is there; only what belongs to the session says that somebody is.
    const sessionUntil = expiresWithSession ? awakeUntil(sessionUid as string, lifetimes) : null;
    scope.writes.push({
      statement: ROTATE,
      values: [tenantId, next.chain, next.generation, body, scope.device, expiresAt, sessionUntil],
      async onRefusal(error) {
        if (sqlState(error) !== 'GH002') return undefined;
        const [row] = await prepared<State & Family>(scope.db, STATE, [tenantId, next.chain]);
        if (row && repeats({ ...next, generation: next.generation - 1 }, row)) return 'without';
        if (row) await endFamily(row);
        return new errors.InvalidGrant('refresh token was used before');
      },
    });
  };

  return {
    async find(token) {
      const value = decodeRefreshValue(key, token);
      if (!value) return undefined;
      const scope = currentScope();
      const row = await find(scope.db, [tenantId, value.chain]);
      if (!row) return undefined;
      rememberGrant(row.grant_id, row.grant_payload);
      if (row.session_uid && row.session_payload)
        rememberSession(row.session_uid, row.session_payload, row.session_seen_at!, `uid:${row.session_uid}`);
      else if (row.payload['sessionUid']) scope.rows.set(sessionRow(row.payload['sessionUid'] as string), undefined);
      const payload: AdapterPayload = { ...row.payload, jti: token };
      if (value.generation === row.generation || repeats(value, row)) return payload;
      scope.loaded.set(`RefreshToken:${token}`, { ...payload, endUid: (row.payload['sessionUid'] as string) ?? null });
      return { ...payload, consumed: Math.floor(Date.now() / 1000) };
    },
    async upsert(token, payload) {
      const value = decodeRefreshValue(key, token);
      if (!value) throw new Error('a refresh token of ours does not read');
      const { jti: _, ...body } = payload;
      currentScope().refreshSeconds = (payload.exp as number) - (payload.iat as number);
      if (value.generation > 0) return rotate(value, body, payload.exp as number);
      const { writes, device } = currentScope();
      const session = (payload['sessionUid'] as string | undefined) ?? null;
      writes.push({
        statement: ADD,
        values: [tenantId, value.chain, payload.grantId, payload.accountId ?? null, session, body, device, payload.exp],
        onRefusal: revoked,
      });
    },
    // The rotation that follows is the compare-and-set.
    async consume() {},
    async destroy(token) {
      const value = decodeRefreshValue(key, token);
      if (!value) return;
      const scope = currentScope();
      const replayed = scope.loaded.get(`RefreshToken:${token}`);
      if (replayed)
        await endFamily({
          grant_id: replayed.grantId as string,
          session_uid: replayed['endUid'] as string | null,
          client_id: replayed.clientId ?? null,
        });
      scope.writes.push({ statement: REMOVE, values: [tenantId, value.chain] });
    },
    async revokeByGrantId(grantId) {
      currentScope().writes.push({ statement: REVOKE, values: [tenantId, grantId] });
    },
    async findByUid() {
      return undefined;
    },
    async findByUserCode() {
      return undefined;
    },
  };
}
