import { batchesOf } from '../../kernel/batches.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { likePattern, type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { randomToken } from '../../kernel/secret.ts';
import { stableJson } from '../../kernel/text.ts';
import { toUlid } from '../../kernel/ulid.ts';
import { assertVersion, type Expected } from '../../kernel/version.ts';
import type { AccessService } from '../access/access-service.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import {
  auditedClient,
  type Client,
  type ClientChange,
  type ClientDraft,
  type ClientKind,
  type ClientValues,
  usesSecret,
  versionOfClient,
} from './client.ts';
import type { ClientMetadata } from './client-metadata.ts';
import { assertMayShape, assertMayVouch } from './client-reach.ts';
import { changedClient, checkedClient, checkedSecret } from './client-rules.ts';
import { createClientSecrets } from './client-secrets.ts';
import * as store from './client-store.ts';
import { registeredValues } from './registered-client.ts';

/** Ends all that was issued to a client. */
export type GrantRevoker = { revokeOfClient(tx: TenantCall, clientId: string): Promise<unknown> };
/** The last word on a client's metadata, spoken by the OIDC core. @throws Failure `client_invalid` */
export type ValidateMetadata = (metadata: ClientMetadata) => Promise<void>;

export type ClientQuery = PageQuery & {
  kind?: ClientKind | undefined;
  status?: Client['status'] | undefined;
  search?: string | undefined;
};

export type ClientServiceDeps = {
  audit: AuditService;
  access: Pick<AccessService, 'assertNothingGainedByClient'>;
  tenantKeys: Pick<TenantKeyService, 'keyFor'>;
  grants: GrantRevoker;
  validateMetadata: ValidateMetadata;
};

const STATUS_ACTIONS = { active: 'client.enabled', disabled: 'client.disabled' } as const;

/** The applications of a tenant. Every node obeys a change within a second, by the table's trigger. */
export function createClientService({ audit, access, tenantKeys, grants, validateMetadata }: ClientServiceDeps) {
  const target = (clientId: string) => ({ target: `client:${clientId}` });
  const secrets = createClientSecrets({ audit, access, tenantKeys });

  /** The core reads the metadata with id and name; a secret-based client has its secret where the core expects one. */
  const assertAccepted = ({ clientId, name, metadata }: ClientValues): Promise<void> =>
    validateMetadata({ ...metadata, client_id: clientId, client_name: name });

  async function writeChange(tx: TenantCall, client: Client, values: ClientValues): Promise<Client> {
    const isSame = Object.keys(values).every(
      (key) => stableJson(values[key as keyof ClientValues]) === stableJson(client[key as keyof Client]),
    );
    if (isSame) return client;
    await assertMayShape(tx, client, access);
    assertMayVouch(tx, values);
    await assertAccepted(values);
    if (client.status === 'active' && values.status === 'disabled') await grants.revokeOfClient(tx, client.clientId);
    const updated = await store.update(tx, values);
    const change = changeOf(auditedClient(client), auditedClient(updated));
    const [changed, ...others] = Object.keys(change.after ?? {});
    const onlyStatus = changed === 'status' && others.length === 0;
    const action = onlyStatus ? STATUS_ACTIONS[values.status] : 'client.updated';
    await audit.record(tx, action, { ...target(client.clientId), ...change });
    return updated;
  }

  async function setStatus(call: TenantCall, clientId: string, status: 'active' | 'disabled'): Promise<Client> {
    return inTransaction(call, async (tx) => {
      const client = (await store.lock(tx, clientId)) ?? notFound(clientId);
      if (client.status === status) return client;
      if (status === 'active') await assertMayShape(tx, client, access);
      // Before the status: what is revoked is read from what is still there.
      if (status === 'disabled') await grants.revokeOfClient(tx, clientId);
      const changed = await store.update(tx, { ...client, status });
      await audit.record(tx, STATUS_ACTIONS[status], {
        ...target(clientId),
        ...changeOf(auditedClient(client), auditedClient(changed)),
      });
      return changed;
    });
  }

  return {
    ...secrets,

    /**
     * Makes a client. One that proves itself by a secret and brings none gets one of 256 bits, told here and never
     * again.
     *
     * @param draft `clientId` is made up where it is left out (`cli_` and a ULID)
     * @throws Failure `client_invalid`, `client_taken`; `privilege_escalation` for a first-party client of somebody who
     *   may not change the tenant's settings
     */
    async create(
      call: TenantCall,
      {
        clientSecret,
        ...draft
      }: Omit<ClientDraft, 'clientId'> & { clientId?: string | undefined; clientSecret?: string | undefined },
    ): Promise<{ client: Client; clientSecret: string | undefined }> {
      const values = checkedClient({ ...draft, clientId: draft.clientId ?? `cli_${toUlid(newId())}` });
      assertMayVouch(call, values);
      if (clientSecret !== undefined) assertTakesSecret(values);
      const secret = clientSecret ?? (usesSecret(values.metadata) ? randomToken() : undefined);
      if (secret !== undefined) checkedSecret(secret);
      await assertAccepted(values);
      return inTransaction(call, async (tx) => {
        const [made] = await store.insert(tx, [{ ...values, tenantId: tx.tenantId }]);
        if (!made) throw new Failure('client_taken', { clientId: values.clientId });
        if (secret !== undefined)
          await secrets.insertSecrets(tx, [{ tenantId: tx.tenantId, clientId: values.clientId, secret }]);
        await audit.record(tx, 'client.created', { ...target(values.clientId), after: auditedClient(values) });
        return { client: made.client, clientSecret: secret };
      });
    },

    /** @throws Failure `client_not_found` */
    async get(call: TenantCall, clientId: string): Promise<Client> {
      return (await inTransaction(call, (tx) => store.find(tx, clientId))) ?? notFound(clientId);
    },

    /** A client with its roles and the hashes of the secrets that are good now, in one statement: what the core asks for. */
    findForCore: (call: TenantCall, clientId: string): Promise<store.ClientWithSecrets | undefined> =>
      inTransaction(call, (tx) => store.findWithSecrets(tx, clientId)),

    /** A page of clients by id. `search` looks into id and name. @throws Failure `invalid_input` */
    async list(call: TenantCall, { kind, status, search, ...query }: ClientQuery = {}): Promise<Page<Client>> {
      const window = pageWindow(query);
      const filter = { kind, status, like: search === undefined ? undefined : likePattern(search) };
      const { items, total } = await inTransaction(call, (tx) => store.list(tx, filter, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /**
     * Changes what is given; null takes a value away, another kind brings that kind's defaults.
     *
     * @param expected the versions of which the client must be one
     * @throws Failure `client_not_found`, `precondition_failed`, `client_invalid`; `privilege_escalation` when the client
     *   may do what the actor may not
     */
    async update(call: TenantCall, clientId: string, change: ClientChange, expected?: Expected): Promise<Client> {
      return inTransaction(call, async (tx) => {
        const client = (await store.lock(tx, clientId)) ?? notFound(clientId);
        assertVersion(expected, versionOfClient(client));
        return writeChange(tx, client, changedClient(client, change));
      });
    },

    /** Shuts a client out and ends all it was given. Doing so twice is once. @throws Failure `client_not_found` */
    disable: (call: TenantCall, clientId: string): Promise<Client> => setStatus(call, clientId, 'disabled'),

    /** Lets a disabled client in again; what it had is gone. @throws Failure `client_not_found`, `privilege_escalation` */
    enable: (call: TenantCall, clientId: string): Promise<Client> => setStatus(call, clientId, 'active'),

    /**
     * Removes a client with its secrets, its roles and all it was given.
     *
     * @throws Failure `client_not_found`, `precondition_failed`; `privilege_escalation` as for a change
     */
    async remove(call: TenantCall, clientId: string, expected?: Expected): Promise<void> {
      await inTransaction(call, async (tx) => {
        const client = (await store.lock(tx, clientId)) ?? notFound(clientId);
        assertVersion(expected, versionOfClient(client));
        await assertMayShape(tx, client, access);
        await grants.revokeOfClient(tx, clientId);
        await store.remove(tx, clientId);
        await audit.record(tx, 'client.removed', { ...target(clientId), before: auditedClient(client) });
      });
    },

    /**
     * Keeps what a client registered about itself, or changed, through the core (RFC 7591, 7592), which has checked it.
     * A client that the tenant made is not touched.
     *
     * @throws Failure `client_taken`
     */
    async saveRegistered(
      call: TenantCall,
      { client_id, client_name, client_secret, ...metadata }: ClientMetadata,
    ): Promise<void> {
      const clientId = String(client_id);
      const values = registeredValues(clientId, client_name, metadata);
      await inTransaction(call, async (tx) => {
        const [made] = await store.insert(tx, [{ ...values, tenantId: tx.tenantId }]);
        const known = made ? undefined : ((await store.lock(tx, clientId)) ?? notFound(clientId));
        if (known && !known.registered) throw new Failure('client_taken', { clientId });
        const said = known && saidOf(known);
        if (said) await store.update(tx, { ...values, ...said });
        if (typeof client_secret === 'string') await secrets.keepOnly(tx, clientId, client_secret);
        await audit.record(tx, known ? 'client.registration_updated' : 'client.registered', {
          ...target(clientId),
          ...changeOf(known && auditedClient(known), auditedClient({ ...values, status: 'active', ...said })),
        });
      });
    },

    /** How many clients of the tenant registered themselves. */
    countRegistered: (call: TenantCall): Promise<number> => inTransaction(call, (tx) => store.countRegistered(tx)),

    /** Those that exist of the named clients of several tenants, with live secret hashes, in the caller's transaction. */
    findNamed: (
      tx: OperatorCall,
      clients: readonly { tenantId: TenantId; clientId: string }[],
      options?: { lock: boolean },
    ) => store.findNamed(tx, clients, options),

    /** All clients of several tenants but those that registered themselves, in the caller's transaction. */
    clientsOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<store.OwnedClient[]> =>
      store.listOf(tx, tenantIds),

    /** Whether the core would take these values. @throws Failure `client_invalid` */
    assertAccepted,

    /**
     * Clients of several tenants in few statements, in the caller's transaction; a secret only where one is given.
     *
     * @throws Failure `client_taken`
     */
    async createAll(
      tx: OperatorCall,
      clients: readonly { tenantId: TenantId; values: ClientValues; secret?: string | undefined }[],
    ): Promise<void> {
      for (const batch of batchesOf(clients, LIMITS.batchRows)) {
        const made = await store.insert(
          tx,
          batch.map(({ tenantId, values }) => ({ ...values, tenantId })),
        );
        if (made.length < batch.length) throw new Failure('client_taken');
        const given = batch.flatMap(({ tenantId, values, secret }) =>
          secret === undefined ? [] : [{ tenantId, clientId: values.clientId, secret }],
        );
        if (given.length > 0) await secrets.insertSecrets(tx, given);
      }
      await audit.recordAll(
        tx,
        clients.map(({ tenantId, values }) => ({
          tenantId,
          action: 'client.created',
          ...target(values.clientId),
          after: auditedClient(values),
        })),
      );
    },
  };
}

export type ClientService = ReturnType<typeof createClientService>;

/** @throws Failure `client_invalid` for a secret that the client could never use */
export function assertTakesSecret({ metadata }: ClientValues): void {
  const method = String(metadata['token_endpoint_auth_method']);
  if (!usesSecret(metadata))
    throw new Failure('client_invalid', { field: 'clientSecret', problem: `is of no use with ${method}` });
}

/** What the tenant has said of a client that registered itself: that stays said when it changes its record. */
const saidOf = ({ status, mfa, minAcr, apiScopes, allowedIps, rateLimitPerMinute }: Client) => ({
  ...{ status, mfa, minAcr },
  ...{ apiScopes, allowedIps, rateLimitPerMinute },
});

function notFound(clientId: string): never {
  throw new Failure('client_not_found', { clientId });
}
