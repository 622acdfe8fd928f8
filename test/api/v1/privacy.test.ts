import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { z } from 'zod';
import { userIds } from '../../../src/api/v1/ids.ts';
import { PRIVACY_EXPORT } from '../../../src/api/v1/privacy-schema.ts';
import { PASSWORD } from '../../support/node.ts';
import { anotherAdmin } from '../../support/oauth.ts';
import { servingV1 } from '../../support/v1.ts';

describe('v1 privacy', () => {
  const v1 = servingV1();

  /** Somebody who is not the last administrator. */
  async function somebody() {
    const site = await v1.site();
    await anotherAdmin(v1.node(), site);
    return v1.signIn(site);
  }

  it('keeps what a person allows, and takes it back', async () => {
    const { as } = await somebody();
    const set = (type: string, granted: unknown) => as('POST', '/api/v1/me/consents', { body: { type, granted } });
    expect((await set('marketing', true)).body).to.include({ type: 'marketing', granted: true });
    expect((await set('marketing', false)).body).to.include({ granted: false });
    const { data } = (await as('GET', '/api/v1/me/consents/history')).body;
    expect(data.map(({ granted, source }: { granted: boolean; source: string }) => [granted, source])).to.deep.equal([
      [false, 'api'],
      [true, 'api'],
    ]);
    expect((await set('essential', false)).body.error).to.equal('IDENT_CONSENT_ESSENTIAL');
    for (const [type, granted] of [
      ['spam', true],
      ['marketing', 'yes'],
      ['__proto__', true],
      ['marketing', null],
    ])
      expect((await set(type as string, granted)).status).to.equal(400);
    const body = { type: 'marketing', granted: true, at: '2020-01-01T00:00:00Z' };
    expect((await as('POST', '/api/v1/me/consents', { body })).status, 'no date of their own').to.equal(400);
    expect((await as('GET', '/api/v1/me/consents')).body.data).to.have.lengthOf(4);
  });

  it('gives a copy of what is known, without what lets somebody in', async () => {
    const { as, site, tokens } = await somebody();
    const copy = await as('GET', '/api/v1/me/export');
    expect(copy.status, copy.text).to.equal(200);
    expect(copy.body).to.deep.include({ version: 1, roles: ['TENANT_ADMIN'] });
    expect(copy.body.profile).to.include({ id: tokens.user.id, email: site.email });
    expect(copy.body.sessions).to.have.lengthOf(1);
    expect(copy.body.acts.map(({ action }: { action: string }) => action)).to.include('user.data_exported');
    for (const secret of [tokens.accessToken, tokens.refreshToken, 'argon2', PASSWORD])
      expect(copy.text).not.to.include(secret);
  });

  it('gives a copy of the form that is published, and says so', async () => {
    const schema = JSON.parse(readFileSync('docs/privacy-export.schema.json', 'utf8'));
    expect(schema, 'gatehouse schema --of privacy-export').to.deep.equal(
      JSON.parse(JSON.stringify(PRIVACY_EXPORT.schema)),
    );
    const { as } = await somebody();
    await as('POST', '/api/v1/me/consents', { body: { type: 'marketing', granted: true } });
    const copy = (await as('GET', '/api/v1/me/export')).body;
    expect(copy.$schema).to.equal(schema.$id);
    const published = z.fromJSONSchema(schema);
    expect(published.safeParse(copy).error).to.equal(undefined);
    expect(published.safeParse({ ...copy, more: 1 }).success, 'fields to come').to.equal(true);
    expect(published.safeParse({ ...copy, acts: undefined }).success).to.equal(false);
  });

  it('does not tell a person from where others act', async () => {
    const admin = await somebody();
    const { users } = admin.house.services;
    const email = `carl@${admin.site.slug}.test`;
    const carl = await users.create(admin.site.call, { email, password: PASSWORD });
    const path = `/api/v1/users/${userIds.encode(carl.id)}/roles`;
    expect((await admin.as('PUT', path, { body: { roles: ['AUDITOR'] } })).status).to.equal(200);
    const own = await v1.signIn({ ...admin.site, email, user: carl.id });
    const copy = await own.as('GET', '/api/v1/me/export');
    const foreign = copy.body.happenings.filter(({ action }: { action: string }) => action === 'user.roles_changed');
    expect(foreign).to.have.lengthOf(1);
    expect(foreign[0]).to.include({ ip: null, userAgent: null });
  });

  it('erases on request, after some days, and lets it be taken back', async () => {
    const { as } = await somebody();
    expect((await as('POST', '/api/v1/me/erase', { body: { password: 'wrong' } })).status).to.equal(401);
    const asked = await as('POST', '/api/v1/me/erase', { body: { password: PASSWORD, reason: 'I leave.\nBye.' } });
    expect(asked.status, asked.text).to.equal(202);
    const days = (Date.parse(asked.body.effectiveAt) - Date.parse(asked.body.requestedAt)) / 86_400_000;
    expect(days).to.equal(30);
    expect((await as('GET', '/api/v1/me')).status, 'nothing changes before').to.equal(200);
    expect((await as('DELETE', '/api/v1/me/erase')).status).to.equal(204);
    expect((await as('DELETE', '/api/v1/me/erase')).body.error).to.equal('IDENT_ERASURE_NOT_FOUND');
  });

  it('keeps the last administrator', async () => {
    const { as } = await v1.signIn();
    const asked = await as('POST', '/api/v1/me/erase', { body: { password: PASSWORD } });
    expect([asked.status, asked.body.error]).to.deep.equal([422, 'IDENT_LAST_ADMIN']);
  });
});
