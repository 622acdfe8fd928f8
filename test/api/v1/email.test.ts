import { expect } from 'chai';
import { inTransaction } from '../../../src/kernel/call.ts';
import { enrolTotp } from '../../support/factors.ts';
import { lastLetter, lettersOf } from '../../support/letters.ts';
import { PASSWORD, type Site } from '../../support/node.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

describe('POST /api/v1/me/email', () => {
  const { node, signIn, stranger } = servingV1();

  const ask = ({ as }: SignedIn, body: object) => as('POST', '/api/v1/me/email', { body });
  const confirm = ({ as }: SignedIn, body: object) => as('POST', '/api/v1/me/email/confirm', { body });
  const userOf = ({ call, user }: Site) => node().house.services.users.get(call, user);

  /** Makes the session look as if it had begun so many minutes ago. */
  async function aged({ site }: SignedIn, minutes: number): Promise<void> {
    await inTransaction(site.call, ({ db }) =>
      db.raw(
        `update oidc_session set payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - ?))
         where tenant_id = ? and account_id = ?`,
        [minutes * 60, site.tenantId, site.user],
      ),
    );
  }

  it('changes nothing until the new address has answered, by the code of the letter', async () => {
    const ann = await signIn();
    const email = `Ann.New@${ann.site.slug}.test`;
    expect((await ask(ann, { email })).status).to.equal(202);
    const letter = await lastLetter(node(), ann.site, 'email-change');
    expect(letter.to).to.deep.equal({ name: 'Ann Lee', address: email });
    expect(letter.values.minutes).to.equal(60);
    expect((await userOf(ann.site)).email).to.equal(ann.site.email);

    const { status, body } = await confirm(ann, { code: letter.values.code });
    expect([status, body.email, body.emailVerified]).to.deep.equal([200, email, true]);
    const told = await lastLetter(node(), ann.site, 'email-changed');
    expect(told.to.address).to.equal(ann.site.email);
    expect((await confirm(ann, { code: letter.values.code })).status, 'once').to.equal(401);
    const login = (address: string) =>
      stranger()('POST', '/api/v1/auth/login', { body: { email: address, password: PASSWORD } });
    expect((await login(ann.site.email)).status).to.equal(401);
    expect((await login(email.toLowerCase())).status).to.equal(200);
  });

  it('takes the token of the link, from the person who asked and from nobody else', async () => {
    const [ann, bob] = [await signIn(), await signIn()];
    await ask(ann, { email: `new@${ann.site.slug}.test` });
    const { token } = (await lastLetter(node(), ann.site, 'email-change')).values.link.query!;
    const { status, body } = await confirm(bob, { token });
    expect([status, body.error]).to.deep.equal([401, 'IDENT_TOKEN_INVALID']);
    const colleague = `${ann.site.slug}-2@example.test`;
    await node().house.services.users.create(ann.site.call, { email: colleague, status: 'active', password: PASSWORD });
    const other = await signIn({ ...ann.site, email: colleague });
    expect((await confirm(other, { token })).status).to.equal(401);
    expect((await confirm(ann, { token })).status).to.equal(200);
  });

  it('ends every other session, and keeps the one that asked', async () => {
    const ann = await signIn();
    const elsewhere = await signIn(ann.site);
    await ask(ann, { email: `new@${ann.site.slug}.test` });
    await confirm(ann, { code: (await lastLetter(node(), ann.site, 'email-change')).values.code });
    expect((await ann.as('GET', '/api/v1/me')).status).to.equal(200);
    expect((await elsewhere.as('GET', '/api/v1/me')).status).to.equal(401);
  });

  it('answers alike where somebody has the address, and tells its owner instead', async () => {
    const ann = await signIn();
    const { users } = node().house.services;
    const taken = `bob@${ann.site.slug}.test`;
    await users.create(ann.site.call, { email: taken, status: 'active', firstName: 'Bob', locale: 'fr' });
    const free = await ask(ann, { email: `free@${ann.site.slug}.test` });
    const busy = await ask(ann, { email: taken.toUpperCase() });
    expect([busy.status, busy.text]).to.deep.equal([free.status, free.text]);
    const letter = await lastLetter(node(), ann.site, 'account-exists');
    expect([letter.to, letter.languages]).to.deep.equal([{ name: 'Bob', address: taken }, ['fr']]);
    expect(JSON.stringify(letter)).not.to.include('token');
    expect(await lettersOf(node(), ann.site)).to.have.lengthOf(2);
  });

  it('is void once somebody has the address', async () => {
    const ann = await signIn();
    const email = `new@${ann.site.slug}.test`;
    await ask(ann, { email });
    const { values } = await lastLetter(node(), ann.site, 'email-change');
    await node().house.services.users.create(ann.site.call, { email: email.toUpperCase(), status: 'active' });
    expect((await confirm(ann, { token: values.link.query!['token'] })).status).to.equal(401);
    expect((await confirm(ann, { code: values.code })).status).to.equal(401);
    expect((await userOf(ann.site)).email).to.equal(ann.site.email);
  });

  it('is void once the address it would replace is another, or the session that asked has ended', async () => {
    const { users, sessions } = node().house.services;
    const ann = await signIn();
    await ask(ann, { email: `new@${ann.site.slug}.test` });
    const first = (await lastLetter(node(), ann.site, 'email-change')).values.link.query!['token']!;
    await users.changeEmail(ann.site.call, ann.site.user, `admin.chose@${ann.site.slug}.test`);
    expect((await confirm(ann, { token: first })).status).to.equal(401);

    const bob = await signIn();
    await ask(bob, { email: `new@${bob.site.slug}.test` });
    const second = (await lastLetter(node(), bob.site, 'email-change')).values.link.query!['token']!;
    await sessions.endAll(bob.site.call, bob.site.user);
    const again = await signIn(bob.site);
    expect((await confirm(again, { token: second })).status).to.equal(401);
    expect((await userOf(bob.site)).email).to.equal(bob.site.email);
  });

  it('asks for the password, or for another login, when the login is older than ten minutes', async () => {
    const ann = await signIn();
    await aged(ann, 11);
    const email = `new@${ann.site.slug}.test`;
    const { status, body } = await ask(ann, { email });
    expect([status, body.error]).to.deep.equal([401, 'IDENT_REAUTHENTICATION_REQUIRED']);
    const wrong = await ask(ann, { email, currentPassword: 'wrong horse' });
    expect([wrong.status, wrong.body.error]).to.deep.equal([401, 'IDENT_INVALID_CREDENTIALS']);
    expect(await lettersOf(node(), ann.site)).to.deep.equal([]);
    expect((await ask(ann, { email, currentPassword: PASSWORD })).status).to.equal(202);
  });

  it('counts wrong passwords with wrong logins', async () => {
    const ann = await signIn();
    const { call } = ann.site;
    await node().house.services.tenants.updateSettings(call, { lockout: { maxAttempts: 3 } });
    const wish = { email: `new@${ann.site.slug}.test`, currentPassword: 'wrong horse' };
    for (let tries = 0; tries < 3; tries++) expect((await ask(ann, wish)).status).to.equal(401);
    expect((await ask(ann, { ...wish, currentPassword: PASSWORD })).status).to.equal(429);
  });

  it('asks a session without the second factor for it, whatever the password', async () => {
    const [ann, before] = [await signIn(), await signIn()];
    await aged(before, 1);
    await enrolTotp(ann.as);
    await aged(ann, -1);
    const { status, body } = await ask(ann, { email: `new@${ann.site.slug}.test`, currentPassword: PASSWORD });
    expect([status, body.error]).to.deep.equal([401, 'IDENT_REAUTHENTICATION_REQUIRED']);
  });

  it('sends three letters an hour to one address, and three for one person', async () => {
    const [ann, bob] = [await signIn(), await signIn()];
    const email = `wanted@${ann.site.slug}.test`;
    for (let more = 0; more < 3; more++) expect((await ask(ann, { email })).status).to.equal(202);
    const over = await ask(bob, { email: email.toUpperCase() });
    expect([over.status, over.body.error, Number(over.headers.get('retry-after')) > 0]).to.deep.equal([
      429,
      'IDENT_RATE_LIMITED',
      true,
    ]);
    expect((await ask(ann, { email: `other@${ann.site.slug}.test` })).status).to.equal(429);
  });

  it('takes five codes, and gives the sixth no chance', async () => {
    const ann = await signIn();
    await ask(ann, { email: `new@${ann.site.slug}.test` });
    const { code, link } = (await lastLetter(node(), ann.site, 'email-change')).values;
    const wrong = code === '00000000' ? '11111111' : '00000000';
    for (let tries = 0; tries < 5; tries++) expect((await confirm(ann, { code: wrong })).status).to.equal(401);
    expect((await confirm(ann, { code })).status).to.equal(401);
    expect((await confirm(ann, { token: link.query!['token'] })).status, 'the link still works').to.equal(200);
  });

  it('takes the code in the session that asked only', async () => {
    const ann = await signIn();
    const elsewhere = await signIn(ann.site);
    await ask(ann, { email: `new@${ann.site.slug}.test` });
    const { code } = (await lastLetter(node(), ann.site, 'email-change')).values;
    expect((await confirm(elsewhere, { code })).status).to.equal(401);
    expect((await confirm(ann, { code })).status).to.equal(200);
  });

  it('lets one of two confirmations at once through', async () => {
    const ann = await signIn();
    const asked = ['one', 'two'].map((name) => `${name}@${ann.site.slug}.test`);
    const tokens: string[] = [];
    for (const email of asked) {
      await ask(ann, { email });
      tokens.push((await lastLetter(node(), ann.site, 'email-change')).values.link.query!['token']!);
    }
    const answers = await Promise.all([...tokens, ...tokens].map((token) => confirm(ann, { token })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 401, 401, 401]);
    expect(asked).to.include((await userOf(ann.site)).email);
  });

  it('refuses what is no plain address, or the present one', async () => {
    const ann = await signIn();
    for (const email of ['a@x.test\r\nBcc: b@x.test', 'a@x.test,b@x.test', 'nobody', ann.site.email]) {
      const { status, body } = await ask(ann, { email });
      expect([email, status, body.error]).to.deep.equal([email, 400, 'IDENT_VALIDATION']);
    }
    for (const email of [['a@x.test'], { email: 'a@x.test' }, 5])
      expect((await ask(ann, { email })).status).to.equal(400);
  });
});
