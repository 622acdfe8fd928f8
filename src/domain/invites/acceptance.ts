import { type Actor, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import type { AccessService } from '../access/access-service.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { MembershipService } from '../nodes/membership-service.ts';
import type { PasswordService, ReadyPassword } from '../passwords/password-service.ts';
import { assertPassword } from '../passwords/password-text.ts';
import type { DirectoryTenant, TenantDirectory } from '../tenants/tenant-directory.ts';
import { checkedProfile, type Profile, type User } from '../users/user.ts';
import type { UserService } from '../users/user-service.ts';
import { assertMayInvite, auditedInvite, type Invite, type Inviter } from './invite.ts';
import * as store from './invite-store.ts';

export type AcceptanceDeps = {
  audit: Pick<AuditService, 'record' | 'recordRefusal'>;
  access: Pick<AccessService, 'accessOf' | 'accessOfClient' | 'setUserRoles' | 'lockHolder'>;
  memberships: Pick<MembershipService, 'set' | 'placesOf'>;
  users: Pick<UserService, 'create' | 'findByIdentifier' | 'setVerified'>;
  passwords: Pick<PasswordService, 'prepareNew' | 'set' | 'prove'>;
  letters: Pick<LetterService, 'toUser'>;
  directory: Pick<TenantDirectory, 'byId'>;
};

/** What a link shows before it is used. */
export type ShownInvite = {
  tenantId: TenantId;
  email: string;
  /** As people know the tenant. */
  organisation: string;
  expiresAt: Date;
  /** Whether the address has an account here: then its password is asked for, not a new one. */
  hasAccount: boolean;
};

export type AcceptDraft = {
  token: string;
  /** A new one; that of the account where the address has one. */
  password: string;
  firstName?: string | undefined;
  lastName?: string | undefined;
  /** BCP 47. */
  locale?: string | undefined;
  deviceCookie?: string | undefined;
};

/** Who has accepted. Nobody is signed in by it: sign-in goes on with `arrival`. */
export type Accepted = { tenantId: TenantId; userId: UserId };

type OpenCall = OperatorCall & { tenantId?: TenantId | undefined };
type Open = { there: TenantCall; tenant: DirectoryTenant; invite: Invite; user: User | undefined };

/** From an invite to a user of the tenant. Part of the invite service. */
export function createAcceptance(deps: AcceptanceDeps) {
  const { audit, access, memberships, users, passwords, letters, directory } = deps;

  /** Whatever is wrong with a link, it is the same: whoever tries tokens learns nothing. */
  async function open(call: OpenCall, token: string): Promise<Open | undefined> {
    if (token.length > LIMITS.emailTokenChars) return undefined;
    const hash = sha256(token);
    const tenantId = call.tenantId ?? (await store.tenantOf(call, hash));
    const tenant = tenantId && (await directory.byId(call, tenantId));
    if (!tenant?.isActive) return undefined;
    const there: TenantCall = { ...call, tenantId: tenant.id };
    const invite = await inTransaction(there, (tx) => store.findByHash(tx, hash));
    const user = invite && (await users.findByIdentifier(there, invite.email));
    return invite && (!user || user.status === 'active') ? { there, tenant, invite, user } : undefined;
  }

  /**
   * Whoever has invited, with what they may do now.
   *
   * @throws Failure `forbidden` where they are gone, barred, or may not invite to this any more
   */
  async function actorOf(tx: TenantCall, { inviter, ...promised }: Invite): Promise<Actor> {
    if (!(await store.isInviterActive(tx, inviter))) throw new Failure('forbidden', { inviter: inviter.kind });
    const actor = await presentActor(tx, inviter);
    assertMayInvite(actor, promised);
    return actor;
  }

  async function presentActor(tx: TenantCall, { kind, id }: Inviter): Promise<Actor> {
    if (kind === 'system') return { kind, name: id };
    if (kind === 'client') return { kind, clientId: id, ...(await access.accessOfClient(tx, id)) };
    const userId = id as UserId;
    return { kind, userId, sessionUid: '', ...(await access.accessOf(tx, userId)) };
  }

  /** Gives what was promised, on the word of who has promised it; what the person has already stays. */
  async function give(tx: TenantCall, invite: Invite, userId: UserId): Promise<void> {
    const { roles, nodeId } = invite;
    const by: TenantCall = { ...tx, actor: await actorOf(tx, invite) };
    if (nodeId !== null) {
      const there = (await memberships.placesOf(tx, userId)).find((place) => place.nodeId === nodeId);
      await memberships.set(by, nodeId, userId, unionOf(there?.roles ?? [], roles));
    } else if (roles.length > 0) {
      const { roles: present } = await access.accessOf(tx, userId);
      await access.setUserRoles(by, userId, unionOf(present, roles));
    }
  }

  /** The account is the one whose password was shown, and open still; its address is proven by the letter. */
  async function holdUser(tx: TenantCall, { email }: Invite, userId: UserId): Promise<void> {
    await access.lockHolder(tx, userId);
    const user = await users.findByIdentifier(tx, email);
    if (user?.id !== userId || user.status !== 'active') throw new Failure('invite_invalid');
    if (!user.emailVerified) await users.setVerified(tx, userId, { email: true });
  }

  /** Uses the invite up and gives what it promises, both or neither. */
  async function finish(
    { there, invite, user }: Open,
    token: string,
    fresh?: { userId: UserId; password: ReadyPassword; profile: Profile },
  ): Promise<Accepted> {
    const userId = await inTransaction(there, async (tx) => {
      const used = await store.consume(tx, sha256(token));
      if (!used) throw new Failure('invite_invalid');
      const id = user?.id ?? fresh!.userId;
      if (fresh) {
        const { email } = used;
        await users.create(tx, { ...fresh.profile, id, email, emailVerified: true, status: 'active' });
        await passwords.set(tx, id, fresh.password);
        await letters.toUser(tx, id, 'welcome', { link: { path: '/' } });
      } else await holdUser(tx, used, id);
      await give(tx, used, id);
      const target = `invite:${used.id}`;
      const details = { userId: id };
      await audit.record(tx, 'invite.accepted', {
        target,
        about: id,
        details,
        ...changeOf(auditedInvite(used), undefined),
      });
      return id;
    }).catch((error: unknown) => refuse(there, invite, error));
    return { tenantId: there.tenantId, userId };
  }

  /** What nobody may give any more is no invite any more. It stays as it was: the inviter may be let in again. */
  async function refuse(call: TenantCall, { id, userId: about }: Invite, error: unknown): Promise<never> {
    if (!(error instanceof Failure) || !VOID.has(error.code)) throw error;
    const details = { reason: error.code };
    await audit.recordRefusal(call, 'invite.refused', { target: `invite:${id}`, about, details });
    throw new Failure('invite_invalid', details);
  }

  return {
    /** What a link would do, as long as it is good. To look uses nothing up. The tenant may be left out: the link knows it. */
    async find(call: OpenCall, token: string): Promise<ShownInvite | undefined> {
      const found = await open(call, token);
      if (!found) return undefined;
      const { invite, tenant, user } = found;
      const organisation = tenant.settings.branding.displayName ?? tenant.name;
      const { email, expiresAt } = invite;
      return { tenantId: tenant.id, email, organisation, expiresAt, hasAccount: user !== undefined };
    },

    /**
     * Accepts: makes an account for the invited address, or takes the password of the one that is there. The address is
     * proven by it. Of several who accept at once, one does.
     *
     * @throws Failure `invite_invalid` for a link that is unknown, used, revoked, replaced or too old, for who may not
     *   sign in, and where whoever has invited may not give what was promised any more; what `passwords.prepareNew` and
     *   `passwords.prove` throw, `invalid_input`, `email_taken` where somebody registered at this moment: the link is
     *   then still good
     */
    async accept(call: OpenCall, { token, password, deviceCookie, ...profile }: AcceptDraft): Promise<Accepted> {
      assertPassword(password);
      checkedProfile(profile);
      const found = await open(call, token);
      if (!found) throw new Failure('invite_invalid');
      const { there, tenant, invite, user } = found;
      if (user) {
        await passwords.prove(there, user.id, { current: password, deviceCookie, refusal: 'invite.refused' });
        return finish(found, token);
      }
      const { userId } = invite;
      const ready = await passwords.prepareNew(there, { userId, email: invite.email }, password, tenant);
      return finish(found, token, { userId, password: ready, profile });
    },
  };
}

/** Refusals of what was promised, which nobody who accepts can do anything about. */
const VOID: ReadonlySet<string> = new Set([
  ...['forbidden', 'privilege_escalation', 'role_not_found', 'node_not_found', 'node_archived', 'node_limit'],
  ...['user_not_found', 'user_deactivated'],
]);

const unionOf = (present: readonly string[], more: readonly string[]): string[] => [...new Set([...present, ...more])];
