import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { DEFAULT_SETTINGS, type TenantSettings } from '../tenants/settings.ts';
import type { SessionEnd } from './session.ts';
import * as store from './session-sweep-store.ts';

/** What is to be done to all sessions of a tenant: a row of the outbox of kind `session-sweep`, written by a trigger. */
export type SessionSweep =
  /** The tenant was shut: its sessions end. */
  | { what: 'tenant'; status: 'suspended' | 'deleted'; since: Date }
  /** A client was disabled or removed: it is told, and taken out of the sessions. */
  | { what: 'client'; clientId: string; metadata: object; since: Date }
  /** Other lifetimes: sessions that are older than these allow end at once, the others by them. */
  | { what: 'lifetimes'; since: Date };

/**
 * Goes through all sessions of a tenant, some at a time, each time in a transaction of its own: a tenant may have
 * millions, and neither an administrator nor another tenant waits for them.
 */
export function createSessionSweep({ audit }: { audit: Pick<AuditService, 'authorOf'> }) {
  /** Until `step` finds nothing more. @throws Error when time is up: whoever called comes back and goes on */
  async function drain(signal: AbortSignal, step: () => Promise<boolean>): Promise<void> {
    while (await step()) if (signal.aborted) throw new Error('there is more to do');
  }

  async function endOfTenant(call: TenantCall, reason: SessionEnd, since: Date, signal: AbortSignal): Promise<void> {
    const ending = { reason, ...audit.authorOf(call) };
    await drain(signal, async () => {
      const ended = await inTransaction(call, (tx) => store.endSome(tx, since, LIMITS.sessionSweepRows, ending));
      return ended === LIMITS.sessionSweepRows;
    });
  }

  /** Each part begins behind the last name of the one before. */
  async function walk(signal: AbortSignal, part: (behind: string) => Promise<string | null>): Promise<void> {
    let behind: string | null = '';
    await drain(signal, async () => {
      behind = await part(behind ?? '');
      return behind !== null;
    });
  }

  return {
    /**
     * Does what a sweep says. A second call with the same sweep finds what the first has left.
     *
     * @throws Error when `signal` comes before the end
     */
    async run(call: TenantCall, sweep: SessionSweep, signal: AbortSignal): Promise<void> {
      if (sweep.what === 'tenant') return endOfTenant(call, `tenant_${sweep.status}`, sweep.since, signal);
      if (sweep.what === 'client') {
        const { clientId, metadata } = sweep;
        return walk(signal, (behind) =>
          inTransaction(call, (tx) =>
            store.endParts(tx, { clientId, metadata, behind, rows: LIMITS.sessionSweepRows }),
          ),
        );
      }
      const lifetimes = await lifetimesOf(call);
      return walk(signal, (behind) =>
        inTransaction(call, (tx) => store.limitSome(tx, { ...lifetimes, behind, rows: LIMITS.sessionSweepRows })),
      );
    },
  };
}

export type SessionSweepService = ReturnType<typeof createSessionSweep>;

async function lifetimesOf(call: TenantCall): Promise<TenantSettings['sessions']> {
  return { ...DEFAULT_SETTINGS.sessions, ...(await inTransaction(call, store.findLifetimes)) };
}
