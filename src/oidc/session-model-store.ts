import { type Adapter, type AdapterPayload, errors, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { createLookup } from '../database/lookup.ts';
import { prepared } from '../database/pool.ts';
import type { Vouched } from '../domain/sign-in/tokens.ts';
import { newId, type TenantId } from '../kernel/ids.ts';
import { sha256 } from '../kernel/secret.ts';
import { rememberGrant } from './grant-model-store.ts';
import { currentScope, sqlState, type Write } from './request-scope.ts';

const COLUMNS = 's.uid, s.payload, s.seen_at';
// The grant of the asking client comes along: an authorization with a session is one read.
const FIND = {
  name: 'session-find',
  text: `select ${COLUMNS}, g.id as grant_id, g.payload as grant_payload from oidc_session s
    left join oidc_grant g on g.tenant_id = s.tenant_id and g.id = s.payload -> 'authorizations' -> $3 ->> 'grantId'
    where s.tenant_id = $1 and s.id_hash = $2 and s.expires_at > now()`,
};
const FIND_BY_UID = {
  name: 'session-find-by-uid',
  text: `select ${COLUMNS}, null as grant_id, null as grant_payload from oidc_session s
    where s.tenant_id = $1 and s.uid = $2 and s.expires_at > now()`,
};
const BEGIN = {
  name: 'session-begin',
  text: 'select oidc_begin_session($1, $2, $3, $4, $5, $6, $7, to_timestamp($8), $9, $10)',
};
const KEEP = { name: 'session-keep', text: 'select oidc_keep_session($1, $2, $3, $4, $5, to_timestamp($6))' };
const HOLD = { name: 'session-hold', text: 'select oidc_hold_session($1, $2)' };
const END = { name: 'session-end', text: 'select end_sessions($1, array[$2], $3)' };
const END_BY_ID = {
  name: 'session-end-by-id',
  text: 'select end_sessions($1, array(select uid from oidc_session where tenant_id = $1 and id_hash = $2), $3)',
};

/** Seconds for which an unchanged session need not be written again. */
const STILL = 60;

type Row = {
  uid: string;
  payload: AdapterPayload;
  seen_at: Date;
  grant_id: string | null;
  grant_payload: AdapterPayload | null;
};
type Authorizations = Record<string, object>;

const find = createLookup<Row>(FIND, ['uuid', 'bytea', 'text']);

export const sessionRow = (uid: string) => `Session:${uid}`;

export type SessionSettings = {
  /** The issuer at which the sessions are: logout tokens must come from the same (OIDC Back-Channel Logout 1.0 §2.4). */
  issuer: string;
  /** How many a user may have; the oldest end when there are more. */
  maxPerUser: number | undefined;
};

/**
 * Sessions. The cookie's value is kept as its hash only; a session that was found by its uid carries a marker in its
 * place, which `destroy` understands.
 */
export function sessionModelStore(tenantId: TenantId, { issuer, maxPerUser }: SessionSettings): Adapter {
  return {
    async find(id) {
      const { db } = currentScope();
      const clientId = clientOfRequest();
      const row = await find(db, [tenantId, sha256(id), clientId]);
      if (!row) return undefined;
      const grantId = (row.payload['authorizations'] as Record<string, { grantId?: string }> | undefined)?.[clientId]
        ?.grantId;
      if (grantId) rememberGrant(grantId, row.grant_payload ?? undefined);
      return rememberSession(row.uid, row.payload, row.seen_at, id);
    },
    async findByUid(uid) {
      const scope = currentScope();
      if (scope.rows.has(sessionRow(uid))) return scope.rows.get(sessionRow(uid));
      const [row] = await prepared<Row>(scope.db, FIND_BY_UID, [tenantId, uid]);
      if (!row) {
        scope.rows.set(sessionRow(uid), undefined);
        return undefined;
      }
      return rememberSession(uid, row.payload, row.seen_at, `uid:${uid}`);
    },
    async upsert(id, payload) {
      const scope = currentScope();
      const uid = payload.uid as string;
      const before = scope.loaded.get(sessionRow(uid));
      scope.rows.set(sessionRow(uid), payload);
      const { jti: _, ...rest } = payload;
      const body = { ...rest, iss: issuer };
      if (before && before.accountId === payload.accountId) {
        const change = changeOf(before, payload);
        if (change) {
          const kept = { ...body, authorizations: change.added };
          scope.writes.push({
            statement: KEEP,
            values: [tenantId, uid, sha256(id), kept, change.removed, payload.exp],
          });
        }
        if (scope.givesCode) scope.writes.push({ statement: HOLD, values: [tenantId, uid], onRefusal: over });
        return;
      }
      scope.writes.push({
        statement: BEGIN,
        values: [
          tenantId,
          uid,
          sha256(id),
          payload.accountId ?? null,
          body,
          scope.ip,
          scope.userAgent,
          payload.exp,
          maxPerUser ?? null,
          provenAt() ?? null,
        ],
        onRefusal: async (error) =>
          sqlState(error) === 'GH003' ? new errors.AccessDenied('the account is not active') : undefined,
      });
    },
    async destroy(id) {
      const { writes } = currentScope();
      if (id.startsWith('uid:')) writes.push({ statement: END, values: [tenantId, id.slice(4), signOut()] });
      else writes.push({ statement: END_BY_ID, values: [tenantId, sha256(id), signOut()] });
    },
    async findByUserCode() {
      return undefined;
    },
    async consume() {},
    async revokeByGrantId() {},
  };
}

/** Somebody has ended the session while it was giving a code away, which is not kept then. */
const over: NonNullable<Write['onRefusal']> = async (error) =>
  sqlState(error) === 'GH004' ? new errors.AccessDenied('the session has ended') : undefined;

/** When the login was proven that this session begins with: the core itself keeps the second. */
function provenAt(): Date | undefined {
  const ctx = Provider.ctx as KoaContextWithOIDC | undefined;
  const { vouched } = (ctx?.state ?? {}) as { vouched?: Vouched };
  const login = ctx?.oidc.result?.login as { provenAt?: number } | undefined;
  return vouched?.authTime ?? (login?.provenAt === undefined ? undefined : new Date(login.provenAt));
}

/** The core removes a session where the person has asked for it, and nowhere else. */
function signOut(): object {
  const { ip, userAgent, requestId = null } = currentScope();
  return { reason: 'sign_out', actorKind: 'user', id: newId(), at: new Date(), ip, userAgent, requestId };
}

/** Keeps a session that another statement has read along. */
export function rememberSession(uid: string, body: AdapterPayload, seenAt: Date, id: string): AdapterPayload {
  const { rows, loaded } = currentScope();
  const payload = { ...body, jti: id };
  rows.set(sessionRow(uid), payload);
  loaded.set(sessionRow(uid), { ...structuredClone(payload), seenAt: seenAt.getTime() });
  return payload;
}

/** When a session that this request has met ends whatever happens, in seconds since 1970; undefined for one it has not. */
export function absoluteEnd(uid: string | undefined, absoluteSeconds: number): number | undefined {
  const loginTs = uid === undefined ? undefined : currentScope().rows.get(sessionRow(uid))?.['loginTs'];
  return typeof loginTs === 'number' ? loginTs + absoluteSeconds : undefined;
}

/** Until when a use at this moment keeps a session awake, in seconds since 1970. */
export function awakeUntil(uid: string, lifetimes: { idleSeconds: number; absoluteSeconds: number }): number {
  const idle = Math.floor(Date.now() / 1000) + lifetimes.idleSeconds;
  return Math.min(idle, absoluteEnd(uid, lifetimes.absoluteSeconds) ?? idle);
}

/** What a save changes, by application; undefined when there is nothing worth a write. */
function changeOf(
  before: AdapterPayload,
  after: AdapterPayload,
): { added: Authorizations; removed: string[] } | undefined {
  const [old, now] = [
    (before['authorizations'] ?? {}) as Authorizations,
    (after['authorizations'] ?? {}) as Authorizations,
  ];
  const removed = Object.keys(old).filter((clientId) => !(clientId in now));
  const added = Object.fromEntries(
    Object.entries(now).filter(([clientId, value]) => JSON.stringify(old[clientId]) !== JSON.stringify(value)),
  );
  const essence = ({ exp: _e, iat: _i, iss: _iss, authorizations: _a, seenAt: _s, ...rest }: AdapterPayload) =>
    JSON.stringify(sorted(rest));
  const same = removed.length === 0 && Object.keys(added).length === 0 && essence(before) === essence(after);
  const fresh = Date.now() - (before['seenAt'] as number) < STILL * 1000;
  return same && fresh ? undefined : { added, removed };
}

const sorted = (value: object) => Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));

function clientOfRequest(): string {
  const asked = Provider.ctx?.query['client_id'];
  return typeof asked === 'string' ? asked : '';
}
