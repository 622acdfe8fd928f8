import { expect } from 'chai';
import { lastLetter, lettersOf } from '../../support/letters.ts';
import { PASSWORD, type Site } from '../../support/node.ts';
import { servingV1 } from '../../support/v1.ts';

const NEXT = 'seven quiet rivers at dawn';
const REQUEST = '/api/v1/auth/password-reset/request';
const CONFIRM = '/api/v1/auth/password-reset/confirm';

describe('a password reset by JSON', () => {
  const { node, site, signIn, stranger } = servingV1();

  const request = (email: unknown, headers = {}) => stranger()('POST', REQUEST, { body: { email }, headers });
  const confirm = (body: object, headers = {}) => stranger()('POST', CONFIRM, { body, headers });
  const login = (home: Site, password: string) =>
    stranger()('POST', '/api/v1/auth/login', { body: { email: home.email, password } });
  const tokenOf = async (home: Site) => (await lastLetter(node(), home, 'password-reset')).values.link.query!['token']!;
  const named = ({ slug }: Site) => ({ 'x-tenant-slug': slug });

  it('answers alike, whoever has the address, and writes to its owner', async () => {
    const home = await site();
    const known = await request(home.email.toUpperCase(), named(home));
    const unknown = await request(`nobody@${home.slug}.test`, named(home));
    expect([known.status, known.text]).to.deep.equal([202, '{}']);
    expect([unknown.status, unknown.text]).to.deep.equal([202, '{}']);
    const letters = await lettersOf(node(), home);
    expect(letters.map(({ template, to }) => [template, to.address])).to.deep.equal([['password-reset', home.email]]);
    expect(letters[0]!.values, 'a program has no browser for a code').not.to.have.property('code');
  });

  it('sets the password once, ends every session, and signs nobody in', async () => {
    const ann = await signIn();
    await request(ann.site.email, named(ann.site));
    const token = await tokenOf(ann.site);
    const { status, text, headers } = await confirm({ token, newPassword: NEXT });
    expect([status, text]).to.deep.equal([204, '']);
    expect(headers.getSetCookie().map((cookie) => cookie.split('=')[0])).to.deep.equal(['gh_device']);
    expect((await ann.as('GET', '/api/v1/me')).status).to.equal(401);
    const refresh = { refreshToken: ann.tokens.refreshToken };
    expect((await stranger()('POST', '/api/v1/auth/refresh', { body: refresh })).status).to.equal(401);
    expect([(await login(ann.site, PASSWORD)).status, (await login(ann.site, NEXT)).status]).to.deep.equal([401, 200]);
    const again = await confirm({ token, newPassword: PASSWORD });
    expect([again.status, again.body.error]).to.deep.equal([401, 'IDENT_TOKEN_INVALID']);
    expect((await lettersOf(node(), ann.site)).at(-1)!.template).to.equal('password-changed');
  });

  it('refuses a poor password, and leaves the token good', async () => {
    const home = await site();
    await request(home.email, named(home));
    const token = await tokenOf(home);
    const { status, body } = await confirm({ token, newPassword: 'password1' });
    expect([status, body.error, body.details[0].field]).to.deep.equal([422, 'IDENT_PASSWORD_POLICY', 'newPassword']);
    expect((await confirm({ token, newPassword: NEXT })).status).to.equal(204);
  });

  it('takes a token with its own tenant’s name, or with none', async () => {
    const [home, other] = [await site(), await site()];
    await request(home.email, named(home));
    const token = await tokenOf(home);
    expect((await confirm({ token, newPassword: NEXT }, named(other))).status).to.equal(401);
    expect((await confirm({ token, newPassword: NEXT }, named(home))).status).to.equal(204);
  });

  it('refuses what is no token and no password', async () => {
    for (const token of ['x', 'A'.repeat(43), '../..', '%00']) {
      const { status, body } = await confirm({ token, newPassword: NEXT });
      expect([token, status, body.error]).to.deep.equal([token, 401, 'IDENT_TOKEN_INVALID']);
    }
    const wrong: object[] = [
      {},
      { token: 'x' },
      { newPassword: NEXT },
      { token: '', newPassword: NEXT },
      { token: ['x'], newPassword: NEXT },
      { token: 'x'.repeat(129), newPassword: NEXT },
      { token: 'x', newPassword: 5 },
      { token: 'x', newPassword: '\ud800' },
      { token: 'x', newPassword: NEXT, userId: 'usr_x' },
    ];
    for (const body of wrong) expect([body, (await confirm(body)).status]).to.deep.equal([body, 400]);
    for (const email of [['a@x.test', 'b@x.test'], { email: 'x' }, 5, null, '', 'x'.repeat(400)])
      expect([email, (await request(email)).status]).to.deep.equal([email, 400]);
  });

  it('sends three letters an hour to one address, and says the same of one that nobody has', async () => {
    const home = await site();
    for (const email of [home.email, `nobody@${home.slug}.test`]) {
      for (let more = 0; more < 3; more++) expect((await request(email, named(home))).status).to.equal(202);
      const { status, body, headers } = await request(email, named(home));
      expect([status, body.error]).to.deep.equal([429, 'IDENT_RATE_LIMITED']);
      expect(Number(headers.get('retry-after'))).to.be.within(3_000, 3_600);
    }
    expect(await lettersOf(node(), home)).to.have.lengthOf(3);
  });
});
