import { idOfActor, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type InviteId, newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { randomToken, sha256 } from '../../kernel/secret.ts';
import type { AccessService } from '../access/access-service.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { shownName } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { NodeService } from '../nodes/node-service.ts';
import type { RecoveryThrottle } from '../recovery/recovery-throttle.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import { checkedEmail, type User } from '../users/user.ts';
import type { UserService } from '../users/user-service.ts';
import { type AcceptanceDeps, createAcceptance } from './acceptance.ts';
import { assertMayInvite, auditedInvite, type Invite, type InviteDraft, type Inviter } from './invite.ts';
import * as store from './invite-store.ts';

export type InviteDeps = AcceptanceDeps & {
  audit: Pick<AuditService, 'record' | 'recordRefusal'>;
  access: Pick<AccessService, 'assertMayGive'>;
  nodes: Pick<NodeService, 'get'>;
  users: Pick<UserService, 'findByIdentifier'>;
  letters: Pick<LetterService, 'queue'>;
  throttle: Pick<RecoveryThrottle, 'takeNames'>;
  directory: Pick<TenantDirectory, 'byId'>;
};

/**
 * People who are asked to join, by a letter to their address. Whoever invites promises no more than they may give
 * themselves, and is asked again at the moment of acceptance. An address has one open invite; inviting it again is how a
 * letter is sent again.
 */
export function createInviteService(deps: InviteDeps) {
  const { audit, access, nodes, users, letters, throttle, directory } = deps;
  const target = ({ id, userId }: Invite) => ({ target: `invite:${id}`, about: userId });

  /** Whom an invite would help nobody to: who is barred stays barred. */
  function assertInvitable(user: User | undefined): void {
    if (user?.status === 'suspended') throw new Failure('user_suspended', { userId: user.id });
    if (user?.status === 'deactivated') throw new Failure('user_deactivated', { userId: user.id });
    if (user?.status === 'pending') throw new Failure('conflict', { userId: user.id });
  }

  async function write(tx: TenantCall, invite: Invite, token: string, user: User | undefined): Promise<void> {
    const tenant = await directory.byId(tx, tx.tenantId);
    const { kind, id } = invite.inviter;
    const name = kind === 'user' ? await store.nameOf(tx, id as UserId) : undefined;
    const until = invite.expiresAt.toISOString();
    await letters.queue(
      tx,
      {
        template: 'invite',
        to: { name: shownName(user?.firstName ?? null, user?.lastName ?? null), address: invite.email },
        languages: user?.locale == null ? [] : [user.locale],
        timezone: user?.timezone ?? undefined,
        until,
        values: {
          organisation: tenant?.settings.branding.displayName ?? tenant?.name ?? '',
          inviter: name && (shownName(name.firstName, name.lastName) || undefined),
          link: { path: '/invite', query: { token } },
          until,
        },
      },
      invite.userId,
    );
  }

  return {
    ...createAcceptance(deps),

    /**
     * Counts a letter to an address: three an hour from one tenant. Outside of the transaction of `create`: what was asked
     * for stays counted.
     *
     * @throws Failure `rate_limited`, `invalid_input`
     */
    async takeLetter(call: TenantCall, email: string): Promise<void> {
      await throttle.takeNames('invite', `${call.tenantId}:${checkedEmail(email).emailCanonical}`);
    },

    /**
     * Invites an address for a week, and writes there. An earlier invite of the address is no use any more. The caller
     * counts the letter first (`takeLetter`).
     *
     * @throws Failure `invalid_input`, `role_not_found`, `node_not_found`, `node_archived`; `forbidden` where the actor
     *   may not give roles or members at all; `privilege_escalation` where not these roles; `user_suspended`,
     *   `user_deactivated`, `conflict` for a user who may not sign in
     */
    async create(call: TenantCall, { email: raw, roles = [], nodeId }: InviteDraft): Promise<Invite> {
      const { email, emailCanonical } = checkedEmail(raw);
      const asked = { roles: [...new Set(roles)].sort(), nodeId: nodeId ?? null };
      assertMayInvite(call.actor, asked);
      return inTransaction(call, async (tx) => {
        if (nodeId !== undefined && (await nodes.get(tx, nodeId)).status === 'archived')
          throw new Failure('node_archived', { nodeId });
        await access.assertMayGive(tx, nodeId === undefined ? 'user' : 'member', asked.roles);
        const user = await users.findByIdentifier(tx, email);
        assertInvitable(user);
        const token = randomToken();
        const invite = await store.put(tx, {
          ...asked,
          ...{ id: newId<InviteId>(), email, emailCanonical, hash: sha256(token) },
          userId: user?.id ?? newId<UserId>(),
          inviter: inviterOf(tx),
          expiresAt: new Date(tx.now.getTime() + LIMITS.inviteSeconds * 1000),
        });
        await audit.record(tx, 'invite.created', {
          ...target(invite),
          ...changeOf(undefined, auditedInvite(invite)),
        });
        await write(tx, invite, token, user);
        return invite;
      });
    },

    /** A page of the open invites and of those that ended within thirty days, the newest first. @throws Failure `invalid_input` */
    async list(call: TenantCall, query: PageQuery = {}): Promise<Page<Invite>> {
      const window = pageWindow(query);
      const { items, total } = await inTransaction(call, (tx) => store.list(tx, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /** Takes an invite back: its link is no use from now on. @throws Failure `invite_not_found`; a second call meets it too */
    async revoke(call: TenantCall, id: InviteId): Promise<void> {
      await inTransaction(call, async (tx) => {
        const invite = await store.remove(tx, id);
        if (!invite) throw new Failure('invite_not_found', { id });
        await audit.record(tx, 'invite.revoked', {
          ...target(invite),
          ...changeOf(auditedInvite(invite), undefined),
        });
      });
    },

    /** Removes what ended a month ago, in any tenant. It may run twice at once. @returns how many went */
    async removeEnded(call: OperatorCall): Promise<number> {
      const before = new Date(call.now.getTime() - LIMITS.invitesKeptSeconds * 1000);
      for (let total = 0; ; ) {
        const gone = await store.removeEnded(call, before, LIMITS.expiryBatchRows);
        total += gone;
        if (gone < LIMITS.expiryBatchRows) return total;
      }
    },
  };
}

export type InviteService = ReturnType<typeof createInviteService>;

/** A key invites on the word of whom it acts for: they may be asked again when somebody accepts. */
function inviterOf({ actor }: TenantCall): Inviter {
  if (actor.kind === 'api-key') {
    if (actor.owner === null) throw new Failure('forbidden');
    return actor.owner.kind === 'user'
      ? { kind: 'user', id: actor.owner.userId }
      : { kind: 'client', id: actor.owner.clientId };
  }
  const id = idOfActor(actor);
  if (actor.kind === 'anonymous' || id === null) throw new Failure('forbidden');
  return { kind: actor.kind, id };
}
