import { expect } from 'chai';
import { newId } from '../../../src/kernel/ids.ts';
import { lastLetter } from '../../support/letters.ts';
import { PASSWORD } from '../../support/node.ts';
import { settle } from '../../support/settle.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

describe('v1 invites', () => {
  const v1 = servingV1();

  const tokenOf = async ({ node, site }: SignedIn) =>
    (await lastLetter(node, site, 'invite')).values.link.query!['token']!;
  const anEmail = () => `bob-${newId()}@example.com`;

  /** Invites somebody, and gives what stands in the letter. */
  async function inviting(who: SignedIn, body: object = {}) {
    const email = anEmail();
    const answer = await who.as('POST', '/api/v1/invites', { body: { email, ...body } });
    expect(answer.status, answer.text).to.equal(201);
    return { invite: answer.body, email, token: await tokenOf(who) };
  }
  const check = async (token: string) => (await v1.stranger()('GET', `/api/v1/invites/check/${token}`)).body;
  const accept = (token: string, more: object = {}) =>
    v1.stranger()('POST', '/api/v1/invites/accept', {
      body: { token, password: PASSWORD, firstName: 'Bob', lastName: 'Okri', ...more },
    });
  const NOTHING = { valid: false, email: null, tenant: null, expiresAt: null, hasAccount: null };

  it('are sent, listed, and accepted with an answer like that of a login', async () => {
    const admin = await v1.signIn();
    const { invite, email, token } = await inviting(admin, { roles: ['AUDITOR'] });
    const { user } = admin.tokens;
    expect(invite).to.deep.include({ email, roles: ['AUDITOR'], nodeId: null, status: 'pending' });
    expect(invite.invitedBy).to.deep.equal({ type: 'user', id: user.id });
    expect((await admin.as('GET', '/api/v1/invites')).body).to.deep.include({ data: [invite], total: 1 });
    expect(await check(token)).to.deep.equal({
      ...{ valid: true, email: 'b•••@example.com', expiresAt: invite.expiresAt, hasAccount: false },
      tenant: `Tenant ${admin.site.slug}`,
    });

    const accepted = await accept(token);
    expect(accepted.status, accepted.text).to.equal(201);
    expect(accepted.body.user).to.include({ tenantId: user.tenantId, email });
    const headers = { authorization: `Bearer ${accepted.body.accessToken}` };
    const audit = await v1.stranger()('GET', '/api/v1/nodes', { headers });
    expect(audit.status, 'the roles count at once').to.equal(200);
    expect((await accept(token)).status).to.equal(410);
    expect(await check(token)).to.deep.equal(NOTHING);
    expect((await admin.as('GET', '/api/v1/invites')).body.total).to.equal(0);
  });

  it('tell nobody why a link is no use', async () => {
    const admin = await v1.signIn();
    const { invite, token } = await inviting(admin);
    expect((await admin.as('DELETE', `/api/v1/invites/${invite.id}`)).status).to.equal(204);
    const ends = [];
    for (const each of [token, 'x', 'wN8y3VxkQ2mR7tLcJp0ZsA4hEuBfG6dYiKoXqTnM9v5', 'x'.repeat(128)]) {
      const { status, body } = await accept(each);
      ends.push(`${status} ${body.error} ${body.message}`);
      expect(await check(each)).to.deep.equal(NOTHING);
    }
    expect(new Set(ends)).to.deep.equal(
      new Set(['410 IDENT_INVITE_INVALID The invitation is not valid, or not any more.']),
    );
  });

  it('stay out of the log, and out of every answer', async () => {
    const admin = await v1.signIn();
    const { token, invite } = await inviting(admin);
    await check(token);
    await accept(token, { password: 'short' });
    expect(admin.node.logged.join('\n')).to.include('/api/v1/invites/check/:masked').and.not.include(token);
    expect(JSON.stringify(invite)).not.to.include(token);
  });

  it('give what was promised, whatever is asked for when they are accepted', async () => {
    const admin = await v1.signIn();
    const { token } = await inviting(admin);
    for (const more of [{ roles: ['TENANT_ADMIN'] }, { email: anEmail() }, { tenantId: 'x' }, { status: 'active' }])
      expect((await accept(token, more)).status).to.equal(400);
    const other = await v1.site();
    const elsewhere = await v1.stranger()('POST', '/api/v1/invites/accept', {
      headers: { 'x-tenant-slug': other.slug },
      body: { token, password: PASSWORD },
    });
    expect(elsewhere.status).to.equal(410);
    expect((await accept(token)).status).to.equal(201);
  });

  it('survive a password that the policy refuses', async () => {
    const { token } = await inviting(await v1.signIn());
    const refused = await accept(token, { password: 'password1' });
    expect([refused.status, refused.body.error]).to.deep.equal([422, 'IDENT_PASSWORD_POLICY']);
    expect((await accept(token)).status).to.equal(201);
  });

  it('lead to the second factor that the tenant demands, not past it', async () => {
    const admin = await v1.signIn();
    const { email, token } = await inviting(admin);
    await settle(admin.node, admin.site, { mfa: { mode: 'required' } });
    const answer = await accept(token);
    expect([answer.status, answer.body.error]).to.deep.equal([403, 'IDENT_MFA_ENROLMENT_REQUIRED']);
    expect(answer.body).not.to.have.property('accessToken');
    const bob = await admin.house.services.users.findByIdentifier(admin.site.call, email);
    expect(bob?.status, 'and are accepted').to.equal('active');
  });

  it('are the same invite when the same request comes again', async () => {
    const admin = await v1.signIn();
    const send = () =>
      admin.as('POST', '/api/v1/invites', {
        body: { email: `bob@${admin.site.slug}.test` },
        headers: { 'idempotency-key': 'once' },
      });
    const [first, again] = [await send(), await send()];
    expect(again.text).to.equal(first.text);
    expect(again.headers.get('idempotency-replayed')).to.equal('true');
    const { token } = { token: await tokenOf(admin) };
    expect((await check(token)).valid).to.equal(true);
  });
});
