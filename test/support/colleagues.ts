import { randomBytes } from 'node:crypto';
import { PASSWORD, type Site, type TestNode } from './node.ts';
import type { SignedIn, servingV1 } from './v1.ts';

/** Another user of the same tenant with these roles, signed in. */
export async function aColleague(
  { node, signIn }: Pick<ReturnType<typeof servingV1>, 'node' | 'signIn'>,
  site: Site,
  roles: readonly string[],
): Promise<SignedIn & { id: string }> {
  const { email } = await aPerson(node(), site, roles);
  const signedIn = await signIn({ ...site, email });
  return { ...signedIn, id: signedIn.tokens.user.id };
}

/** A user of the tenant with these roles and the password of all. */
export function aPerson({ house }: Pick<TestNode, 'house'>, { call, slug }: Site, roles: readonly string[]) {
  const email = `p${randomBytes(4).toString('hex')}@${slug}.test`;
  return house.services.users.create(call, { email, emailVerified: true, password: PASSWORD, roles });
}
