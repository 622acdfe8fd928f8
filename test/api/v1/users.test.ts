import { expect } from 'chai';
import { userIds } from '../../../src/api/v1/ids.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import type { Send } from '../../support/api.ts';
import { aColleague, aPerson } from '../../support/colleagues.ts';
import { siteWithTotp } from '../../support/factors.ts';
import { lastLetter, lettersOf } from '../../support/letters.ts';
import { PASSWORD } from '../../support/node.ts';
import { auditOf } from '../../support/rooms.ts';
import { servingV1 } from '../../support/v1.ts';

const USERS = '/api/v1/users';
let keys = 0;

/** Makes a user under a key that nobody has used. */
const create = (as: Send, body: object, key = `key-${++keys}`) =>
  as('POST', USERS, {
    body: { email: `n${keys}@example.com`, firstName: 'Nora', lastName: 'North', ...body },
    headers: { 'idempotency-key': key },
  });

describe('the users of a tenant over v1', function () {
  this.timeout(60_000);
  const v1 = servingV1();
  const { signIn, node, stranger } = v1;

  it('are made with a key that makes a repetition harmless, and may sign in', async () => {
    const { as, site } = await signIn();
    const body = {
      email: 'Nora@Example.com',
      password: PASSWORD,
      roles: ['AUDITOR'],
      phone: '+15551234567',
      locale: 'fr-CA',
      timezone: 'America/Toronto',
      username: 'nora',
    };
    const made = await create(as, body, 'k');
    expect(made.status, made.text).to.equal(201);
    expect(made.body).to.deep.include({
      email: 'Nora@Example.com',
      emailVerified: false,
      phone: '+15551234567',
      phoneVerified: false,
      firstName: 'Nora',
      locale: 'fr-CA',
      timezone: 'America/Toronto',
      username: 'nora',
      status: 'active',
    });
    expect(made.headers.get('location')).to.equal(`${USERS}/${made.body.id}`);
    const again = await create(as, body, 'k');
    expect([again.text, again.headers.get('idempotency-replayed')]).to.deep.equal([made.text, 'true']);
    expect((await create(as, { ...body, locale: 'en' }, 'k')).body.error).to.equal('IDENT_IDEMPOTENCY_MISMATCH');
    expect((await create(as, { email: 'NORA@example.com' })).body.error).to.equal('IDENT_EMAIL_DUPLICATE');
    expect((await create(as, { username: 'NORA' })).body.error).to.equal('IDENT_USERNAME_DUPLICATE');
    const without = await as('POST', USERS, { body: { email: 'x@example.com', firstName: 'X', lastName: 'Y' } });
    expect([without.status, without.body.error]).to.deep.equal([400, 'IDENT_IDEMPOTENCY_KEY_REQUIRED']);
    const nora = await signIn({ ...site, email: 'nora@example.com' });
    expect((await nora.as('GET', '/api/v1/me/access-context')).body.roles).to.deep.equal(['AUDITOR']);
  });

  it('are refused by field, and none is made', async () => {
    const { as } = await signIn();
    const wrong: [object, number, string | undefined][] = [
      [{ email: 'no address' }, 400, 'email'],
      [{ phone: '555' }, 400, 'phone'],
      [{ locale: 'x_y' }, 400, 'locale'],
      [{ timezone: 'Mars/Base' }, 400, 'timezone'],
      [{ firstName: '' }, 400, 'firstName'],
      [{ firstName: 'a\u202eb' }, 400, 'firstName'],
      [{ emailVerified: true }, 400, 'emailVerified'],
      [{ password: PASSWORD, sendInvite: true }, 400, 'password'],
      [{ password: 'password' }, 422, 'newPassword'],
      [{ roles: ['NOBODY'] }, 404, undefined],
    ];
    for (const [body, status, field] of wrong) {
      const answer = await create(as, body);
      expect([answer.status, answer.body.details?.[0].field], JSON.stringify(body)).to.deep.equal([status, field]);
    }
    expect((await as('GET', USERS)).body.total).to.equal(1);
  });

  it('are invited by letter, and pending until they set a password', async () => {
    const { as, site } = await signIn();
    const email = `nora@${site.slug}.test`;
    const { body: nora } = await create(as, { email, sendInvite: true });
    expect(nora).to.include({ status: 'pending', emailVerified: false });
    const { values, to } = await lastLetter(node(), site.call, 'invite');
    expect(to.address).to.equal(email);

    const wrong = await stranger()('POST', '/api/v1/auth/login', {
      body: { email, password: PASSWORD },
    });
    expect(wrong.status).to.equal(401);
    expect((await as('POST', `${USERS}/${nora.id}/password-reset`)).status).to.equal(202);
    await lastLetter(node(), site.call, 'invite');
    const confirm = { token: values.link.query!['token']!, newPassword: PASSWORD };
    const confirmed = await stranger()('POST', '/api/v1/auth/password-reset/confirm', { body: confirm });
    expect(confirmed.status, confirmed.text).to.equal(204);
    expect((await as('GET', `${USERS}/${nora.id}`)).body).to.include({ status: 'active', emailVerified: true });
    await signIn({ ...site, email });
    const twice = await stranger()('POST', '/api/v1/auth/password-reset/confirm', { body: confirm });
    expect(twice.body.error).to.equal('IDENT_TOKEN_INVALID');
  });

  it('cannot come by an invitation once they were suspended', async () => {
    const { as, site } = await signIn();
    const { body: nora } = await create(as, { email: 'nora@example.com', sendInvite: true });
    const { values } = await lastLetter(node(), site.call, 'invite');
    await as('POST', `${USERS}/${nora.id}/suspend`);
    const body = { token: values.link.query!['token']!, newPassword: PASSWORD };
    const answer = await stranger()('POST', '/api/v1/auth/password-reset/confirm', { body });
    expect(answer.body.error).to.equal('IDENT_TOKEN_INVALID');
  });

  it('are changed under the version that was read', async () => {
    const { as, site } = await signIn();
    const { id } = (await create(as, {})).body;
    const path = `${USERS}/${id}`;
    const etag = (await as('GET', path)).headers.get('etag')!;
    const change = (body: object, headers = {}) => as('PATCH', path, { body, headers });
    const changed = await change({ firstName: null, phone: '+15551234567' }, { 'if-match': etag });
    expect(changed.body).to.include({ firstName: null, lastName: 'North', phone: '+15551234567' });
    const late = await change({ lastName: 'South' }, { 'if-match': etag });
    expect([late.status, late.body.error]).to.deep.equal([412, 'IDENT_PRECONDITION_FAILED']);
    const late2 = await as('DELETE', path, { headers: { 'if-match': etag } });
    expect(late2.status).to.equal(412);
    expect((await change({ roles: ['AUDITOR'] })).status).to.equal(200);
    expect((await as('GET', `${path}/roles`)).body.data[0].name).to.equal('AUDITOR');
    expect((await change({ email: site.email })).body.error).to.equal('IDENT_EMAIL_DUPLICATE');
    expect((await change({ email: null })).status).to.equal(400);
    expect((await change({ status: 'active' })).body.details[0].field).to.equal('status');
  });

  it('have an address that is changed by an administrator, told at the old one and proven anew', async () => {
    const { as, site, tokens } = await signIn();
    const { id } = await aPerson(node(), site, []);
    const path = `${USERS}/${userIds.encode(id)}`;
    const { email } = (await as('GET', path)).body;
    const changed = (await as('PATCH', path, { body: { email: 'other@example.com' } })).body;
    expect(changed).to.include({ email: 'other@example.com', emailVerified: false });
    const { to, values } = await lastLetter(node(), site.call, 'email-changed');
    expect([to.address, values.address]).to.deep.equal([email, 'other@example.com']);
    const own = await as('PATCH', `${USERS}/${tokens.user.id}`, { body: { email: 'mine@example.com' } });
    expect([own.status, own.body.error]).to.deep.equal([403, 'IDENT_FORBIDDEN']);
  });

  it('are suspended at once, let in again, and removed for good', async () => {
    const { as, site } = await signIn();
    const ann = await aColleague(v1, site, []);
    const path = `${USERS}/${ann.id}`;
    const post = (verb: string, body?: object) => as('POST', `${path}/${verb}`, body ? { body } : {});
    expect((await post('suspend', { reason: 'On leave' })).body.status).to.equal('suspended');
    expect((await ann.as('GET', '/api/v1/me')).status).to.equal(401);
    expect((await post('suspend')).body.error).to.equal('IDENT_USER_SUSPENDED');
    expect((await post('password-reset')).body.error).to.equal('IDENT_USER_SUSPENDED');
    expect((await post('reactivate')).body.status).to.equal('active');
    expect((await post('reactivate')).status).to.equal(200);
    expect((await as('DELETE', path)).status).to.equal(204);
    expect((await as('DELETE', path)).status).to.equal(204);
    expect((await as('GET', path)).body.status).to.equal('deactivated');
    for (const verb of ['suspend', 'reactivate', 'password-reset'])
      expect([verb, (await post(verb)).body.error]).to.deep.equal([verb, 'IDENT_USER_DEACTIVATED']);
    expect((await as('PATCH', path, { body: { firstName: 'X' } })).body.error).to.equal('IDENT_USER_DEACTIVATED');
    expect((await as('DELETE', `${path}/mfa`)).body.error).to.equal('IDENT_USER_DEACTIVATED');
    expect((await auditOf(site.call)).filter((action) => action === 'user.deactivated')).to.have.lengthOf(1);
  });

  it('keep their last administrator', async () => {
    const { as, tokens } = await signIn();
    const path = `${USERS}/${tokens.user.id}`;
    for (const [method, url, body] of [
      ['POST', `${path}/suspend`, undefined],
      ['DELETE', path, undefined],
      ['PATCH', path, { roles: [] }],
    ] as const) {
      const answer = await as(method, url, body ? { body } : {});
      expect([url, answer.status, answer.body.error]).to.deep.equal([url, 422, 'IDENT_LAST_ADMIN']);
    }
  });

  it('are out of reach of who may do less than they may', async () => {
    const { as: owner, site, tokens } = await signIn();
    const clerk = await aColleague(v1, site, ['USER_ADMIN']);
    const path = `${USERS}/${tokens.user.id}`;
    const tried = [
      await clerk.as('PATCH', path, { body: { email: 'mine@example.com' } }),
      await clerk.as('PATCH', path, { body: { firstName: 'X' } }),
      await clerk.as('POST', `${path}/suspend`),
      await clerk.as('POST', `${path}/reactivate`),
      await clerk.as('POST', `${path}/password-reset`),
      await clerk.as('DELETE', `${path}/mfa`),
      await clerk.as('DELETE', path),
      await create(clerk.as, { roles: ['TENANT_ADMIN'] }),
      await clerk.as('PATCH', `${USERS}/${clerk.id}`, { body: { roles: ['TENANT_ADMIN'] } }),
    ];
    for (const [index, { status, body }] of tried.entries())
      expect([index, status, body.error]).to.deep.equal([index, 403, 'IDENT_PRIVILEGE_ESCALATION']);
    expect((await owner('GET', path)).body).to.include({ email: site.email, status: 'active' });
    expect((await auditOf(site.call)).filter((action) => action === 'access.refused')).to.have.lengthOf(tried.length);
    expect((await create(clerk.as, { roles: ['USER_ADMIN'] })).status).to.equal(201);
  });

  it('lose their second factors to an administrator, who does not help themselves by it', async () => {
    const { as, site, tokens } = await signIn();
    const { id, email } = await aPerson(node(), site, []);
    await siteWithTotp(node(), { ...site, email });
    expect((await as('DELETE', `${USERS}/${userIds.encode(id)}/mfa`)).status).to.equal(204);
    expect((await lettersOf(node(), site.call)).map(({ template }) => template)).to.include('factors-reset');
    await signIn({ ...site, email });
    expect((await as('DELETE', `${USERS}/${tokens.user.id}/mfa`)).body.error).to.equal('IDENT_FORBIDDEN');
  });

  it('are listed in pages, filtered, searched and sorted', async () => {
    const { as } = await signIn();
    for (const [firstName, lastName, email] of [
      ['Ann', 'Zander', '2@list.test'],
      ['Bob', 'Young', '1@list.test'],
      ['Cid', 'Xavier', '0@list.test'],
    ])
      await create(as, { firstName, lastName, email });
    const list = async (query: string) => {
      const { status, body, text } = await as('GET', `${USERS}?${query}`);
      expect(status, text).to.equal(200);
      return { ...body, data: body.data.map(({ email }: { email: string }) => email.replace(/@list.test$/, '')) };
    };
    expect(await list('sort=email&pageSize=2')).to.deep.include({ data: ['0', '1'], page: 1, pageSize: 2, total: 4 });
    expect((await list('sort=-lastName&pageSize=3')).data).to.deep.equal(['2', '1', '0']);
    expect((await list('search=young')).data).to.deep.equal(['1']);
    expect(await list('status=suspended')).to.deep.include({ data: [], total: 0 });
    expect((await list('backend=local')).total).to.equal(4);
    expect((await list('backend=ldap')).total).to.equal(0);
    for (const query of ['page=0', 'pageSize=101', 'search=x', 'status=gone', 'sort=password', 'backend=x'])
      expect((await as('GET', `${USERS}?${query}`)).status, query).to.equal(400);
  });

  it('of another tenant are not there', async () => {
    const [mine, theirs] = [await signIn(), await signIn()];
    const absent = userIds.encode(newId<UserId>());
    for (const id of [theirs.tokens.user.id, absent]) {
      const answer = await mine.as('GET', `${USERS}/${id}`);
      expect([answer.status, answer.body.error]).to.deep.equal([404, 'IDENT_USER_NOT_FOUND']);
    }
    const { body } = await mine.as('GET', USERS);
    expect(body.data.map(({ id }: { id: string }) => id)).to.deep.equal([mine.tokens.user.id]);
  });
});

describe('users that are made too fast', function () {
  this.timeout(60_000);
  const { signIn } = servingV1({ RATE_LIMITS: 'true' });

  it('are sixty a minute in one tenant, whoever makes them', async () => {
    const { as } = await signIn();
    for (let tries = 0; tries < 60; tries++) expect((await create(as, { email: 'no address' })).status).to.equal(400);
    const { status, body } = await create(as, {});
    expect([status, body.error]).to.deep.equal([429, 'IDENT_RATE_LIMITED']);
  });
});
