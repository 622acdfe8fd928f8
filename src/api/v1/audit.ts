import { z } from 'zod';
import type { AuditRecord } from '../../domain/audit/audit-record.ts';
import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { AuditId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { readCursor, writeCursor } from '../cursor.ts';
import { operation } from '../operation.ts';
import { cursorFields, sliceBody } from '../schemas.ts';
import { auditBody, EXPORTS, exampleAudit, idFrom, presentAudit } from './audit-body.ts';
import { time } from './fields.ts';
import { auditIds } from './ids.ts';
import { AUDIT_RATE, VERIFY_RATE } from './rates.ts';

const word = z.string().min(1).max(LIMITS.nameChars);

const auditQuery = z.strictObject({
  ...cursorFields,
  action: word.optional(),
  actorId: z.string().min(1).max(LIMITS.identifierChars).optional(),
  resource: z.string().min(1).max(LIMITS.redirectUriChars).optional(),
  from: time.optional(),
  to: time.optional(),
  format: z.enum(['json', 'csv', 'ndjson']).optional(),
});

const position = z.strictObject({ at: time, id: z.uuid() });

/** What to look for: ids as the trail has them, a kind of thing or one of its kind. */
function filterOf({ action, actorId, resource, from, to }: z.output<typeof auditQuery>) {
  const [kind, ...id] = resource?.split(':') ?? [];
  return {
    action,
    actorId: actorId && idFrom(actorId),
    resource: kind,
    resourceId: id.length > 0 ? idFrom(id.join(':')) : undefined,
    from: from === undefined ? undefined : new Date(from),
    to: to === undefined ? undefined : new Date(to),
  };
}

async function* shown({ tenantId }: TenantCall, records: AsyncIterable<AuditRecord>) {
  for await (const record of records) yield presentAudit(tenantId, record);
}

export const auditLog = operation({
  method: 'GET',
  path: '/api/v1/audit',
  summary: 'The audit trail',
  description:
    'One record for each change that was acknowledged and each refusal that matters, the newest first. `resource` is a kind of thing, or one thing as `user:usr_…`; `from` is included, `to` is not. `format` csv or ndjson streams all that the filter finds, the oldest first; a cell that a spreadsheet would compute gets an apostrophe.',
  access: { permission: 'iam.audit:read' },
  query: auditQuery,
  answers: { 200: sliceBody(auditBody) },
  failures: [],
  rate: [AUDIT_RATE],
  streams: Object.values(EXPORTS).map(({ type }) => type),
  example: { query: { resource: 'user', limit: '50' }, answer: { data: [exampleAudit], nextCursor: null } },
  async handle({ call, query, answer, stream }, { audit, tenantKeys }) {
    const { cursor, limit = 50, format = 'json' } = query;
    const filter = filterOf(query);
    if (format !== 'json') {
      if (cursor !== undefined || query.limit !== undefined)
        throw new Failure('invalid_input', {
          field: cursor === undefined ? 'limit' : 'cursor',
          problem: 'is for json',
        });
      const { type, write } = EXPORTS[format];
      return stream(type, write(shown(call, await audit.export(call, filter))), `audit.${format}`);
    }
    const list = { operation: 'auditLog', filter };
    const after = cursor === undefined ? undefined : await readCursor(call, tenantKeys, list, cursor, position);
    // One more than is shown tells whether there is one.
    const found = await audit.list(call, filter, { after, limit: limit + 1 });
    const last = found.length > limit ? found[limit - 1] : undefined;
    return answer(200, {
      data: found.slice(0, limit).map((record) => presentAudit(call.tenantId, record)),
      nextCursor: last ? await writeCursor(call, tenantKeys, list, { at: last.at, id: last.id }) : null,
    });
  },
});

const verdictBody = z.object({
  intact: z.boolean(),
  entries: z.int(),
  firstBroken: auditIds.text.nullable(),
  problem: z.enum(['altered', 'missing', 'misplaced', 'forged', 'checkpoint']).nullable(),
  broken: z.int(),
  checkpoint: z
    .object({ seq: z.int(), record: auditIds.text, hash: z.string(), at: z.string(), signature: z.string() })
    .nullable(),
  publicKey: z.object({ kty: z.string(), crv: z.string(), x: z.string() }),
});

export const verifyAudit = operation({
  method: 'GET',
  path: '/api/v1/audit/verify',
  summary: 'Verify the audit trail',
  description:
    'Walks the whole hash chain: every record is what was written, none is missing and none was added. `firstBroken` is the first record that is not as it should be, and `problem` says how. Keep `checkpoint` and `publicKey`: with them it is seen later whether the chain was put back to an earlier state.',
  access: { permission: 'iam.audit:read' },
  answers: { 200: verdictBody },
  failures: [],
  rate: [VERIFY_RATE],
  example: {
    answer: {
      intact: true,
      entries: 1_204,
      firstBroken: null,
      problem: null,
      broken: 0,
      checkpoint: {
        seq: 1_204,
        record: exampleAudit.id,
        hash: exampleAudit.hash,
        at: '2026-01-02T09:30:01.000000Z',
        signature: 'lGC…',
      },
      publicKey: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    },
  },
  async handle({ call, answer }, { audit }) {
    const { intact, entries, firstBroken, broken, head, publicKey } = await audit.verify(call);
    const checkpoint = head && {
      seq: head.seq,
      record: auditIds.encode(head.id as AuditId),
      hash: head.hash.toString('hex'),
      at: head.at,
      signature: head.signature.toString('base64url'),
    };
    return answer(200, {
      intact,
      entries,
      firstBroken: firstBroken ? auditIds.encode(firstBroken.id as AuditId) : null,
      problem: firstBroken?.problem ?? null,
      broken,
      checkpoint: checkpoint ?? null,
      publicKey,
    });
  },
});
