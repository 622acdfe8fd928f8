import { inOperatorTransaction, inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type TenantId } from '../../kernel/ids.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { toUlid } from '../../kernel/ulid.ts';
import type { AccessService } from '../access/access-service.ts';
import type { TenantService } from '../tenants/tenant-service.ts';
import type { Rotation } from './client-secrets.ts';
import type { ClientService } from './client-service.ts';
import { type ServiceAccount, type ServiceAccountDraft, sortedScopes } from './service-account.ts';
import * as store from './service-account-store.ts';

type Deps = {
  tenants: Pick<TenantService, 'get'>;
  access: Pick<AccessService, 'createRole' | 'setClientRoles' | 'removeOwnRole'>;
  clients: Pick<ClientService, 'create' | 'rotateSecret' | 'remove'>;
};

/**
 * Machines that operators make, in any tenant: a client of kind `service` and a role of its own, made and removed as one.
 * The audit trail of its tenant tells of both. Who calls is an operator; the face asks for that.
 */
export function createServiceAccountService({ tenants, access, clients }: Deps) {
  /** The same call in the tenant of a service account. @throws Failure `client_not_found` */
  async function callOf(call: TenantCall, clientId: string): Promise<TenantCall> {
    const tenantId = await inOperatorTransaction(call, (tx) => store.tenantOf(tx, clientId));
    if (!tenantId) throw new Failure('client_not_found', { clientId });
    return within(call, tenantId);
  }

  const within = (call: TenantCall, tenantId: TenantId): TenantCall => ({ ...call, tenantId });

  return {
    /**
     * Makes a service account, which works with `client_credentials` at once. Its secret is told here and never again.
     *
     * @throws Failure `tenant_not_found`, `invalid_input`, `client_invalid`; `privilege_escalation`
     */
    async create(
      call: TenantCall,
      { name, tenantId = call.tenantId, scopes, description = null }: ServiceAccountDraft,
    ): Promise<{ account: ServiceAccount; clientSecret: string }> {
      const { permissions, apiScopes } = sortedScopes(scopes);
      const { id } = await tenants.get(call, tenantId);
      const clientId = `svc_${toUlid(newId())}`;
      return inTransaction(within(call, id), async (tx) => {
        const made = await clients.create(tx, { clientId, kind: 'service', name, scopes: apiScopes });
        const role = { name: clientId, displayName: name, category: 'service-account', permissions };
        const { description: told } = await access.createRole(tx, { ...role, description });
        await access.setClientRoles(tx, clientId, [clientId]);
        await store.insert(tx, { clientId, description: told });
        const { status, createdAt } = made.client;
        const account = { clientId, tenantId: id, name, description: told, status, scopes: apiScopes, createdAt };
        return { account, clientSecret: made.clientSecret! };
      });
    },

    /** A page of the service accounts of all tenants, the newest first. @throws Failure `invalid_input` */
    async list(call: TenantCall, query: PageQuery = {}): Promise<Page<ServiceAccount>> {
      const window = pageWindow(query);
      const { items, total } = await inOperatorTransaction(call, (tx) => store.list(tx, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /**
     * Gives a service account a new secret; the one before stays good for `overlapSeconds`.
     *
     * @throws Failure `client_not_found`, `invalid_input`
     */
    rotate: async (call: TenantCall, clientId: string, rotation: Rotation = {}) =>
      clients.rotateSecret(await callOf(call, clientId), clientId, rotation),

    /** Removes a service account with its role: its tokens open nothing from that moment on. @throws Failure `client_not_found` */
    async revoke(call: TenantCall, clientId: string): Promise<void> {
      await inTransaction(await callOf(call, clientId), async (tx) => {
        await clients.remove(tx, clientId);
        await access.removeOwnRole(tx, clientId);
      });
    },
  };
}

export type ServiceAccountService = ReturnType<typeof createServiceAccountService>;
