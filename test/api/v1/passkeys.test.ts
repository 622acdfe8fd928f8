import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.ts';
import type { ApiAnswer, Send } from '../../support/api.ts';
import { type Authenticator, anAuthenticator, type Twist } from '../../support/authenticator.ts';
import { siteWithPasskey } from '../../support/factors.ts';
import { fetchAt, PASSWORD, type Site } from '../../support/node.ts';
import { servingV1 } from '../../support/v1.ts';

describe('v1 passkeys', () => {
  const { node, stranger, site: aSite, signIn } = servingV1();
  /** Where the tests send their requests: for a browser, the origin of a page there. */
  const origin = () => `http://127.0.0.1:${node().port}`;
  const anOwn = () => anAuthenticator({ origin: origin() });
  const without = ({ body }: ApiAnswer) => ({ ...body, requestId: '', timestamp: '' });

  async function register(as: Send, authenticator: Authenticator = anOwn(), twist: Twist = {}, name?: string) {
    const options = await as('POST', '/api/v1/me/mfa/webauthn/register/options');
    expect(options.status, options.text).to.equal(200);
    const response = authenticator.create(options.body, twist);
    return as('POST', '/api/v1/me/mfa/webauthn/register', { body: { response, ...(name && { name }) } });
  }

  /** Signs in with a passkey, or tries to. */
  async function logIn(
    send: Send,
    authenticator: Authenticator,
    { twist = {} as Twist, headers = {} as Record<string, string> } = {},
  ): Promise<ApiAnswer> {
    const { body } = await send('POST', '/api/v1/auth/passkey/options', { headers });
    const answer = { challengeId: body.challengeId, assertion: authenticator.get(body.options, twist) };
    return send('POST', '/api/v1/auth/passkey/login', { body: answer, headers });
  }

  const of = ({ slug }: Site) => ({ headers: { 'x-tenant-slug': slug } });

  it('are added by who has signed in lately, listed, renamed and removed', async () => {
    const ann = await signIn();
    const added = await register(ann.as, anOwn(), {}, 'Blue key');
    expect(added.status, added.text).to.equal(201);
    expect(added.body).to.include({ kind: 'webauthn', name: 'Blue key', backedUp: false, flagged: false });
    expect(added.body.backupCodes).to.have.length(10);
    const listed = await ann.as('GET', '/api/v1/me/mfa');
    expect(listed.body.data.map(({ id }: { id: string }) => id)).to.deep.equal([added.body.id]);

    const signals = () => ann.as('GET', '/api/v1/me/mfa/webauthn/signals');
    expect((await signals()).body.allAcceptedCredentialIds).to.have.length(1);
    const path = `/api/v1/me/mfa/${added.body.id}`;
    const renamed = await ann.as('PATCH', path, { body: { name: 'Desk' } });
    expect([renamed.status, renamed.body.name]).to.deep.equal([200, 'Desk']);
    for (const name of ['', 'x'.repeat(LIMITS.nameChars + 1), '\u202e'])
      expect((await ann.as('PATCH', path, { body: { name } })).status).to.equal(400);
    expect((await ann.as('DELETE', path)).status).to.equal(204);
    expect((await signals()).body).to.deep.include({
      rpId: '127.0.0.1',
      allAcceptedCredentialIds: [],
      name: ann.site.email,
    });
    const gone = await ann.as('PATCH', path, { body: { name: 'Desk' } });
    expect([gone.status, gone.body.error]).to.deep.equal([404, 'IDENT_FACTOR_NOT_FOUND']);
  });

  it('are not added twice, from elsewhere, with an attestation, or by an old login', async () => {
    const ann = await signIn();
    const authenticator = anOwn();
    expect((await register(ann.as, authenticator)).status).to.equal(201);
    const strong = await logIn(stranger(), authenticator, of(ann.site));
    const headers = { authorization: `Bearer ${strong.body.accessToken}` };
    const as: Send = (method, path, request = {}) => stranger()(method, path, { ...request, headers });
    const refusals: [Twist, number, string][] = [
      [{ id: authenticator.credentials[0]!.id }, 409, 'IDENT_PASSKEY_DUPLICATE'],
      [{ origin: 'http://evil.test' }, 422, 'IDENT_PASSKEY_INVALID'],
      [{ fmt: 'packed', attStmt: new Map([['alg', -7]]) }, 422, 'IDENT_PASSKEY_INVALID'],
      [{ challenge: Buffer.alloc(48).toString('base64url') }, 401, 'IDENT_MFA_FAILED'],
    ];
    for (const [twist, status, code] of refusals) {
      const refused = await register(as, anOwn(), twist);
      expect([refused.status, refused.body.error]).to.deep.equal([status, code]);
    }
    await ageSessions(ann.site);
    const old = await as('POST', '/api/v1/me/mfa/webauthn/register/options');
    expect([old.status, old.body.error]).to.deep.equal([401, 'IDENT_REAUTHENTICATION_REQUIRED']);
  });

  it('sign in, with or without the name of their tenant', async () => {
    const site = await aSite();
    const authenticator = await siteWithPasskey(node(), site, origin());
    for (const more of [of(site), {}]) {
      const { status, body, text } = await logIn(stranger(), authenticator, more);
      expect(status, text).to.equal(200);
      expect(body.user.email).to.equal(site.email);
      const me = await stranger()('GET', '/api/v1/me', { headers: { authorization: `Bearer ${body.accessToken}` } });
      expect(me.status).to.equal(200);
    }
  });

  it('are the second factor after the password', async () => {
    const site = await aSite();
    const authenticator = await siteWithPasskey(node(), site, origin());
    const send = stranger();
    const { body } = await logInWithPassword(site, send);
    expect(body.factors).to.deep.equal(['webauthn', 'backup_code']);
    const { challengeId } = body;
    const options = await send('POST', '/api/v1/auth/mfa/webauthn/options', { body: { challengeId } });
    expect(options.body.allowCredentials).to.have.length(1);
    const answer = (twist: Twist = {}) => ({
      body: { challengeId, factor: 'webauthn', assertion: authenticator.get(options.body, twist) },
    });
    const wrong = await send('POST', '/api/v1/auth/mfa/verify', answer({ rpId: 'evil.test' }));
    expect([wrong.status, wrong.body.error]).to.deep.equal([401, 'IDENT_MFA_FAILED']);
    const elsewhere = { ...answer(), headers: { 'user-agent': 'another program' } };
    expect((await send('POST', '/api/v1/auth/mfa/verify', elsewhere)).status).to.equal(401);
    const right = await send('POST', '/api/v1/auth/mfa/verify', answer());
    expect(right.status, right.text).to.equal(200);
    const again = await send('POST', '/api/v1/auth/mfa/webauthn/options', { body: { challengeId } });
    expect([again.status, again.body.error]).to.deep.equal([401, 'IDENT_MFA_FAILED']);
  });

  it('do not tell who has one', async () => {
    const [site, other] = [await aSite(), await aSite()];
    await siteWithPasskey(node(), site, origin());
    const send = stranger();
    const ask = async (email?: string) => {
      const request = { ...of(site), body: email === undefined ? {} : { email } };
      const { status, body } = await send('POST', '/api/v1/auth/passkey/options', request);
      return { status, keys: Object.keys(body), options: { ...body.options, challenge: '' } };
    };
    const answers = [await ask(), await ask(site.email), await ask(other.email), await ask('nobody@example.com')];
    for (const one of answers) expect(one).to.deep.equal(answers[0]);
    expect(answers[0]!.options).to.include({ rpId: '127.0.0.1', userVerification: 'required' });
    expect(answers[0]!.options).not.to.have.property('allowCredentials');
  });

  it('are refused in the same words, whatever the reason', async () => {
    const [site, other] = [await aSite(), await aSite()];
    const authenticator = await siteWithPasskey(node(), site, origin());
    const refused = [
      await logIn(stranger(), authenticator, of(other)),
      await logIn(stranger(), authenticator, { ...of(site), twist: { userHandle: null } }),
      await logIn(stranger(), authenticator, { ...of(site), twist: { origin: 'http://evil.test' } }),
      await logIn(stranger(), authenticator, { ...of(site), twist: { flip: 0x04 } }),
      await logIn(stranger(), authenticator, { ...of(site), twist: { crossOrigin: true } }),
    ];
    for (const one of refused) expect([one.status, without(one)]).to.deep.equal([401, without(refused[0]!)]);
    expect(refused[0]!.body.error).to.equal('IDENT_INVALID_CREDENTIALS');
  });

  it('are answered once, for the challenge that was given, by the program that asked', async () => {
    const site = await aSite();
    const authenticator = await siteWithPasskey(node(), site, origin());
    const send = stranger();
    const ask = async () => (await send('POST', '/api/v1/auth/passkey/options', of(site))).body;
    const [one, two] = [await ask(), await ask()];
    const end = async (challengeId: string, options: never, headers: Record<string, string> = {}) => {
      const body = { challengeId, assertion: authenticator.get(options) };
      const request = { body, headers: { ...of(site).headers, ...headers } };
      const { status, body: answer } = await send('POST', '/api/v1/auth/passkey/login', request);
      return [status, answer.error];
    };
    const ended = [401, 'IDENT_MFA_FAILED'];
    expect(await end(two.challengeId, one.options as never), 'another challenge').to.deep.equal(ended);
    expect(await end(one.challengeId, one.options as never, { 'user-agent': 'another' })).to.deep.equal(ended);
    expect(await end(one.challengeId, one.options as never)).to.deep.equal([200, undefined]);
    expect(await end(one.challengeId, one.options as never)).to.deep.equal(ended);
  });

  it('of one tenant are useless at another, on the same host', async () => {
    const [ann, bob] = [await signIn(), await signIn()];
    const hers = anOwn();
    await register(ann.as, hers);
    expect((await logIn(stranger(), hers, of(bob.site))).status).to.equal(401);
    // The same key, registered by an attacker at their own tenant, opens their own account and no other.
    const copied = await register(bob.as, anOwn(), { id: hers.credentials[0]!.id });
    expect(copied.status).to.equal(201);
    const back = await logIn(stranger(), hers);
    expect([back.status, back.body.user.email]).to.deep.equal([200, ann.site.email]);
  });

  it('belong to the host at which they were made', async () => {
    const site = await aSite();
    const domain = `${site.slug}.example`;
    const { tenants } = node().house.services;
    await tenants.addDomain(site.call, domain);
    await tenants.verifyDomain(site.call, domain);
    const here = await siteWithPasskey(node(), site, origin());
    const there = await siteWithPasskey(node(), site, `http://${domain}`);
    const at = async (host: string) => {
      const { body } = await hosted(host, '/api/v1/auth/passkey/options', {});
      return { options: body.options, challengeId: body.challengeId };
    };
    const asked = await at(domain);
    expect(asked.options.rpId).to.equal(domain);
    const end = async (authenticator: Authenticator) => {
      const { options, challengeId } = await at(domain);
      const assertion = authenticator.get(options, { origin: `http://${domain}` });
      return (await hosted(domain, '/api/v1/auth/passkey/login', { challengeId, assertion })).status;
    };
    expect([await end(here), await end(there)]).to.deep.equal([401, 200]);
  });

  it('take no more than they can hold', async () => {
    const ann = await signIn();
    const options = await ann.as('POST', '/api/v1/me/mfa/webauthn/register/options');
    const { response, ...outer } = anOwn().create(options.body);
    const big = (chars: number) => ({
      body: { response: { ...outer, response: { ...response, attestationObject: 'A'.repeat(chars) } } },
    });
    const path = '/api/v1/me/mfa/webauthn/register';
    expect((await ann.as('POST', path, big(Math.ceil((LIMITS.attestationBytes * 4) / 3) + 1))).status).to.equal(400);
    expect((await ann.as('POST', path, big(LIMITS.jsonBodyBytes))).status).to.equal(413);
    const loose: object[] = [
      { response: { ...outer, response: { ...response, more: 1 } } },
      { response: { ...outer, more: 1, response } },
      { response: { ...outer, type: 'password', response } },
      { response: { ...outer, response: { ...response, clientDataJSON: 'a b' } } },
    ];
    for (const body of loose) expect((await ann.as('POST', path, { body })).status).to.equal(400);
  });

  it('keep the last one of who has no password', async () => {
    const { call, slug } = await aSite();
    const { users } = node().house.services;
    const created = await users.create(call, { email: `eve@${slug}.test`, status: 'active' });
    const eve = { call, user: created.id, slug } as Site;
    const authenticator = await siteWithPasskey(node(), eve, origin());
    const login = await logIn(stranger(), authenticator, of(eve));
    const headers = { authorization: `Bearer ${login.body.accessToken}` };
    const send = stranger();
    const [factor] = (await send('GET', '/api/v1/me/mfa', { headers })).body.data;
    const kept = await send('DELETE', `/api/v1/me/mfa/${factor.id}`, { headers });
    expect([kept.status, kept.body.error]).to.deep.equal([422, 'IDENT_LAST_PASSKEY']);
  });

  it('need exactly what goes with them', async () => {
    const challengeId = 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5';
    const assertion = anOwn();
    const signed = await stranger()('POST', '/api/v1/auth/passkey/options');
    assertion.create({ rp: { id: 'x', name: '' }, user: { id: 'AAAA' }, challenge: 'AAAA' } as never);
    const json = assertion.get(signed.body.options);
    const bodies: object[] = [
      { challengeId, factor: 'webauthn' },
      { challengeId, factor: 'webauthn', code: '123456' },
      { challengeId, factor: 'webauthn', code: '123456', assertion: json },
      { challengeId, factor: 'totp', assertion: json },
      { challengeId, factor: 'totp', code: '123456', assertion: json },
      { challengeId, factor: 'totp' },
    ];
    for (const body of bodies)
      expect((await stranger()('POST', '/api/v1/auth/mfa/verify', { body })).status, JSON.stringify(body)).to.equal(
        400,
      );
  });

  const logInWithPassword = ({ email }: Site, send: Send = stranger()) =>
    send('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });

  /** A request to a host that leads to the same node. */
  async function hosted(host: string, path: string, body: object): Promise<ApiAnswer> {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetchAt(node())(`http://${host}${path}`, init);
    return { status: answer.status, headers: answer.headers, text: '', body: await answer.json() };
  }
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
