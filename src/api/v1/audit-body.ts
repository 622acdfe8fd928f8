import { z } from 'zod';
import type { AuditRecord } from '../../domain/audit/audit-record.ts';
import { csvLine } from '../../http/csv.ts';
import {
  type ApiKeyId,
  type AuditId,
  isUuid,
  type NodeId,
  type SessionId,
  type TenantId,
  type UserId,
} from '../../kernel/ids.ts';
import { time } from './fields.ts';
import { apiKeyIds, auditIds, nodeIds, sessionIds, tenantIds, userIds } from './ids.ts';

const state = z.record(z.string(), z.unknown()).nullable();

/** A record of the trail. What was erased with its person is null. */
export const auditBody = z.object({
  id: auditIds.text,
  at: time,
  tenantId: tenantIds.text,
  actor: z.object({ type: z.string(), id: z.string().nullable() }),
  action: z.string(),
  resource: z.string().nullable(),
  resourceId: z.string().nullable(),
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
  correlationId: z.string().nullable(),
  previousState: state,
  newState: state,
  metadata: z.record(z.string(), z.unknown()),
  hash: z.string().nullable(),
});

type Body = z.input<typeof auditBody>;

/** Ids of things that this contract writes in its own way. */
const CODECS: Readonly<Record<string, (id: string) => string>> = {
  user: (id) => userIds.encode(id as UserId),
  'api-key': (id) => apiKeyIds.encode(id as ApiKeyId),
  session: (id) => sessionIds.encode(id as SessionId),
  node: (id) => nodeIds.encode(id as NodeId),
  audit_record: (id) => auditIds.encode(id as AuditId),
};

const idOf = (kind: string | null, id: string | null): string | null =>
  id !== null && kind !== null && isUuid(id) && Object.hasOwn(CODECS, kind) ? CODECS[kind]!(id) : id;

/** The id as it stands in the trail, from this contract's writing of it. */
export const idFrom = (text: string): string =>
  userIds.decode(text) ?? apiKeyIds.decode(text) ?? sessionIds.decode(text) ?? nodeIds.decode(text) ?? text;

export const presentAudit = (tenantId: TenantId, record: AuditRecord): Body => ({
  id: auditIds.encode(record.id),
  at: new Date(record.at).toISOString(),
  tenantId: tenantIds.encode(tenantId),
  actor: { type: record.actor.kind, id: idOf(record.actor.kind, record.actor.id) },
  action: record.action,
  resource: record.resource,
  resourceId: idOf(record.resource, record.resourceId),
  ip: record.ip,
  userAgent: record.userAgent,
  correlationId: record.requestId,
  previousState: record.before as Record<string, unknown> | null,
  newState: record.after as Record<string, unknown> | null,
  metadata: record.details,
  hash: record.hash,
});

const HEADINGS = [
  'id',
  'at',
  'tenantId',
  'actorType',
  'actorId',
  'action',
  'resource',
  'resourceId',
  'ip',
  'userAgent',
  'correlationId',
  'previousState',
  'newState',
  'metadata',
  'hash',
];

const json = (value: object | null) => (value === null ? null : JSON.stringify(value));

const cellsOf = ({ actor, previousState, newState, metadata, ...body }: Body) => [
  body.id,
  body.at,
  body.tenantId,
  actor.type,
  actor.id,
  body.action,
  body.resource,
  body.resourceId,
  body.ip,
  body.userAgent,
  body.correlationId,
  json(previousState),
  json(newState),
  json(metadata),
  body.hash,
];

/** How a trail is written, record by record. */
export const EXPORTS = {
  csv: {
    type: 'text/csv',
    async *write(bodies: AsyncIterable<Body>): AsyncGenerator<string> {
      yield csvLine(HEADINGS);
      for await (const body of bodies) yield csvLine(cellsOf(body));
    },
  },
  ndjson: {
    type: 'application/x-ndjson',
    async *write(bodies: AsyncIterable<Body>): AsyncGenerator<string> {
      for await (const body of bodies) yield `${JSON.stringify(auditBody.parse(body))}\n`;
    },
  },
} as const;

export const exampleAudit: Body = {
  id: 'aud_01HZX3F5T8Q2M4N6P7R9S0V1W7',
  at: '2026-01-02T09:30:00.000Z',
  tenantId: 'ten_01HZX3F5T8Q2M4N6P7R9S0V1W3',
  actor: { type: 'user', id: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2' },
  action: 'user.suspended',
  resource: 'user',
  resourceId: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W8',
  ip: '192.0.2.7',
  userAgent: 'Mozilla/5.0 …',
  correlationId: '01980f3c-6f9f-7b54-9a51-3c8e1d0a4b77',
  previousState: { status: 'active' },
  newState: { status: 'suspended' },
  metadata: {},
  hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
};
