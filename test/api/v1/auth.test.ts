import { expect } from 'chai';
import { tenantIds, userIds } from '../../../src/api/v1/ids.ts';
import { PASSWORD } from '../../support/node.ts';
import { servingV1 } from '../../support/v1.ts';

const REFRESH = /^gh_refresh=([\w.~-]+); Path=\/api\/v1\/auth; Max-Age=(\d+); HttpOnly; SameSite=Strict$/;
const cookieOf = (headers: Headers, name: string) =>
  headers.getSetCookie().find((cookie) => cookie.startsWith(`${name}=`)) ?? '';

describe('POST /api/v1/auth/login', () => {
  const { signIn, site, stranger, node } = servingV1();

  it('answers tokens and whose they are, and leaves the refresh token in a cookie', async () => {
    const { site: home, login } = await signIn();
    const { user, ...tokens } = login.body;
    expect(user).to.deep.equal({
      id: userIds.encode(home.user),
      tenantId: tenantIds.encode(home.tenantId),
      email: home.email,
    });
    expect(tokens).to.have.all.keys('accessToken', 'refreshToken', 'accessExpiresIn', 'refreshExpiresIn');
    expect(tokens).to.include({ accessExpiresIn: 900, refreshExpiresIn: 28_800 });
    const [, value, age] = REFRESH.exec(cookieOf(login.headers, 'gh_refresh')) ?? [];
    expect([value, Number(age)]).to.deep.equal([tokens.refreshToken, 28_800]);
    expect(cookieOf(login.headers, 'gh_device').toLowerCase())
      .to.match(/httponly/)
      .and.match(/samesite=lax/)
      .and.match(/path=\//);
    expect(login.headers.get('cache-control')).to.equal('no-store');
  });

  it('answers alike for an unknown address, a wrong password and a suspended user', async () => {
    const [home, gone] = [await site(), await site()];
    await node().house.services.users.create(gone.call, {
      email: 'second@example.test',
      status: 'active',
      roles: ['TENANT_ADMIN'],
    });
    await node().house.services.users.suspend(gone.call, gone.user);
    const bodies = [
      { email: home.email, password: 'wrong horse battery staple' },
      { email: `nobody@${home.slug}.test`, password: PASSWORD },
      { email: gone.email, password: PASSWORD },
    ];
    for (const body of bodies) {
      const { status, body: answer } = await stranger()('POST', '/api/v1/auth/login', { body });
      expect([status, answer.error, answer.message]).to.deep.equal([
        401,
        'IDENT_INVALID_CREDENTIALS',
        'The e-mail address or the password is wrong.',
      ]);
      expect(answer).to.have.all.keys('error', 'message', 'requestId', 'timestamp');
    }
  });

  it('asks which tenant, when the password opens several', async () => {
    const [one, two] = [await site(), await site()];
    const email = one.email;
    await node().house.services.users.create(two.call, { email, status: 'active', password: PASSWORD });
    const send = stranger();
    const { status, body } = await send('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });
    expect([status, body.error]).to.deep.equal([409, 'IDENT_TENANT_CHOICE']);
    expect(body.tenants).to.have.deep.members(
      [one, two].map(({ tenantId, slug }) => ({ id: tenantIds.encode(tenantId), slug, name: `Tenant ${slug}` })),
    );
    for (const tenant of body.tenants) {
      const hints = [{ headers: { 'x-tenant-id': tenant.id } }, { headers: { 'x-tenant-slug': tenant.slug } }];
      for (const hint of hints) {
        const answer = await send('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD }, ...hint });
        expect([answer.status, answer.body.user?.tenantId]).to.deep.equal([200, tenant.id]);
      }
      const byQuery = await send('POST', `/api/v1/auth/login?tenant=${tenant.slug}`, {
        body: { email, password: PASSWORD },
      });
      expect(byQuery.body.user.tenantId).to.equal(tenant.id);
    }
  });

  it('looks into the named tenant only', async () => {
    const [home, other] = [await site(), await site()];
    const headers = { 'x-tenant-slug': other.slug };
    const { status } = await stranger()('POST', '/api/v1/auth/login', {
      body: { email: home.email, password: PASSWORD },
      headers,
    });
    expect(status).to.equal(401);
  });

  it('does not open an account whose password must be changed first', async () => {
    const home = await site();
    await node().house.services.passwords.set(home.call, home.user, PASSWORD, { mustChange: true });
    const { status, body, headers } = await stranger()('POST', '/api/v1/auth/login', {
      body: { email: home.email, password: PASSWORD },
    });
    expect([status, body.error]).to.deep.equal([403, 'IDENT_PASSWORD_CHANGE_REQUIRED']);
    expect(cookieOf(headers, 'gh_refresh')).to.equal('');
  });

  it('says what is wrong with a body, field by field', async () => {
    const { status, body } = await stranger()('POST', '/api/v1/auth/login', { body: { email: 5, tenant: 'x' } });
    expect([status, body.error]).to.deep.equal([400, 'IDENT_VALIDATION']);
    expect(body.details.map(({ field }: { field: string }) => field)).to.have.members(['email', 'password', 'tenant']);
  });

  it('does not look at a token that is sent along', async () => {
    const home = await site();
    const { status } = await stranger()('POST', '/api/v1/auth/login', {
      body: { email: home.email, password: PASSWORD },
      headers: { authorization: 'Bearer stale' },
    });
    expect(status).to.equal(200);
  });
});

describe('POST /api/v1/auth/refresh', () => {
  const { signIn, stranger } = servingV1({ REFRESH_REUSE_GRACE: '0' });

  it('answers as login does, for a token in the body', async () => {
    const { tokens } = await signIn();
    const { status, body, headers } = await stranger()('POST', '/api/v1/auth/refresh', {
      body: { refreshToken: tokens.refreshToken },
    });
    expect(status).to.equal(200);
    expect(body.user).to.deep.equal(tokens.user);
    expect(body.refreshToken).not.to.equal(tokens.refreshToken);
    expect(REFRESH.exec(cookieOf(headers, 'gh_refresh'))?.[1]).to.equal(body.refreshToken);
  });

  it('takes the cookie where the body has none, but not from a page of another site', async () => {
    const { tokens } = await signIn();
    const send = stranger();
    const cookie = `gh_refresh=${tokens.refreshToken}`;
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.test' },
    ] as Record<string, string>[]) {
      const { status, body } = await send('POST', '/api/v1/auth/refresh', { headers: { cookie, ...headers } });
      expect([status, body.error]).to.deep.equal([403, 'IDENT_FORBIDDEN']);
    }
    const form = await send('POST', '/api/v1/auth/refresh', {
      headers: { cookie, 'content-type': 'text/plain' },
      raw: '{}',
    });
    expect(form.status).to.equal(415);
    const own = await send('POST', '/api/v1/auth/refresh', { headers: { cookie, 'sec-fetch-site': 'same-origin' } });
    expect(own.status, own.text).to.equal(200);
  });

  it('does not guess which of two cookies is meant', async () => {
    const { tokens } = await signIn();
    const headers = { cookie: `gh_refresh=${tokens.refreshToken}; gh_refresh=tossed` };
    expect((await stranger()('POST', '/api/v1/auth/refresh', { headers })).status).to.equal(401);
  });

  it('ends the whole session when a token is used twice', async () => {
    const { tokens, as } = await signIn();
    const send = stranger();
    const body = { refreshToken: tokens.refreshToken };
    const next = await send('POST', '/api/v1/auth/refresh', { body });
    const again = await send('POST', '/api/v1/auth/refresh', { body });
    expect([next.status, again.status, again.body.error]).to.deep.equal([200, 401, 'IDENT_REFRESH_REPLAY']);
    const successor = await send('POST', '/api/v1/auth/refresh', { body: { refreshToken: next.body.refreshToken } });
    expect(successor.status).to.equal(401);
    expect((await as('GET', '/api/v1/me')).status).to.equal(401);
  });

  it('answers 401 for no token and for one that is none', async () => {
    for (const body of [undefined, {}, { refreshToken: 'nonsense' }]) {
      const { status, body: answer } = await stranger()('POST', '/api/v1/auth/refresh', { body });
      expect([status, answer.error]).to.deep.equal([401, 'IDENT_TOKEN_INVALID']);
    }
  });
});

describe('signing out', () => {
  const { signIn, stranger } = servingV1();

  it('ends this session and no other', async () => {
    const first = await signIn();
    const second = await signIn(first.site);
    const { status, headers, text } = await first.as('POST', '/api/v1/auth/logout');
    expect([status, text]).to.deep.equal([204, '']);
    expect(cookieOf(headers, 'gh_refresh')).to.include('gh_refresh=; ').and.include('Max-Age=0');
    expect((await first.as('GET', '/api/v1/me')).status).to.equal(401);
    expect(
      (await stranger()('POST', '/api/v1/auth/refresh', { body: { refreshToken: first.tokens.refreshToken } })).status,
    ).to.equal(401);
    expect((await second.as('GET', '/api/v1/me')).status).to.equal(200);
  });

  it('ends every session of this user and nobody else’s', async () => {
    const first = await signIn();
    const second = await signIn(first.site);
    const other = await signIn();
    expect((await first.as('POST', '/api/v1/auth/logout-all')).status).to.equal(204);
    expect((await second.as('GET', '/api/v1/me')).status).to.equal(401);
    expect((await other.as('GET', '/api/v1/me')).status).to.equal(200);
  });
});

describe('the limits of v1', () => {
  const { stranger, site } = servingV1({ RATE_LIMITS: 'true' });

  it('lets five logins a minute through from an address, whether they succeed or not', async () => {
    const [home, send] = [await site(), stranger()];
    const login = (password: string) => send('POST', '/api/v1/auth/login', { body: { email: home.email, password } });
    for (const password of [PASSWORD, 'wrong horse', PASSWORD, 'wrong horse', PASSWORD])
      expect((await login(password)).status).to.be.oneOf([200, 401]);
    const { status, body, headers } = await login(PASSWORD);
    expect([status, body.error]).to.deep.equal([429, 'IDENT_RATE_LIMITED']);
    expect(headers.get('ratelimit-policy')).to.equal('"v1-login";q=5;w=60');
    expect(headers.get('ratelimit')).to.match(/^"v1-login";r=0;t=\d+$/);
    expect(Number(headers.get('retry-after'))).to.be.within(1, 60);
    expect(
      (await stranger()('POST', '/api/v1/auth/login', { body: { email: home.email, password: PASSWORD } })).status,
    ).to.equal(200);
  });

  it('lets thirty anonymous requests to /auth through from an address', async () => {
    const send = stranger();
    const statuses: number[] = [];
    for (let at = 0; at < 31; at++) statuses.push((await send('POST', '/api/v1/auth/refresh')).status);
    expect(statuses.filter((status) => status === 401)).to.have.length(30);
    expect(statuses.at(-1)).to.equal(429);
  });
});
