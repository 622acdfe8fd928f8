import { batchesOf } from '../../kernel/batches.ts';
import { canonicalEmail } from '../../kernel/canonical.ts';
import type { RoleId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { RoleNames } from './access.ts';
import type { MemberBlueprint } from './blueprint.ts';
import type { Planted } from './nodes.ts';
import { callOf, declaredOnce, differs, isWrong, judged, type Site, type Work, writes } from './work.ts';

type Declared = { at: Planted; path: string; member: MemberBlueprint; emailCanonical: string };
/** Without a user: one whom the file is about to make. */
type Known = Declared & { userId: UserId | undefined };

/** Makes the declared users members of nodes, with exactly the roles that the file says. */
export async function reconcileMembers(
  work: Work,
  sites: readonly Site[],
  planted: readonly Planted[],
  roleNames: RoleNames,
): Promise<void> {
  const counted = new Map<string, number>();
  for (const batch of batchesOf(declaredMembers(work, planted), LIMITS.batchRows)) {
    const known = await knownOf(work, batch);
    const found = await work.rooms.memberships.membersNamed(
      work.tx,
      known.flatMap(({ at, userId }) =>
        userId && !at.isNew ? [{ tenantId: at.site.tenantId, nodeId: at.id, userId }] : [],
      ),
    );
    const present = new Map(found.map(({ nodeId, userId, roles }) => [`${nodeId} ${userId}`, roles]));
    const fresh: Known[] = [];
    for (const one of known) {
      if (!hasRoles(work, one, roleNames)) continue;
      const roles = present.get(`${one.at.id} ${one.userId}`);
      if (!roles) {
        differs(work, one.at.site, 'create', 'member', titleOf(one));
        fresh.push(one);
        continue;
      }
      counted.set(one.at.site.tenantId, (counted.get(one.at.site.tenantId) ?? 0) + 1);
      await change(work, one, roles);
    }
    if (fresh.length > 0 && writes(work)) await create(work, fresh);
  }
  if (!work.mayWrite) await tellKept(work, sites, counted);
}

const titleOf = ({ at, emailCanonical }: Declared) => (at.title ? `${at.title}: ${emailCanonical}` : emailCanonical);

function declaredMembers(work: Work, planted: readonly Planted[]): Declared[] {
  return planted.flatMap((at) => {
    const people = at.members.map((member) => ({ member, canonical: canonicalEmail(member.user) }));
    for (const [index, { canonical }] of people.entries())
      if (canonical === undefined) isWrong(work, `${at.path}.members[${index}].user`, 'must be one plain address');
    return declaredOnce(
      work,
      `${at.path}.members`,
      people,
      ({ canonical, member }) => canonical ?? member.user,
    ).flatMap(({ item: { member, canonical }, path }) =>
      canonical === undefined ? [] : [{ at, path, member, emailCanonical: canonical }],
    );
  });
}

/** The declared members who are users, or whom the file makes users. */
async function knownOf(work: Work, batch: readonly Declared[]): Promise<Known[]> {
  const keys = batch.map(({ at, emailCanonical }) => ({ tenantId: at.site.tenantId, emailCanonical }));
  const users = new Map(
    (await work.rooms.users.findByEmails(work.tx, keys, { lock: work.mayWrite })).map(({ tenantId, user }) => [
      `${tenantId} ${user.emailCanonical}`,
      user,
    ]),
  );
  return batch.flatMap((declared): Known[] => {
    const user = users.get(`${declared.at.site.tenantId} ${declared.emailCanonical}`);
    const isAhead = !user && emailsOf(declared.at.site).has(declared.emailCanonical);
    if (user && user.status !== 'deactivated') return [{ ...declared, userId: user.id }];
    if (isAhead) return [{ ...declared, userId: undefined }];
    isWrong(work, `${declared.path}.user`, `names the user ${declared.emailCanonical}, who does not exist`);
    return [];
  });
}

const emails = new WeakMap<Site, ReadonlySet<string | undefined>>();

/** Those whom the file declares. */
function emailsOf(site: Site): ReadonlySet<string | undefined> {
  const known = emails.get(site);
  if (known) return known;
  const declared = new Set(site.declared.users?.map(({ email }) => canonicalEmail(email)));
  emails.set(site, declared);
  return declared;
}

function hasRoles(work: Work, { at, path, member }: Declared, roleNames: RoleNames): boolean {
  const missing = (member.roles ?? []).filter(
    (name) => name === 'SUPER_ADMIN' || !roleNames.get(at.site.tenantId)?.has(name),
  );
  for (const name of missing)
    isWrong(work, `${path}.roles`, `names the role ${name}, which does not exist, or not at a node`);
  return missing.length === 0;
}

async function change(work: Work, one: Known, present: readonly string[]): Promise<void> {
  const { at, member, path, userId } = one;
  if (!member.roles || [...new Set(member.roles)].sort().join(' ') === [...present].sort().join(' ')) return;
  differs(work, at.site, 'change', 'member', titleOf(one), ['roles']);
  if (!writes(work)) return;
  await judged(work, path, () => work.rooms.memberships.set(callOf(work, at.site), at.id, userId!, member.roles!));
}

async function create(work: Work, fresh: readonly Known[]): Promise<void> {
  const tenantIds = [...new Set(fresh.map(({ at }) => at.site.tenantId))];
  const roleIds = new Map<string, RoleId>(
    (await work.rooms.access.rolesOfTenants(work.tx, tenantIds)).map(({ tenantId, role }) => [
      `${tenantId} ${role.name}`,
      role.id,
    ]),
  );
  await work.rooms.memberships.addMembers(
    work.tx,
    fresh.map(({ at, userId, member }) => ({
      tenantId: at.site.tenantId,
      nodeId: at.id,
      userId: userId!,
      roleIds: [...new Set(member.roles)].map((name) => roleIds.get(`${at.site.tenantId} ${name}`)!),
    })),
  );
}

/** How many memberships a plan leaves alone. */
async function tellKept(work: Work, sites: readonly Site[], counted: ReadonlyMap<string, number>): Promise<void> {
  const there = await work.rooms.memberships.countByTenant(
    work.tx,
    sites.map(({ tenantId }) => tenantId),
  );
  for (const site of sites) {
    const kept = (there.get(site.tenantId) ?? 0) - (counted.get(site.tenantId) ?? 0);
    if (kept > 0) differs(work, site, 'kept', 'member', `${kept} more`);
  }
}
