import { expect } from 'chai';
import { userIds } from '../../../src/api/v1/ids.ts';
import type { SettingsChange } from '../../../src/domain/tenants/settings.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { solved } from '../../support/captcha.ts';
import { lastLetter, lettersOf } from '../../support/letters.ts';
import { PASSWORD, type Site } from '../../support/node.ts';
import { openRegistration } from '../../support/registration.ts';
import { servingV1 } from '../../support/v1.ts';

const REGISTER = '/api/v1/auth/register';

describe('registration by JSON', () => {
  const { node, site, stranger } = servingV1();

  async function openSite(registration: SettingsChange['registration'] = {}): Promise<Site> {
    const home = await site();
    await openRegistration(node(), home, registration);
    return home;
  }
  const aPerson = (more: object = {}) => ({
    email: `bob-${newId()}@example.com`,
    password: PASSWORD,
    firstName: 'Bob',
    lastName: 'Okri',
    ...more,
  });
  const register = (body: object, request = {}) => stranger()('POST', REGISTER, { body, ...request });
  const login = (email: string) => stranger()('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });
  const verify = (token: string) => stranger()('POST', '/api/v1/auth/verify-email', { body: { token } });

  it('makes the user whom it announced, once the address is proven', async () => {
    const home = await openSite();
    const bob = aPerson({ tenant: home.slug });
    const { status, body } = await register(bob);
    expect([status, body.verificationRequired]).to.deep.equal([201, true]);
    expect(body.user).to.include({ email: bob.email, firstName: 'Bob', status: 'pending', emailVerified: false });
    expect((await login(bob.email)).status).to.equal(401);

    const { link } = (await lastLetter(node(), home, 'verify-email')).values;
    const proven = await verify(link.query!['token']!);
    expect([proven.status, proven.text]).to.deep.equal([204, '']);
    const signedIn = await login(bob.email);
    expect([signedIn.status, signedIn.body.user.id]).to.deep.equal([200, body.user.id]);
    const again = await verify(link.query!['token']!);
    expect([again.status, again.body.error]).to.deep.equal([401, 'IDENT_TOKEN_INVALID']);
  });

  it('answers alike where somebody has the address, and tells its owner', async () => {
    const home = await openSite();
    const answers = [];
    for (const email of [`free-${newId()}@example.com`, home.email, home.email.toUpperCase()]) {
      const { status, body, headers } = await register(aPerson({ email, tenant: home.slug }));
      expect(userIds.decode(body.user.id)).not.to.equal(home.user);
      const user = { ...body.user, id: '', email: '', createdAt: '', updatedAt: '' };
      answers.push({ status, body: { ...body, user }, headers: [...headers.keys()].sort() });
    }
    for (const answer of answers) expect(answer).to.deep.equal(answers[0]);
    const letters = await lettersOf(node(), home);
    expect(letters.map(({ template }) => template)).to.deep.equal(['verify-email', 'account-exists', 'account-exists']);
    expect(letters[1]!.to).to.deep.equal({ name: 'Ann Lee', address: home.email });
  });

  it('makes the user at once where no proof is demanded, and says 409 for a taken address there', async () => {
    const home = await openSite({ verifyEmail: false });
    const bob = aPerson({ tenant: home.slug });
    const { status, body } = await register(bob);
    expect([status, body.verificationRequired, body.user.status]).to.deep.equal([201, false, 'active']);
    expect((await login(bob.email)).status).to.equal(200);
    const taken = await register(bob);
    expect([taken.status, taken.body.error]).to.deep.equal([409, 'IDENT_EMAIL_DUPLICATE']);
  });

  it('takes the answer to a challenge of proof of work, once', async () => {
    const home = await openSite({ captcha: 'altcha' });
    const headers = { 'x-tenant-slug': home.slug };
    const without = await register(aPerson(), { headers });
    expect([without.status, without.body.error]).to.deep.equal([422, 'IDENT_CAPTCHA_FAILED']);
    const challenge = await stranger()('GET', '/api/v1/auth/captcha', { headers });
    expect([challenge.status, challenge.headers.get('cache-control')]).to.deep.equal([200, 'no-store']);
    const captcha = await solved(challenge.body);
    expect((await register(aPerson({ captcha }), { headers })).status).to.equal(201);
    const again = await register(aPerson({ captcha }), { headers });
    expect([again.status, again.body.error]).to.deep.equal([422, 'IDENT_CAPTCHA_FAILED']);
    const elsewhere = await openSite({ captcha: 'altcha' });
    const foreign = await solved((await stranger()('GET', `/api/v1/auth/captcha?tenant=${home.slug}`)).body);
    expect((await register(aPerson({ captcha: foreign, tenant: elsewhere.slug }))).status).to.equal(422);
  });

  it('has a challenge for the platform where no tenant is named, and none where a tenant asks for something else', async () => {
    expect((await stranger()('GET', '/api/v1/auth/captcha')).status).to.equal(200);
    const home = await openSite();
    const { status, body } = await stranger()('GET', `/api/v1/auth/captcha?tenant=${home.slug}`);
    expect([status, body.error]).to.deep.equal([404, 'IDENT_NOT_FOUND']);
  });

  it('gives the same answer to the same request with the same key, and writes one letter', async () => {
    const home = await openSite();
    const send = stranger();
    const request = { body: aPerson({ tenant: home.slug }), headers: { 'idempotency-key': newId() } };
    const [first, second] = [await send('POST', REGISTER, request), await send('POST', REGISTER, request)];
    expect([first.status, second.status, second.text]).to.deep.equal([201, 201, first.text]);
    expect(second.headers.get('idempotency-replayed')).to.equal('true');
    expect(await lettersOf(node(), home)).to.have.lengthOf(1);
  });

  it('is closed unless a tenant opens it', async () => {
    const home = await site();
    for (const body of [aPerson({ tenant: home.slug }), aPerson()]) {
      const answer = await register(body);
      expect([answer.status, answer.body.error]).to.deep.equal([403, 'IDENT_REGISTRATION_CLOSED']);
    }
    const unknown = await register(aPerson({ tenant: 'nobody-has-this' }));
    expect([unknown.status, unknown.body.error]).to.deep.equal([403, 'IDENT_CROSS_TENANT']);
    const open = await openSite();
    const contradiction = await register(aPerson({ tenant: open.slug }), { headers: { 'x-tenant-slug': home.slug } });
    expect([contradiction.status, contradiction.body.error]).to.deep.equal([403, 'IDENT_CROSS_TENANT']);
  });

  it('takes nothing that a person may not say of themselves', async () => {
    const home = await openSite();
    const wishes = {
      roles: ['TENANT_ADMIN'],
      role: 'x',
      tenantId: 'x',
      status: 'active',
      emailVerified: true,
      id: 'x',
    };
    for (const [name, value] of Object.entries(wishes)) {
      const { status, body } = await register(aPerson({ tenant: home.slug, [name]: value }));
      expect([name, status, body.details[0]]).to.deep.equal([name, 400, { field: name, message: 'is not known here' }]);
    }
    for (const more of [
      { email: ['a@x.test'] },
      { password: [1, 2] },
      { firstName: null },
      { lastName: '' },
      { tenant: 5 },
    ])
      expect([more, (await register(aPerson(more))).status]).to.deep.equal([more, 400]);
    expect(await lettersOf(node(), home)).to.deep.equal([]);
  });

  it('takes no password that a user could not choose', async () => {
    const home = await openSite();
    const { status, body } = await register(aPerson({ tenant: home.slug, password: 'password1' }));
    expect([status, body.error]).to.deep.equal([422, 'IDENT_PASSWORD_POLICY']);
  });

  it('proves an address of a user too, and only that address', async () => {
    const home = await site();
    const { verification, users } = node().house.services;
    const { id, email } = await users.create(home.call, { email: `carl-${newId()}@example.com`, password: PASSWORD });
    const send = async () => {
      await verification.resend(home.call, id);
      return (await lastLetter(node(), home, 'verify-email')).values.link.query!['token']!;
    };
    const first = await send();
    await users.changeEmail(home.call, id, email.toUpperCase());
    expect((await verify(first)).status, 'another spelling').to.equal(401);
    const second = await send();
    expect((await verify(second)).status).to.equal(204);
    expect((await users.get(home.call, id)).emailVerified).to.equal(true);
    expect((await verify(second)).status, 'once').to.equal(401);
  });
});
