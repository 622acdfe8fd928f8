import { expect } from 'chai';
import { sessionIds, tenantIds, userIds } from '../../../src/api/v1/ids.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { fetchAt, PASSWORD } from '../../support/node.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

describe('who calls v1', () => {
  const { signIn, site, stranger, node } = servingV1();
  const me = '/api/v1/me';

  it('shows one Bearer token', async () => {
    const { tokens } = await signIn();
    const wrong = [
      '',
      'Bearer',
      'Bearer nonsense',
      `Basic ${tokens.accessToken}`,
      tokens.accessToken,
      `Bearer ${tokens.accessToken}x`,
      `Bearer ${tokens.refreshToken}`,
      `Bearer ${'x'.repeat(9_000)}`,
    ];
    for (const authorization of wrong) {
      const { status, body, headers } = await stranger()('GET', me, { headers: { authorization } });
      expect([authorization.slice(0, 20), status, body.error]).to.deep.equal([
        authorization.slice(0, 20),
        401,
        'IDENT_UNAUTHENTICATED',
      ]);
      expect(headers.get('www-authenticate')).to.equal('Bearer realm="v1"');
    }
  });

  it('is in the tenant of the token, and may name it', async () => {
    const { as, site: home } = await signIn();
    for (const headers of [{}, { 'x-tenant-slug': home.slug }, { 'x-tenant-id': tenantIds.encode(home.tenantId) }]) {
      expect((await as('GET', me, { headers })).status).to.equal(200);
    }
    expect((await as('GET', `${me}?tenant=${home.slug}`)).status).to.equal(200);
  });

  it('gets the same answer for a foreign tenant, a suspended one and one that is not there', async () => {
    const [{ as, site: home }, other, shut] = [await signIn(), await site(), await site()];
    await node().house.services.tenants.suspend(shut.call);
    const names: Record<string, string>[] = [
      { 'x-tenant-slug': other.slug },
      { 'x-tenant-id': tenantIds.encode(other.tenantId) },
      { 'x-tenant-slug': shut.slug },
      { 'x-tenant-slug': 'no-such-tenant' },
      { 'x-tenant-id': tenantIds.encode(newId()) },
      { 'x-tenant-id': 'nonsense' },
      { 'x-tenant-id': tenantIds.encode(home.tenantId), 'x-tenant-slug': other.slug },
    ];
    const answers = await Promise.all(names.map((headers) => as('GET', me, { headers })));
    for (const { status, body } of [...answers, await as('GET', `${me}?tenant=${other.slug}`)]) {
      expect([status, body.error]).to.deep.equal([403, 'IDENT_CROSS_TENANT']);
    }
  });

  it('may name the tenant by its own domain', async () => {
    const [mine, other] = [await signIn(), await site()];
    const domain = `${other.slug}.example.test`;
    await node().house.services.tenants.addDomain(other.call, domain);
    await node().house.services.tenants.verifyDomain(other.call, domain);
    const theirs = await signIn(other);
    const ask = ({ tokens }: SignedIn) =>
      fetchAt(node())(`http://${domain}${me}`, { headers: { authorization: `Bearer ${tokens.accessToken}` } });
    const answers = [await ask(mine), await ask(theirs)];
    expect(answers.map(({ status }) => status)).to.deep.equal([403, 200]);
  });

  it('is nobody any more, the moment the user is suspended', async () => {
    const { as, site: home } = await signIn();
    await node().house.services.users.create(home.call, {
      email: 'second@example.test',
      status: 'active',
      roles: ['TENANT_ADMIN'],
    });
    await node().house.services.users.suspend(home.call, home.user);
    expect((await as('GET', me)).status).to.equal(401);
  });
});

describe('the own profile', () => {
  const { signIn } = servingV1();

  it('is shown whole', async () => {
    const { as, site } = await signIn();
    const { status, body } = await as('GET', '/api/v1/me');
    expect(status).to.equal(200);
    expect(body).to.include({
      id: userIds.encode(site.user),
      tenantId: tenantIds.encode(site.tenantId),
      email: site.email,
      firstName: 'Ann',
      locale: null,
      status: 'active',
    });
    expect(body).not.to.have.any.keys('emailCanonical', 'usernameCanonical', 'password');
  });

  it('changes where it is told, and only there', async () => {
    const { as } = await signIn();
    const { status, body } = await as('PATCH', '/api/v1/me', {
      body: { firstName: 'Anna', lastName: null, locale: 'en-gb', timezone: 'europe/london' },
    });
    expect(status).to.equal(200);
    expect(body).to.include({ firstName: 'Anna', lastName: null, locale: 'en-GB', timezone: 'Europe/London' });
    expect((await as('GET', '/api/v1/me')).body).to.deep.equal(body);
    expect((await as('PATCH', '/api/v1/me', { body: {} })).body).to.include({ firstName: 'Anna' });
  });

  it('cannot be given what a person may not say of themselves', async () => {
    const { as } = await signIn();
    for (const body of [
      { email: 'x@example.test' },
      { status: 'active' },
      { roles: ['SUPER_ADMIN'] },
      { locale: '../../x' },
      { timezone: 'Mars/Base' },
      { firstName: 'a\u0007b' },
    ]) {
      const answer = await as('PATCH', '/api/v1/me', { body });
      expect([answer.status, answer.body.details?.[0]?.field]).to.deep.equal([400, Object.keys(body)[0]]);
    }
  });
});

describe('the own sessions', () => {
  const { signIn } = servingV1();

  it('are listed, with the one that asks', async () => {
    const first = await signIn();
    await signIn(first.site);
    const { body } = await first.as('GET', '/api/v1/me/sessions');
    expect(body.data).to.have.length(2);
    expect(body.data.filter((session: { current: boolean }) => session.current)).to.have.length(1);
    for (const session of body.data) {
      expect(session).to.have.all.keys(
        'id',
        'current',
        'createdAt',
        'lastSeenAt',
        'expiresAt',
        'ip',
        'userAgent',
        'browser',
        'device',
        'clients',
      );
      expect(session.id).to.match(/^ses_[0-9A-Z]{26}$/);
      expect(session.ip).to.match(/^198\.18\./);
    }
  });

  it('end one by one, at once', async () => {
    const first = await signIn();
    const second = await signIn(first.site);
    const { body } = await first.as('GET', '/api/v1/me/sessions');
    const other = body.data.find((session: { current: boolean }) => !session.current);
    expect((await first.as('DELETE', `/api/v1/me/sessions/${other.id}`)).status).to.equal(204);
    expect((await second.as('GET', '/api/v1/me')).status).to.equal(401);
    expect((await first.as('DELETE', `/api/v1/me/sessions/${other.id}`)).status).to.equal(404);
  });

  it('of somebody else are not there', async () => {
    const [mine, theirs] = [await signIn(), await signIn()];
    const { body } = await theirs.as('GET', '/api/v1/me/sessions');
    const answers = await Promise.all(
      [body.data[0].id, sessionIds.encode(newId()), 'nonsense'].map((id) =>
        mine.as('DELETE', `/api/v1/me/sessions/${id}`),
      ),
    );
    for (const { status, body: answer } of answers)
      expect([status, answer.error]).to.deep.equal([404, 'IDENT_SESSION_NOT_FOUND']);
    expect((await theirs.as('GET', '/api/v1/me')).status).to.equal(200);
  });
});

describe('the own password', () => {
  const { signIn, stranger } = servingV1();
  const next = 'seven quiet rivers at dawn';

  it('changes for who knows the present one', async () => {
    const { as, site } = await signIn();
    const wrong = await as('POST', '/api/v1/me/password', {
      body: { currentPassword: 'wrong horse', newPassword: next },
    });
    expect([wrong.status, wrong.body.error]).to.deep.equal([401, 'IDENT_INVALID_CREDENTIALS']);
    expect(
      (await as('POST', '/api/v1/me/password', { body: { currentPassword: PASSWORD, newPassword: next } })).status,
    ).to.equal(204);
    const login = (password: string) =>
      stranger()('POST', '/api/v1/auth/login', { body: { email: site.email, password } });
    expect([(await login(PASSWORD)).status, (await login(next)).status]).to.deep.equal([401, 200]);
  });

  it('must meet the policy, of which each breach is named', async () => {
    const { as } = await signIn();
    const { status, body } = await as('POST', '/api/v1/me/password', {
      body: { currentPassword: PASSWORD, newPassword: 'aaaa' },
    });
    expect([status, body.error]).to.deep.equal([422, 'IDENT_PASSWORD_POLICY']);
    expect(body.details).to.deep.include({ field: 'newPassword', message: 'is too short' });
  });
});
