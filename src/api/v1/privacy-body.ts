import { z } from 'zod';
import type { AuditRecord } from '../../domain/audit/audit-record.ts';
import { CONSENT_TYPES, type Consent, type ConsentChoice } from '../../domain/privacy/consent.ts';
import type { Erasure } from '../../domain/privacy/erasure.ts';
import type { PersonalData } from '../../domain/privacy/personal-data.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { time } from './fields.ts';
import { apiKeyIds, auditIds, erasureIds, factorIds, nodeIds, sessionIds } from './ids.ts';
import { exampleUser, presentUser, userBody } from './user-body.ts';

export const consentType = z.enum(CONSENT_TYPES);

export const consentBody = z.object({ type: consentType, granted: z.boolean(), at: time.nullable() });

export const presentConsent = ({ type, granted, at }: Consent): z.input<typeof consentBody> => ({
  ...{ type, granted },
  at: at?.toISOString() ?? null,
});

export const choiceBody = z.object({
  type: consentType,
  granted: z.boolean(),
  at: time,
  source: z.enum(['page', 'api']),
  version: z.string().nullable(),
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
});

export const presentChoice = (choice: ConsentChoice): z.input<typeof choiceBody> => ({
  ...choice,
  at: choice.at.toISOString(),
});

export const exampleChoice: z.input<typeof choiceBody> = {
  ...{ type: 'marketing', granted: true, at: '2026-01-02T09:30:00.000Z', source: 'page', version: '2026-01' },
  ...{ ip: '192.0.2.7', userAgent: 'Mozilla/5.0' },
};

export const erasureBody = z.object({ requestId: erasureIds.text, requestedAt: time, effectiveAt: time });

export const presentErasure = ({ id, requestedAt, effectiveAt }: Erasure): z.input<typeof erasureBody> => ({
  requestId: erasureIds.encode(id),
  requestedAt: requestedAt.toISOString(),
  effectiveAt: effectiveAt.toISOString(),
});

export const exampleErasure: z.input<typeof erasureBody> = {
  requestId: 'ers_01HZX3F5T8Q2M4N6P7R9S0V1X7',
  requestedAt: '2026-01-01T12:00:00.000Z',
  effectiveAt: '2026-01-31T12:00:00.000Z',
};

const actBody = z.object({
  id: auditIds.text,
  at: time,
  action: z.string(),
  resource: z.string().nullable(),
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
});

/** Where somebody else acted from is theirs. */
const presentAct = (isOwn: boolean) => (record: AuditRecord) => ({
  id: auditIds.encode(record.id),
  at: record.at.replace(/(\.\d{3})\d*Z$/, '$1Z'),
  action: record.action,
  resource: record.resource,
  ip: isOwn ? record.ip : null,
  userAgent: isOwn ? record.userAgent : null,
});

/** Names the form of the document below, wherever it is kept. */
export const PERSONAL_DATA_SCHEMA = 'urn:gatehouse:schema:privacy-export:1';

/**
 * All that is known of a person, as they may take it with them. Its version is raised when a field changes its meaning, and
 * so is that of its schema.
 */
export const personalDataBody = z.object({
  $schema: z.literal(PERSONAL_DATA_SCHEMA),
  version: z.literal(1),
  exportedAt: time,
  profile: userBody,
  roles: z.array(z.string()),
  memberships: z.array(
    z.object({ nodeId: nodeIds.text, name: z.string(), type: z.string(), roles: z.array(z.string()), since: time }),
  ),
  factors: z.array(
    z.object({
      id: factorIds.text,
      kind: z.string(),
      name: z.string().nullable(),
      address: z.string().nullable(),
      createdAt: time,
      lastUsedAt: time.nullable(),
    }),
  ),
  backupCodesLeft: z.int(),
  sessions: z.array(
    z.object({
      id: sessionIds.text,
      createdAt: time,
      lastSeenAt: time,
      expiresAt: time,
      ip: z.string().nullable(),
      userAgent: z.string().nullable(),
      methods: z.array(z.string()),
      clients: z.array(z.string()),
    }),
  ),
  rememberedBrowsers: z.array(z.object({ userAgent: z.string().nullable(), createdAt: time, expiresAt: time })),
  applications: z.array(
    z.object({
      clientId: z.string(),
      name: z.string(),
      scopes: z.array(z.string()),
      apis: z.array(z.object({ identifier: z.string(), scopes: z.array(z.string()) })),
      since: time,
    }),
  ),
  apiKeys: z.array(
    z.object({
      id: apiKeyIds.text,
      name: z.string(),
      scopes: z.array(z.string()),
      createdAt: time,
      lastUsedAt: time.nullable(),
    }),
  ),
  terms: z.array(z.object({ version: z.string(), language: z.string(), acceptedAt: time })),
  consents: z.array(consentBody),
  consentHistory: z.array(choiceBody),
  acts: z.array(actBody).describe('What the person did, the latest first.'),
  happenings: z.array(actBody).describe('What happened to their account, whoever did it; from where only if they did.'),
});

const iso = (date: Date) => date.toISOString();

/** A person's data in the form of this contract. */
export function presentPersonalData(
  tenantId: TenantId,
  now: Date,
  data: PersonalData,
): z.input<typeof personalDataBody> {
  return {
    $schema: PERSONAL_DATA_SCHEMA,
    version: 1,
    exportedAt: iso(now),
    profile: presentUser(tenantId, data.user),
    roles: data.roles.map(({ name }) => name),
    memberships: data.memberships.map(({ nodeId, node, roles, createdAt }) => ({
      ...{ nodeId: nodeIds.encode(nodeId), name: node.name, type: node.type, roles: [...roles], since: iso(createdAt) },
    })),
    factors: data.factors.map(({ id, kind, name = null, address = null, createdAt, lastUsedAt }) => ({
      ...{ id: factorIds.encode(id), kind, name, address, createdAt: iso(createdAt) },
      lastUsedAt: lastUsedAt ? iso(lastUsedAt) : null,
    })),
    backupCodesLeft: data.backupCodesLeft,
    sessions: data.sessions.map(
      ({ id, createdAt, lastSeenAt, expiresAt, ip = null, userAgent = null, amr, clients }) => ({
        ...{
          id: sessionIds.encode(id),
          createdAt: iso(createdAt),
          lastSeenAt: iso(lastSeenAt),
          expiresAt: iso(expiresAt),
        },
        ...{ ip, userAgent, methods: [...amr], clients: [...clients] },
      }),
    ),
    rememberedBrowsers: data.rememberedBrowsers.map(({ userAgent = null, createdAt, expiresAt }) => ({
      ...{ userAgent, createdAt: iso(createdAt), expiresAt: iso(expiresAt) },
    })),
    applications: data.applications.map(({ clientId, name, scopes, apis, since }) => ({
      ...{ clientId, name, scopes: [...scopes], since: iso(since) },
      apis: apis.map(({ identifier, scopes: of }) => ({ identifier, scopes: [...of] })),
    })),
    apiKeys: data.apiKeys.map(({ id, name, scopes, createdAt, lastUsedAt }) => ({
      ...{ id: apiKeyIds.encode(id), name, scopes: [...scopes], createdAt: iso(createdAt) },
      lastUsedAt: lastUsedAt ? iso(lastUsedAt) : null,
    })),
    terms: data.terms.map(({ version, language, acceptedAt }) => ({ version, language, acceptedAt: iso(acceptedAt) })),
    consents: data.consents.map(presentConsent),
    consentHistory: data.consentHistory.map(presentChoice),
    acts: data.acts.map(presentAct(true)),
    happenings: data.happenings.map((record) => presentAct(record.actor.id === data.user.id)(record)),
  };
}

export const examplePersonalData: z.input<typeof personalDataBody> = {
  $schema: PERSONAL_DATA_SCHEMA,
  ...{ version: 1, exportedAt: '2026-01-02T10:00:00.000Z', profile: exampleUser, roles: [], memberships: [] },
  ...{
    factors: [],
    backupCodesLeft: 0,
    sessions: [],
    rememberedBrowsers: [],
    applications: [],
    apiKeys: [],
    terms: [],
  },
  consents: [{ type: 'marketing', granted: true, at: exampleChoice.at }],
  ...{ consentHistory: [exampleChoice], acts: [], happenings: [] },
};
