import { batchesOf } from '../../kernel/batches.ts';
import { Failure } from '../../kernel/failure.ts';
import { isUuid, newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { StoredHash } from '../passwords/hash.ts';
import type { OwnedHash } from '../passwords/password-transfer.ts';
import { checkedEmail, checkedProfile, checkedUser, type User, type UserValues } from '../users/user.ts';
import type { RoleNames } from './access.ts';
import type { HashBlueprint, UserBlueprint } from './blueprint.ts';
import { callOf, changedFields, declaredOnce, differs, isWrong, judged, type Site, type Work, writes } from './work.ts';

type Declared = { site: Site; path: string; user: UserBlueprint; emailCanonical: string };
type Fresh = Declared & { id: UserId; values: UserValues; stored: StoredHash | undefined };
type Present = Declared & { there: User; roles: readonly string[]; stored: StoredHash | undefined };

/** Hashes at a time: enough for every core, few enough for the queue that logins share. */
const HASHES = 8;

/** Makes and changes the declared users, with passwords and roles. */
export async function reconcileUsers(work: Work, sites: readonly Site[], roleNames: RoleNames): Promise<void> {
  const matched = new Map<string, number>();
  for (const batch of batchesOf(await declaredUsers(work, sites), LIMITS.batchRows)) {
    const present = await presentOf(work, batch);
    for (const { site } of present.values()) matched.set(site.tenantId, (matched.get(site.tenantId) ?? 0) + 1);
    const fresh: Fresh[] = [];
    for (const declared of batch) {
      assertRoles(work, declared, roleNames);
      const there = present.get(`${declared.site.tenantId} ${declared.emailCanonical}`);
      if (there) continue;
      const made = await judged(work, declared.path, () => freshUser(work, declared));
      if (!made) continue;
      differs(work, declared.site, 'create', 'user', declared.emailCanonical);
      fresh.push(made);
    }
    if (fresh.length > 0 && writes(work)) await create(work, fresh);
    for (const one of present.values()) await reconcileUser(work, one);
  }
  if (!work.mayWrite) await tellKept(work, sites, matched);
}

/** How many users a plan leaves alone; there may be too many to name. */
async function tellKept(work: Work, sites: readonly Site[], matched: ReadonlyMap<string, number>): Promise<void> {
  const counts = await work.rooms.users.countByTenant(
    work.tx,
    sites.map(({ tenantId }) => tenantId),
  );
  for (const site of sites) {
    const kept = (counts.get(site.tenantId) ?? 0) - (matched.get(site.tenantId) ?? 0);
    if (kept > 0) differs(work, site, 'kept', 'user', `${kept} more`);
  }
}

async function declaredUsers(work: Work, sites: readonly Site[]): Promise<Declared[]> {
  const all: Declared[] = [];
  for (const site of sites) {
    const users = (site.declared.users ?? []).map((user) => ({ user, canonical: undefined as string | undefined }));
    for (const [index, one] of users.entries()) {
      one.canonical = await judged(
        work,
        `${site.path}.users[${index}]`,
        () => checkedEmail(one.user.email).emailCanonical,
      );
    }
    for (const { item, path, key } of declaredOnce(
      work,
      `${site.path}.users`,
      users,
      ({ canonical, user }) => canonical ?? user.email,
    )) {
      if (item.canonical !== undefined) all.push({ site, path, user: item.user, emailCanonical: key });
    }
  }
  return all;
}

/** The declared users who exist, with their roles and, where the file speaks of one, their password. */
async function presentOf(work: Work, batch: readonly Declared[]): Promise<Map<string, Present>> {
  const { tx, rooms, mayWrite } = work;
  const old = batch.filter(({ site }) => !site.isNew);
  if (old.length === 0) return new Map();
  const keys = old.map(({ site, emailCanonical }) => ({ tenantId: site.tenantId, emailCanonical }));
  const found = new Map(
    (await rooms.users.findByEmails(tx, keys, { lock: mayWrite })).map(({ tenantId, user }) => [
      `${tenantId} ${user.emailCanonical}`,
      user,
    ]),
  );
  const known = old.flatMap((declared) => {
    const there = found.get(`${declared.site.tenantId} ${declared.emailCanonical}`);
    return there ? [{ ...declared, there }] : [];
  });
  const ids = known.map(({ site, there }) => ({ tenantId: site.tenantId, userId: there.id }));
  const roles = Map.groupBy(await rooms.access.roleNamesOf(tx, ids), ({ userId }) => userId);
  const asked = known.filter(({ user }) => user.password !== undefined || user.passwordHash !== undefined);
  const hashes = await rooms.passwordTransfer.hashesOf(
    tx,
    asked.map(({ site, there }) => ({ tenantId: site.tenantId, userId: there.id })),
  );
  const stored = new Map(hashes.map((hash) => [hash.userId, hash.stored]));
  return new Map(
    known.map((one) => [
      `${one.site.tenantId} ${one.emailCanonical}`,
      { ...one, roles: (roles.get(one.there.id) ?? []).map(({ name }) => name), stored: stored.get(one.there.id) },
    ]),
  );
}

function assertRoles(work: Work, { site, path, user }: Declared, roleNames: RoleNames): void {
  for (const name of user.roles ?? []) {
    if (!roleNames.get(site.tenantId)?.has(name))
      isWrong(work, `${path}.roles`, `names the role ${name}, which does not exist`);
  }
}

function freshUser(work: Work, declared: Declared): Fresh {
  const { user } = declared;
  if (user.id !== undefined && !isUuid(user.id))
    throw new Failure('invalid_input', { field: 'id', problem: 'must be a UUID' });
  const stored =
    user.passwordHash === undefined
      ? undefined
      : work.rooms.passwordTransfer.checkedHash(storedHash(user.passwordHash));
  return { ...declared, id: (user.id as UserId | undefined) ?? newId<UserId>(), values: checkedUser(user), stored };
}

function storedHash(hash: HashBlueprint): StoredHash {
  return typeof hash === 'string'
    ? { hash, pepperId: null, normalForm: null }
    : { hash: hash.hash, pepperId: hash.pepper ?? null, normalForm: hash.form ?? null };
}

async function create(work: Work, fresh: readonly Fresh[]): Promise<void> {
  const { tx, rooms } = work;
  await rooms.users.createAll(
    tx,
    fresh.map(({ site, id, values }) => ({ ...values, tenantId: site.tenantId, id })),
  );
  const hashes = fresh.flatMap(({ site, id, user, stored }): OwnedHash[] =>
    stored ? [{ tenantId: site.tenantId, userId: id, stored, mustChange: user.mustChangePassword ?? false }] : [],
  );
  await rooms.passwordTransfer.addAll(tx, hashes);
  await setPasswords(
    work,
    fresh.filter(({ user }) => user.password !== undefined),
  );
  const wanting = fresh.filter(({ user }) => (user.roles ?? []).length > 0);
  const tenantIds = [...new Set(wanting.map(({ site }) => site.tenantId))];
  const roleIds = new Map(
    (await rooms.access.rolesOfTenants(tx, tenantIds)).map(({ tenantId, role }) => [
      `${tenantId} ${role.name}`,
      role.id,
    ]),
  );
  await rooms.access.grantRoles(
    tx,
    wanting.flatMap(({ site, id, user }) =>
      user.roles!.map((name) => ({
        tenantId: site.tenantId,
        holder: { kind: 'user', userId: id } as const,
        roleId: roleIds.get(`${site.tenantId} ${name}`)!,
      })),
    ),
  );
}

/** Hashing is done side by side; writing, one after the other. */
async function setPasswords(work: Work, users: readonly (Declared & { id: UserId })[]): Promise<void> {
  const { passwords } = work.rooms;
  for (const batch of batchesOf(users, HASHES)) {
    const ready = await Promise.all(
      batch.map(({ site, path, user, id }) =>
        judged(work, `${path}.password`, () => passwords.prepare(callOf(work, site), id, user.password!)),
      ),
    );
    for (const [index, { site, id, user }] of batch.entries()) {
      const one = ready[index];
      if (one) await passwords.set(callOf(work, site), id, one, { mustChange: user.mustChangePassword ?? false });
    }
  }
}

async function reconcileUser(work: Work, present: Present): Promise<void> {
  const { site, path, user, there, stored } = present;
  if (there.status === 'deactivated') return isWrong(work, path, 'is deactivated, which is final');
  const wanted = await judged(work, path, () => ({
    ...checkedProfile(user),
    email: checkedEmail(user.email).email,
    emailVerified: user.emailVerified,
    phoneVerified: (user.phone === undefined ? there.phone : user.phone) === null ? undefined : user.phoneVerified,
    // Pending is how a user begins; one who is beyond it stays so.
    status: user.status === 'pending' ? undefined : user.status,
  }));
  if (!wanted) return;
  const { usernameCanonical: _, ...compared } = wanted;
  const fields: string[] = changedFields(compared, there);
  const sameRoles = !user.roles || [...new Set(user.roles)].sort().join(' ') === [...present.roles].sort().join(' ');
  if (!sameRoles) fields.push('roles');
  const newPassword =
    user.password !== undefined && !(stored && (await work.rooms.passwords.verify(stored, user.password)));
  const newHash = user.passwordHash !== undefined && !stored;
  if (newPassword || newHash) fields.push('password');
  if (fields.length === 0) return;
  differs(work, site, 'change', 'user', there.emailCanonical, fields);
  if (!writes(work)) return;
  await judged(work, path, () => change(work, present, new Set(fields)));
}

/** Each change by the operation that a person would use, with all that it brings: ended sessions, the last administrator. */
async function change(work: Work, { site, path, user, there }: Present, fields: ReadonlySet<string>): Promise<void> {
  const { rooms } = work;
  const call = callOf(work, site);
  await rooms.users.updateProfile(call, there.id, user);
  if (fields.has('email'))
    await rooms.users.changeEmail(call, there.id, user.email, { verified: user.emailVerified ?? there.emailVerified });
  await rooms.users.setVerified(call, there.id, { email: user.emailVerified, phone: user.phoneVerified });
  if (fields.has('roles')) await rooms.access.setUserRoles(call, there.id, user.roles!);
  if (fields.has('password') && user.password !== undefined)
    await setPasswords(work, [{ site, path, user, emailCanonical: there.emailCanonical, id: there.id }]);
  else if (fields.has('password')) {
    const stored = rooms.passwordTransfer.checkedHash(storedHash(user.passwordHash!));
    await rooms.passwordTransfer.addAll(work.tx, [
      { tenantId: site.tenantId, userId: there.id, stored, mustChange: user.mustChangePassword ?? false },
    ]);
  }
  if (fields.has('status'))
    await (user.status === 'suspended' ? rooms.users.suspend(call, there.id) : rooms.users.reactivate(call, there.id));
}
