import { expect } from 'chai';
import { sender } from '../../support/api.ts';
import type { Site } from '../../support/node.ts';
import { expectAlike, type Knock, locked, REFUSED, type Seen, seenAt } from '../../support/refusals.ts';
import { settle } from '../../support/settle.ts';
import { servingV1 } from '../../support/v1.ts';

describe('a login of v1 that is refused', () => {
  const { node, site } = servingV1({ RATE_LIMITS: 'true' });

  const login = (knock: Knock, slug: string | undefined) =>
    sender(() => node().port)('POST', '/api/v1/auth/login', {
      body: { email: knock.identifier, password: knock.password },
      headers: { 'x-forwarded-for': knock.ip, ...(slug !== undefined && { 'x-tenant-slug': slug }) },
    });
  const mask = (text: string) => text.replace(/"(requestId|timestamp)":"[^"]*"/g, '');
  /** A site of which the node has read what it reads once, and has no news on the way. */
  async function warmed(named: boolean): Promise<{ home: Site; slug: string | undefined }> {
    const home = await site();
    await settle(node(), home, { branding: { primaryColor: '#123456' } });
    for (const slug of [home.slug, undefined]) await login(await REFUSED['an unknown address']!(node(), home), slug);
    return { home, slug: named ? home.slug : undefined };
  }

  for (const named of [true, false])
    it(`is one answer after the same work, whatever the reason (CR01, CR02; ${named ? 'at a tenant' : 'at none'})`, async function () {
      this.timeout(30_000);
      const { home, slug } = await warmed(named);
      const seen: Record<string, Seen> = {};
      for (const [why, make] of Object.entries(REFUSED)) {
        const knock = await make(node(), home);
        seen[why] = await seenAt(node(), () => login(knock, slug), mask);
      }
      expectAlike(seen);
      expect(seen['a wrong password']!.status).to.equal(401);
    });

  it('is the same for an account that is locked from there (CR01, CR02)', async function () {
    this.timeout(30_000);
    const { home, slug } = await warmed(true);
    // An address has five logins a minute at this door, so the guesses come by another.
    const { signIn } = node().house.services;
    const shut = await locked(node(), home, ({ ip, ...guess }) =>
      signIn.withPassword({ ...home.call, origin: { ip, userAgent: '', requestId: '' } }, guess).catch(() => {}),
    );
    const wrong = await REFUSED['a wrong password']!(node(), home);
    expectAlike({
      wrong: await seenAt(node(), () => login(wrong, slug), mask),
      locked: await seenAt(node(), () => login(shut, slug), mask),
    });
  });
});
