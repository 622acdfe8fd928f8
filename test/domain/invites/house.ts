import type { InviteDraft } from '../../../src/domain/invites/invite.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { aHouse } from '../recovery/house.ts';

const SYSTEM = { kind: 'system', name: 'test' } as const;

/** A house in which people are invited. */
export function anInvitingHouse() {
  const house = aHouse();

  /** A person with roles, who acts with what they hold now. */
  async function aPerson(call: TenantCall, roles: readonly string[]): Promise<TenantCall & { userId: UserId }> {
    const by = { ...call, actor: SYSTEM };
    const { id: userId } = await house.users.create(by, { email: `${newId()}@example.com`, firstName: 'Ann', roles });
    const actor = { kind: 'user', userId, sessionUid: 'uid', ...(await house.access.accessOf(by, userId)) } as const;
    return { ...call, actor, userId };
  }

  /** Invites, and gives the invite with what stands in its letter. */
  async function invite(call: TenantCall, draft: Partial<InviteDraft> = {}) {
    const invite = await house.invites.create(call, { email: `bob-${newId()}@example.com`, ...draft });
    const letter = (await house.lettersOf(call)).at(-1);
    if (letter?.template !== 'invite') throw new Error(`the last letter is ${letter?.template}`);
    return { invite, letter, token: letter.values.link.query!['token']! };
  }

  return { ...house, aPerson, invite, system: (call: TenantCall): TenantCall => ({ ...call, actor: SYSTEM }) };
}

export type InvitingHouse = ReturnType<typeof anInvitingHouse>;
