import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { createLookup } from '../database/lookup.ts';
import { prepared } from '../database/pool.ts';
import type { TenantId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { hmac, seal, sha256, unseal } from '../kernel/secret.ts';
import { rememberGrant } from './grant-model-store.ts';
import { currentScope, sqlState, type Write } from './request-scope.ts';
import { rememberSession, sessionRow } from './session-model-store.ts';

// A token with the grant and the session it hangs on: what the core will ask for next.
const SELECT = `select t.id_hash, t.payload, t.sealed, t.consumed_at, t.grant_id, g.payload as grant_payload,
    s.uid as session_uid, s.payload as session_payload, s.seen_at as session_seen_at
  from oidc_token t
    left join oidc_grant g on g.tenant_id = t.tenant_id and g.id = t.grant_id
    left join oidc_session s on s.tenant_id = t.tenant_id and s.uid = t.payload ->> 'sessionUid' and s.expires_at > now()`;
const FIND = { name: 'token-find', text: `${SELECT} where t.tenant_id = $1 and t.model = $2 and t.id_hash = $3` };
const FIND_BY_USER_CODE = {
  name: 'token-find-by-user-code',
  text: `${SELECT} where t.tenant_id = $1 and t.model = $2 and t.user_code = $3`,
};
const ADD = {
  name: 'token-add',
  text: `insert into oidc_token (tenant_id, model, id_hash, grant_id, account_id, client_id, user_code, payload, sealed, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10))`,
};
// Two browsers may confirm one device code at the same moment; the first decides.
const KEEP = {
  name: 'token-keep',
  text: `update oidc_token set grant_id = $4, account_id = $5, payload = $6, sealed = $7
    where tenant_id = $1 and model = $2 and id_hash = $3 and account_id is null`,
};
const CONSUME = { name: 'token-consume', text: 'select oidc_consume($1, $2, $3)' };
const REMOVE = {
  name: 'token-remove',
  text: 'delete from oidc_token where tenant_id = $1 and model = $2 and id_hash = $3',
};
const REVOKE = {
  name: 'token-revoke',
  text: 'delete from oidc_token where tenant_id = $1 and grant_id = $2 and model = $3',
};
const MISS = {
  name: 'token-miss',
  text: `update oidc_token set misses = misses + 1, consumed_at = case when misses + 1 >= $4 then now() else consumed_at end
    where tenant_id = $1 and model = $2 and id_hash = $3`,
};

type Row = {
  id_hash: Buffer;
  payload: AdapterPayload;
  sealed: Buffer | null;
  consumed_at: Date | null;
  grant_id: string | null;
  grant_payload: AdapterPayload | null;
  session_uid: string | null;
  session_payload: AdapterPayload | null;
  session_seen_at: Date | null;
};

const find = createLookup<Row>(FIND, ['uuid', 'text', 'bytea']);

/** The keys of a tenant that its tokens need. */
export type TokenKeys = { seal: Buffer; userCode: Buffer };

/** Values begin with what they are, so that a look-up tries one model, and scanners of leaked secrets recognise them. */
export const PREFIXES: Readonly<Record<string, string>> = {
  AuthorizationCode: 'ghc_',
  AccessToken: 'gha_',
  ClientCredentials: 'ghm_',
  DeviceCode: 'ghd_',
  RegistrationAccessToken: 'ghg_',
  InitialAccessToken: 'ghi_',
};

/** What a browser's session gives away without a proof of its own. */
const CODES: ReadonlySet<string> = new Set(['AuthorizationCode', 'DeviceCode']);

const place = (tenantId: TenantId, model: string, idHash: Buffer) =>
  `${tenantId}/oidc_token/${model}/${idHash.toString('hex')}`;

/**
 * Codes, opaque access tokens, device codes and registration tokens, by the hash of their value. A device code must be
 * read back whole after its user code was typed, so it is sealed.
 */
export function tokenModelStore(tenantId: TenantId, model: string, keys: TokenKeys): Adapter {
  const isSealed = model === 'DeviceCode';

  const read = (row: Row | undefined, value: string | undefined): AdapterPayload | undefined => {
    const scope = currentScope();
    if (!row) return undefined;
    if (row.grant_id) rememberGrant(row.grant_id, row.grant_payload ?? undefined);
    const uid = row.payload['sessionUid'] as string | undefined;
    if (row.session_uid && row.session_payload)
      rememberSession(row.session_uid, row.session_payload, row.session_seen_at!, `uid:${row.session_uid}`);
    else if (uid && !scope.rows.has(sessionRow(uid))) scope.rows.set(sessionRow(uid), undefined);
    const body = row.sealed
      ? (JSON.parse(unseal(keys.seal, place(tenantId, model, row.id_hash), row.sealed).toString()) as AdapterPayload)
      : row.payload;
    const payload = { ...body, jti: value ?? body.jti } as AdapterPayload;
    if (row.consumed_at) payload['consumed'] = Math.floor(row.consumed_at.getTime() / 1000);
    scope.loaded.set(`${model}:${payload.jti}`, payload);
    return payload;
  };

  return {
    async find(value) {
      const { db, standIn } = currentScope();
      if (standIn?.id === value) return standIn.model === model ? standIn.payload : undefined;
      if (!value.startsWith(PREFIXES[model]!)) return undefined;
      return read(await find(db, [tenantId, model, sha256(value)]), value);
    },
    async findByUserCode(userCode) {
      const { db } = currentScope();
      const [row] = await prepared<Row>(db, FIND_BY_USER_CODE, [tenantId, model, hmac(keys.userCode, userCode)]);
      return read(row, undefined);
    },
    async upsert(value, payload) {
      const { writes, loaded } = currentScope();
      const idHash = sha256(value);
      const { jti: _, ...body } = payload;
      const kept = isSealed ? { sessionUid: payload['sessionUid'] } : body;
      const sealed = isSealed
        ? seal(keys.seal, place(tenantId, model, idHash), Buffer.from(JSON.stringify(payload)))
        : null;
      const [grantId, accountId] = [payload.grantId ?? null, payload.accountId ?? null];
      if (CODES.has(model) && accountId !== null) currentScope().givesCode = true;
      if (loaded.has(`${model}:${value}`)) {
        writes.push({
          statement: KEEP,
          values: [tenantId, model, idHash, grantId, accountId, kept, sealed],
          onRefusal: revoked,
        });
        return;
      }
      const userCode = payload.userCode ? hmac(keys.userCode, payload.userCode) : null;
      const values = [
        tenantId,
        model,
        idHash,
        grantId,
        accountId,
        payload.clientId ?? null,
        userCode,
        kept,
        sealed,
        payload.exp,
      ];
      writes.push({ statement: ADD, values, onRefusal: revoked });
    },
    async consume(value) {
      const scope = currentScope();
      const grantId = scope.loaded.get(`${model}:${value}`)?.grantId;
      scope.writes.push({
        statement: CONSUME,
        values: [tenantId, model, sha256(value)],
        async onRefusal(error) {
          if (sqlState(error) !== 'GH001') return undefined;
          if (grantId) await revokeFamily(tenantId, grantId);
          return new errors.InvalidGrant(`${model} was used before`);
        },
      });
    },
    async destroy(value) {
      currentScope().writes.push({ statement: REMOVE, values: [tenantId, model, sha256(value)] });
    },
    async revokeByGrantId(grantId) {
      const { writes } = currentScope();
      writes.push({ statement: REVOKE, values: [tenantId, grantId, model] });
    },
    async findByUid() {
      return undefined;
    },
  };
}

/** A child that comes after its family was revoked cannot be inserted: its grant is gone (SQLSTATE 23503). */
export const revoked: NonNullable<Write['onRefusal']> = async (error) =>
  sqlState(error) === '23503' ? new errors.InvalidGrant('the grant was revoked meanwhile') : undefined;

/** Ends all that was issued under a grant, at once and on its own: the request that finds a replay fails, this stays. */
export async function revokeFamily(tenantId: TenantId, grantId: string): Promise<void> {
  const { db } = currentScope();
  await prepared(db, { name: 'grant-remove', text: 'delete from oidc_grant where tenant_id = $1 and id = $2' }, [
    tenantId,
    grantId,
  ]);
}

/** Counts a failed redemption of a code by its own client; after `LIMITS.codeVerifierGuesses` the code is spent. */
export function missCode(tenantId: TenantId, code: string): Write {
  return { statement: MISS, values: [tenantId, 'AuthorizationCode', sha256(code), LIMITS.codeVerifierGuesses] };
}
