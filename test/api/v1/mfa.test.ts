import { expect } from 'chai';
import { readBackupCode } from '../../../src/domain/factors/backup-code.ts';
import type { SettingsChange } from '../../../src/domain/tenants/settings.ts';
import { inOperatorTransaction } from '../../../src/kernel/call.ts';
import type { Send } from '../../support/api.ts';
import { codeOf, enrolTotp } from '../../support/factors.ts';
import { PASSWORD, type Site } from '../../support/node.ts';
import { servingV1 } from '../../support/v1.ts';

const logIn = (send: Send, site: Site) =>
  send('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });

const verify = (send: Send, body: object, headers = {}) => send('POST', '/api/v1/auth/mfa/verify', { body, headers });

describe('a login with a second factor', () => {
  const { signIn, stranger, site, node } = servingV1();

  it('asks for it with a challenge, and gives tokens of the stronger class for the code', async () => {
    const ann = await signIn();
    const { secret } = await enrolTotp(ann.as);
    const send = stranger();
    const asked = await logIn(send, ann.site);
    expect([asked.status, asked.body.error, asked.body.factors]).to.deep.equal([
      401,
      'IDENT_MFA_REQUIRED',
      ['totp', 'backup_code'],
    ]);
    const { challengeId } = asked.body;
    expect(challengeId).to.match(/^chl_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    expect(asked.headers.getSetCookie(), 'the browser is not known yet').to.deep.equal([]);

    const done = await verify(send, { challengeId, factor: 'totp', code: await codeOf(secret) });

    expect(done.status, done.text).to.equal(200);
    expect(done.body.user).to.deep.equal(ann.tokens.user);
    expect(done.headers.getSetCookie().join()).to.include('gh_refresh=').and.include('gh_device=');
    const headers = { authorization: `Bearer ${done.body.accessToken}` };
    expect((await send('GET', '/api/v1/me', { headers })).status).to.equal(200);
    const refreshed = await send('POST', '/api/v1/auth/refresh', { body: { refreshToken: done.body.refreshToken } });
    expect(refreshed.status).to.equal(200);
    const { rows } = await inOperatorTransaction(ann.site.call, (tx) =>
      tx.db.raw(
        `select payload ->> 'acr' as acr, payload -> 'amr' as amr from oidc_session where tenant_id = ? order by created_at desc limit 1`,
        [ann.site.tenantId],
      ),
    );
    expect(rows).to.deep.equal([{ acr: 'urn:gatehouse:acr:2fa', amr: ['pwd', 'otp', 'mfa'] }]);
  });

  it('refuses a wrong code, a code twice, and the right one after five wrong ones', async () => {
    const ann = await signIn();
    const { secret, backupCodes, usedCode } = await enrolTotp(ann.as);
    const send = stranger();
    const challenge = async () => (await logIn(send, ann.site)).body.challengeId;
    const first = await challenge();
    const code = await codeOf(secret);
    expect((await verify(send, { challengeId: first, factor: 'totp', code: usedCode })).body.error).to.equal(
      'IDENT_MFA_FAILED',
    );
    expect((await verify(send, { challengeId: first, factor: 'totp', code })).status).to.equal(200);
    expect((await verify(send, { challengeId: first, factor: 'totp', code })).body.error).to.equal('IDENT_MFA_FAILED');

    const second = await challenge();
    for (let tries = 0; tries < 5; tries++) {
      const { status, body } = await verify(send, { challengeId: second, factor: 'totp', code });
      expect([status, body.error, 'details' in body]).to.deep.equal([401, 'IDENT_MFA_FAILED', false]);
    }
    const late = await verify(send, { challengeId: second, factor: 'backup_code', code: backupCodes[0] });
    expect([late.status, late.body.error]).to.deep.equal([401, 'IDENT_MFA_FAILED']);
  });

  it('takes each backup code once', async () => {
    const ann = await signIn();
    const { backupCodes } = await enrolTotp(ann.as);
    const send = stranger();
    const by = async (code: string | undefined) => {
      const { challengeId } = (await logIn(send, ann.site)).body;
      return (await verify(send, { challengeId, factor: 'backup_code', code })).status;
    };
    expect(backupCodes).to.have.length(10);
    expect(await by(backupCodes[0])).to.equal(200);
    expect(await by(backupCodes[0])).to.equal(401);
    expect(await by(readBackupCode(backupCodes[1]!)!.toLowerCase())).to.equal(200);
  });

  it('answers no other program, no other tenant, and nothing but a string', async () => {
    const ann = await signIn();
    const { secret } = await enrolTotp(ann.as);
    const send = stranger();
    const { challengeId } = (await logIn(send, ann.site)).body;
    const body = { challengeId, factor: 'totp', code: await codeOf(secret) };
    const other = await site();
    const foreign = { 'x-tenant-slug': other.slug };
    expect((await verify(send, body, foreign)).body.error).to.equal('IDENT_MFA_FAILED');
    expect((await verify(send, body, { 'user-agent': 'another' })).body.error).to.equal('IDENT_MFA_FAILED');
    for (const code of [123456, ['123456'], null, {}, true, '', '1'.repeat(65)])
      expect((await verify(send, { ...body, code })).status).to.equal(400);
    for (const code of ['+12345', '１２３４５６７', ' ', '0x1234', '१२३४५६'])
      expect((await verify(send, { ...body, code })).status, code).to.be.oneOf([401]);
    for (const factor of ['webauthn', 'password', 'SMS', ['email']])
      expect((await verify(send, { ...body, factor })).status, String(factor)).to.equal(400);
    const unknown = { ...body, challengeId: 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5' };
    expect((await verify(send, unknown)).body.error).to.equal('IDENT_MFA_FAILED');
  });

  it('is refused where a factor must be enrolled first', async () => {
    const home = await site();
    await settle(home, { mfa: { mode: 'required' } });
    const { status, body } = await logIn(stranger(), home);
    expect([status, body.error]).to.deep.equal([403, 'IDENT_MFA_ENROLMENT_REQUIRED']);
  });

  it('is not asked for where the tenant has none', async () => {
    const ann = await signIn();
    await enrolTotp(ann.as);
    await settle(ann.site, { mfa: { mode: 'off' } });
    expect((await logIn(stranger(), ann.site)).status).to.equal(200);
  });

  const settle = ({ call }: Site, settings: SettingsChange) =>
    node().house.services.tenants.updateSettings(call, settings);
});

describe('/api/v1/me/mfa', () => {
  const { signIn, node } = servingV1();

  it('shows what is enrolled, and never its secret', async () => {
    const ann = await signIn();
    expect((await ann.as('GET', '/api/v1/me/mfa')).body).to.deep.equal({ data: [], backupCodesLeft: 0 });
    const { secret, factorId } = await enrolTotp(ann.as);
    const { body, text } = await ann.as('GET', '/api/v1/me/mfa');
    expect(body.data.map(({ id, kind }: { id: string; kind: string }) => [id, kind])).to.deep.equal([
      [factorId, 'totp'],
    ]);
    expect(body.backupCodesLeft).to.equal(10);
    expect(text).not.to.include(secret);
    expect(node().logged.join('\n'), 'nor does the log').not.to.include(secret);
  });

  it('gives new backup codes, and removes the factor, to who has signed in lately', async () => {
    const ann = await signIn();
    const { backupCodes, factorId } = await enrolTotp(ann.as);
    const { body } = await ann.as('POST', '/api/v1/me/mfa/backup-codes');
    expect(body.codes).to.have.length(10);
    expect(body.codes).not.to.include.members(backupCodes);

    await ageSessions(ann.site);
    for (const [method, path] of [
      ['POST', '/api/v1/me/mfa/backup-codes'],
      ['POST', '/api/v1/me/mfa/totp/enroll'],
      ['DELETE', `/api/v1/me/mfa/${factorId}`],
    ] as const) {
      const { status, body: refused } = await ann.as(method, path);
      expect([path, status, refused.error]).to.deep.equal([path, 401, 'IDENT_REAUTHENTICATION_REQUIRED']);
    }
  });

  it('keeps the last factor where the tenant demands one', async () => {
    const ann = await signIn();
    const { factorId } = await enrolTotp(ann.as);
    const { tenants } = node().house.services;
    await tenants.updateSettings(ann.site.call, { mfa: { mode: 'required_for_roles', roles: ['TENANT_ADMIN'] } });
    const kept = await ann.as('DELETE', `/api/v1/me/mfa/${factorId}`);
    expect([kept.status, kept.body.error]).to.deep.equal([422, 'IDENT_MFA_MANDATORY']);
    await tenants.updateSettings(ann.site.call, { mfa: { mode: 'optional' } });
    expect((await ann.as('DELETE', `/api/v1/me/mfa/${factorId}`)).status).to.equal(204);
    const again = await ann.as('DELETE', `/api/v1/me/mfa/${factorId}`);
    expect([again.status, again.body.error]).to.deep.equal([404, 'IDENT_FACTOR_NOT_FOUND']);
  });
});

/** Lets eleven minutes pass since every login of a tenant. */
async function ageSessions({ call, tenantId }: Site): Promise<void> {
  await call
    .db('oidc_session')
    .where({ tenant_id: tenantId })
    .update({
      payload: call.db.raw(`jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 660))`),
    });
}
