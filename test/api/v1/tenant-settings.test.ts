import { expect } from 'chai';
import { tenantIds } from '../../../src/api/v1/ids.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { sender } from '../../support/api.ts';
import { aColleague } from '../../support/colleagues.ts';
import { PASSWORD, startNode } from '../../support/node.ts';
import { auditOf } from '../../support/rooms.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

const pathOf = ({ tokens }: Pick<SignedIn, 'tokens'>) => `/api/v1/tenants/${tokens.user.tenantId}/settings`;
const SMTP = { host: 'mail.example', fromAddress: 'no-reply@example.com', user: 'acme' };

describe('the settings of a tenant over v1', () => {
  const v1 = servingV1();
  const { signIn, operator, node } = v1;
  const change = (who: SignedIn, body: object, headers = {}) => who.as('PATCH', pathOf(who), { body, headers });

  it('are shown with the defaults, and changed one by one', async () => {
    const owner = await signIn();
    const before = (await owner.as('GET', pathOf(owner))).body;
    expect(before).to.include({ locale: 'en', timezone: 'UTC', currency: null, maxUsers: null });
    const { status, body } = await change(owner, {
      ...{ locale: 'fr-ca', timezone: 'America/Toronto', currency: 'CAD', dateFormat: 'dd/MM/yyyy' },
      branding: { displayName: 'Acme', primaryColor: '#AABBCC' },
      password: { minLength: 12 },
      lockout: { maxAttempts: 5 },
    });
    expect(status).to.equal(200);
    expect(body).to.include({
      locale: 'fr-CA',
      timezone: 'America/Toronto',
      currency: 'CAD',
      dateFormat: 'dd/MM/yyyy',
    });
    expect(body.branding).to.include({ displayName: 'Acme', primaryColor: '#aabbcc', logoUrl: null });
    expect(body.password).to.deep.equal({ ...before.password, minLength: 12 });
    expect(body.lockout).to.deep.equal({ ...before.lockout, maxAttempts: 5 });
    const erased = await change(owner, {
      currency: null,
      branding: { displayName: null },
      password: { minLength: null },
    });
    expect(erased.body).to.deep.include({ currency: null, password: before.password });
    expect(erased.body.branding).to.include({ displayName: null, primaryColor: '#aabbcc' });
    expect((await owner.as('GET', pathOf(owner))).body).to.deep.equal(erased.body);
  });

  it('name each field that is wrong', async () => {
    const owner = await signIn();
    const before = (await owner.as('GET', pathOf(owner))).body;
    for (const [field, body] of [
      ['locale', { locale: 'xx_YY' }],
      ['timezone', { timezone: 'Mars/Olympus' }],
      ['currency', { currency: 'DEM' }],
      ['currency', { currency: 'eur' }],
      ['dateFormat', { dateFormat: 'yy' }],
      ['unheardOf', { unheardOf: 1 }],
      ['smtp.unheardOf', { smtp: { unheardOf: 1 } }],
      ['branding.primaryColor', { branding: { primaryColor: 'red' } }],
      ['branding.logoUrl', { branding: { logoUrl: 'javascript:alert(1)' } }],
      ['password.minLength', { password: { minLength: 7 } }],
      ['password.minLength', { password: { minLength: 100, maxLength: 64 } }],
      ['lockout.maxAttempts', { lockout: { maxAttempts: 0 } }],
      ['mfa.mode', { mfa: { mode: 'always' } }],
      ['tokens.accessTokenSeconds', { tokens: { accessTokenSeconds: 59 } }],
      ['sessions.idleSeconds', { sessions: { idleSeconds: '300' } }],
      ['smtp.fromAddress', { smtp: { host: 'mail.example' } }],
      ['branding', { branding: null }],
    ] as const) {
      const answer = await change(owner, body);
      expect([body, answer.status, answer.body.details?.[0].field]).to.deep.equal([body, 400, field]);
    }
    expect((await owner.as('GET', pathOf(owner))).body).to.deep.equal(before);
  });

  it('show no secret, in no answer and no line of the trail, and lose it with the server it is for', async () => {
    const owner = await signIn();
    const secret = `s3cret-${newId()}`;
    const set = await change(owner, { smtp: { ...SMTP, password: secret } });
    expect(set.body.smtp).to.deep.include({ ...SMTP, hasPassword: true });
    const shown = await owner.as('GET', pathOf(owner));
    for (const { text } of [set, shown]) expect(text).not.to.match(new RegExp(`${secret}|sealed:|"password":"`));
    expect((await change(owner, { smtp: { password: `${'x'.repeat(513)}` } })).status).to.equal(400);
    expect((await change(owner, { smtp: { hasPassword: false } })).status).to.equal(400);
    expect((await change(owner, { smtp: { fromName: 'Acme' } })).body.smtp.hasPassword).to.equal(true);
    expect((await change(owner, { smtp: { host: 'evil.example' } })).body.smtp.hasPassword).to.equal(false);
    const sms = { gateway: 'webhook', url: 'https://sms.example/', secret };
    expect((await change(owner, { sms })).body.sms).to.include({ gateway: 'webhook', hasSecret: true });
    expect((await change(owner, { sms: { secret: null } })).body.sms.hasSecret).to.equal(false);

    const { call } = owner.site;
    const stored = await inTransaction(call, async ({ db }) => [
      await db('tenants').where({ id: call.tenantId }).select('settings'),
      await db('audit_events').where({ tenant_id: call.tenantId }),
    ]);
    expect(JSON.stringify(stored)).not.to.include(secret);
  });

  it('leave what the operator grants to the operator', async () => {
    const [owner, boss] = [await signIn(), await operator()];
    for (const body of [{ maxUsers: 100 }, { maxUsers: null }, { maxInstances: 9 }, { features: { lab: true } }])
      expect((await change(owner, { ...body, locale: 'fr' })).body.error).to.equal('IDENT_FORBIDDEN');
    const granted = await boss.as('PATCH', pathOf(owner), {
      body: { maxUsers: 3, maxInstances: 2, features: { lab: true, billing: false } },
    });
    expect(granted.body).to.deep.include({ maxUsers: 3, maxInstances: 2, features: { billing: false, lab: true } });
    const less = await boss.as('PATCH', pathOf(owner), { body: { features: { lab: null } } });
    expect(less.body.features).to.deep.equal({ billing: false });
    expect((await owner.as('GET', pathOf(owner))).body).to.deep.include({ locale: 'en', maxUsers: 3 });
    for (const features of [{ 'a.b': true }, { a: 1 }, { '': true }])
      expect((await boss.as('PATCH', pathOf(owner), { body: { features } })).status).to.equal(400);
    expect(await auditOf(owner.site.call)).to.include('tenant.settings_updated');
  });

  it('are the operators’ alone where they are the platform’s: their letters go out by them', async () => {
    const chief = await operator();
    const helper = await aColleague(v1, chief.site, ['TENANT_ADMIN']);
    expect((await helper.as('GET', pathOf(helper))).status).to.equal(200);
    for (const body of [{ smtp: SMTP }, { mfa: { mode: 'off' } }, { locale: 'fr' }]) {
      const { status, body: answer } = await change(helper, body);
      expect([status, answer.error]).to.deep.equal([403, 'IDENT_PRIVILEGE_ESCALATION']);
    }
    expect((await change(chief, { currency: null })).status).to.equal(200);
  });

  it('are another tenant’s as little as one’s that is not there', async () => {
    const [owner, other] = [await signIn(), await signIn()];
    const absent = { tokens: { user: { tenantId: tenantIds.encode(newId()) } } } as SignedIn;
    for (const who of [other, absent]) {
      expect((await owner.as('GET', pathOf(who))).body.error).to.equal('IDENT_TENANT_NOT_FOUND');
      expect((await owner.as('PATCH', pathOf(who), { body: { maxUsers: 1 } })).body.error).to.equal(
        'IDENT_TENANT_NOT_FOUND',
      );
    }
  });

  it('lose no change to one that was made of something older', async () => {
    const owner = await signIn();
    const etag = (await owner.as('GET', pathOf(owner))).headers.get('etag')!;
    const both = await Promise.all(['fr', 'fa'].map((locale) => change(owner, { locale }, { 'if-match': etag })));
    expect(both.map(({ status }) => status).sort()).to.deep.equal([200, 412]);
  });

  it('are obeyed by every node', async () => {
    const owner = await signIn();
    const there = await startNode({
      publicUrl: node().url,
      settings: { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8' },
    });
    try {
      const login = () =>
        sender(() => there.port)('POST', '/api/v1/auth/login', {
          body: { email: owner.site.email, password: PASSWORD },
          headers: { 'x-tenant-slug': owner.site.slug },
        });
      expect((await login()).status).to.equal(200);
      await change(owner, { tokens: { accessTokenSeconds: 120 } });
      let seconds = 900;
      while (seconds !== 120) seconds = (await login()).body.accessExpiresIn;
    } finally {
      await there.stop();
    }
  });

  it('close registration when there are as many users as there may be', async () => {
    const [owner, boss] = [await signIn(), await operator()];
    await change(owner, { registration: { selfService: true, captcha: 'off', verifyEmail: false } });
    const settle = (maxUsers: number) => boss.as('PATCH', pathOf(owner), { body: { maxUsers } });
    const register = (tenant = owner.site.slug) =>
      v1.stranger()('POST', '/api/v1/auth/register', {
        body: { email: `${newId()}@example.com`, password: PASSWORD, firstName: 'Ben', lastName: 'Bo', tenant },
      });
    await settle(1);
    expect((await register()).body.error).to.equal('IDENT_REGISTRATION_CLOSED');
    await settle(3);
    const answers = await Promise.all([1, 2, 3, 4].map(() => register()));
    const made = answers.filter(({ body }) => body.verificationRequired === false);
    const count = (await owner.as('GET', pathOf(owner).replace('/settings', ''))).body.userCount;
    expect(count).to.equal(1 + made.length);
    expect(count).to.be.at.most(3);
  });
});
