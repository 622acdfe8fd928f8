import { batchesOf } from '../../kernel/batches.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type ApiId, newId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { stableJson } from '../../kernel/text.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { type Api, type ApiChange, type ApiDraft, type ApiValues, checkedApi } from './api.ts';
import * as store from './api-store.ts';

/** The APIs of a tenant. Nodes hear of a change by the table's trigger and use it within a second. */
export function createApiService({ audit }: { audit: AuditService }) {
  return {
    /** @throws Failure `invalid_input`, `api_taken` */
    async create(call: TenantCall, draft: ApiDraft): Promise<Api> {
      const values = checkedApi(draft);
      return inTransaction(call, async (tx) => {
        const [made] = await store.insert(tx, [{ ...values, tenantId: tx.tenantId, id: newId<ApiId>() }]);
        if (!made) throw new Failure('api_taken', { identifier: values.identifier });
        await audit.record(tx, 'api.created', { target: `api:${values.identifier}`, after: auditedApi(made.api) });
        return made.api;
      });
    },

    /** @throws Failure `api_not_found` */
    async get(call: TenantCall, id: ApiId): Promise<Api> {
      return (await inTransaction(call, (tx) => store.find(tx, id))) ?? notFound(id);
    },

    findByIdentifier: (call: TenantCall, identifier: string): Promise<Api | undefined> =>
      inTransaction(call, (tx) => store.findByIdentifier(tx, identifier)),

    /** Every API of the tenant, by identifier. */
    list: (call: TenantCall): Promise<Api[]> => inTransaction(call, (tx) => store.list(tx)),

    /**
     * Changes what is given; the identifier stays, for tokens carry it.
     *
     * @throws Failure `api_not_found`, `invalid_input`
     */
    async update(call: TenantCall, id: ApiId, change: ApiChange): Promise<Api> {
      return inTransaction(call, async (tx) => {
        const api = (await store.lock(tx, id)) ?? notFound(id);
        const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
        const values = checkedApi({ ...api, ...given, identifier: api.identifier });
        if (Object.entries(values).every(([key, value]) => stableJson(value) === stableJson(api[key as keyof Api])))
          return api;
        const changed = await store.update(tx, id, values);
        await audit.record(tx, 'api.updated', {
          target: `api:${api.identifier}`,
          ...changeOf(auditedApi(api), auditedApi(changed)),
        });
        return changed;
      });
    },

    /** Removes an API: no token is made for it any more; those that exist end by themselves. @throws Failure `api_not_found` */
    async remove(call: TenantCall, id: ApiId): Promise<void> {
      await inTransaction(call, async (tx) => {
        const api = (await store.lock(tx, id)) ?? notFound(id);
        await store.remove(tx, id);
        await audit.record(tx, 'api.removed', { target: `api:${api.identifier}`, before: auditedApi(api) });
      });
    },

    /** All APIs of several tenants, in the caller's transaction. */
    apisOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<store.OwnedApi[]> =>
      store.listOf(tx, tenantIds),

    /** APIs of several tenants in few statements, in the caller's transaction. @throws Failure `api_taken` */
    async createAll(tx: OperatorCall, apis: readonly (ApiValues & { tenantId: TenantId })[]): Promise<void> {
      for (const batch of batchesOf(apis, LIMITS.batchRows)) {
        const made = await store.insert(
          tx,
          batch.map((api) => ({ ...api, id: newId<ApiId>() })),
        );
        if (made.length < batch.length) throw new Failure('api_taken');
      }
      await audit.recordAll(
        tx,
        apis.map(({ tenantId, ...api }) => ({
          tenantId,
          action: 'api.created',
          target: `api:${api.identifier}`,
          after: auditedApi(api),
        })),
      );
    },
  };
}

/** What the audit trail tells of an API. */
const auditedApi = ({ name, scopes, accessTokenFormat, signingAlg, accessTokenSeconds }: ApiValues) => ({
  name,
  scopes,
  accessTokenFormat,
  signingAlg,
  accessTokenSeconds,
});

export type ApiService = ReturnType<typeof createApiService>;

function notFound(apiId: ApiId): never {
  throw new Failure('api_not_found', { apiId });
}
