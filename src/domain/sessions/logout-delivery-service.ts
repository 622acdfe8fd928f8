import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { DeliveryId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { DeliveryState, LogoutDelivery } from './logout-delivery.ts';
import * as store from './logout-delivery-store.ts';

/** What administrators see of the logouts that relying parties are owed, and can do about them. */
export function createLogoutDeliveries({ audit }: { audit: Pick<AuditService, 'record'> }) {
  return {
    /**
     * A page of deliveries, the latest first. `total` counts to `LIMITS.countedRows` and no further.
     *
     * @throws Failure `invalid_input`
     */
    async list(
      call: TenantCall,
      { state, ...query }: PageQuery & { state?: DeliveryState | undefined } = {},
    ): Promise<Page<LogoutDelivery>> {
      const { page, offset, limit } = pageWindow(query);
      const which = { state, offset, limit, most: LIMITS.countedRows };
      return { ...(await inTransaction(call, (tx) => store.list(tx, which))), page, pageSize: limit };
    },

    /**
     * Asks for another attempt now, and gives the delivery another day. One that is being tried at this moment is left to
     * that.
     *
     * @throws Failure `delivery_not_found`; `conflict` for one that has arrived
     */
    async retry(call: TenantCall, id: DeliveryId): Promise<LogoutDelivery> {
      return inTransaction(call, async (tx) => {
        const known = await store.lock(tx, id);
        if (!known) throw new Failure('delivery_not_found', { id });
        if (known.state === 'delivered') throw new Failure('conflict', { id });
        await audit.record(tx, 'logout_delivery.retried', { target: `client:${known.clientId}`, details: { id } });
        return store.retry(tx, id, LIMITS.outboxLeaseMs);
      });
    },
  };
}

export type LogoutDeliveries = ReturnType<typeof createLogoutDeliveries>;
