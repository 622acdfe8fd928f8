import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { auditedUser, type User, type UserValues } from './user.ts';
import * as store from './user-batch-store.ts';
import { roomLeft } from './user-limit.ts';

/** A user to be made, among many. */
export type NewOne = { id: UserId; values: UserValues; createdAt: Date | undefined; roles: readonly string[] };

/** Why somebody could not be made. */
export type Taken = 'email_taken' | 'username_taken' | 'conflict' | 'tenant_limit';

/** Very many users of a tenant, some hundred at a time. */
export function createUserBatch({ audit }: { audit: Pick<AuditService, 'recordAll'> }) {
  return {
    /**
     * Makes those of the users who are not there yet, in the caller's transaction; of several who want the same address,
     * name or id the first, and as many as the tenant may have. Who is there stays as they are.
     */
    async createNew<One extends NewOne>(
      tx: TenantCall,
      users: readonly One[],
    ): Promise<{ created: One[]; taken: { user: One; code: Taken }[] }> {
      if (users.length === 0) return { created: [], taken: [] };
      const there = await store.findTaken(
        tx,
        users.map(({ id, values }) => ({ id, ...values })),
      );
      const taken: { user: One; code: Taken }[] = [];
      const free = users.filter((user) => {
        const code = claim(there, user);
        if (code) taken.push({ user, code });
        return !code;
      });
      const room = await roomLeft(tx);
      const within = room === undefined ? free : free.slice(0, room);
      for (const user of free.slice(within.length)) taken.push({ user, code: 'tenant_limit' });
      // Somebody may have come in between.
      const made = new Set(await store.insertNew(tx, within));
      for (const user of within) if (!made.has(user.id)) taken.push({ user, code: 'conflict' });
      const { tenantId } = tx;
      const created = within.filter(({ id }) => made.has(id));
      await audit.recordAll(
        tx,
        created.map(({ id, values, roles }) => ({
          ...{ tenantId, action: 'user.created', target: `user:${id}` },
          after: { ...auditedUser(values), roles },
        })),
      );
      return { created, taken };
    },

    /** All users who are not gone for good, by id, some hundred at a time; each part in a transaction of its own. */
    async *all(call: TenantCall): AsyncGenerator<User[]> {
      let after: UserId | undefined;
      for (;;) {
        const from = after;
        const part = await inTransaction(call, (tx) => store.listAfter(tx, from, LIMITS.batchRows));
        if (part.length > 0) yield part;
        if (part.length < LIMITS.batchRows) return;
        after = part.at(-1)!.id;
      }
    },
  };
}

export type UserBatch = ReturnType<typeof createUserBatch>;

/** Takes what a user wants to have alone, unless somebody has it. */
function claim(there: store.TakenSets, { id, values }: NewOne): Taken | undefined {
  const { emailCanonical: email, usernameCanonical: username } = values;
  if (there.emails.has(email)) return 'email_taken';
  if (username !== null && there.usernames.has(username)) return 'username_taken';
  if (there.ids.has(id)) return 'conflict';
  there.emails.add(email);
  if (username !== null) there.usernames.add(username);
  there.ids.add(id);
  return undefined;
}
