import { expect } from 'chai';
import { userIds } from '../src/api/v1/ids.ts';
import { inTransaction, type TenantCall } from '../src/kernel/call.ts';
import { type EventId, type JobId, newId } from '../src/kernel/ids.ts';
import { type Send, sender } from './support/api.ts';
import { aBrowser } from './support/browser.ts';
import { authorization, configured } from './support/clients.ts';
import { dumpOf, formsOf } from './support/dump.ts';
import { enrolTotp } from './support/factors.ts';
import { lastLetter, lettersOf } from './support/letters.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode, WEB } from './support/node.ts';
import { startTestDatabase, type TestDatabase } from './support/postgres.ts';

/** Texts of a person that stand nowhere else; the phone number and the address are as rare as they can be. */
const CANARIES = {
  email: 'Canary.Mail.7391@canary-home.test',
  newEmail: 'canary.new.7391@canary-away.test',
  firstName: 'Canaryfirst',
  lastName: 'Canarylast',
  username: 'canaryuser7391',
  phone: '+15550107391',
  ip: '203.0.113.77',
  agent: 'CanaryBrowser/7391',
  factor: 'Canary phone',
  fingerprint: 'canary-fingerprint-7391',
  apiKey: 'Canary nightly report',
};
const DOMAINS = ['canary-home', 'canary-away'];
const NEXT = 'seven quiet rivers at dawn';

describe('a person who lived here', function () {
  this.timeout(180_000);
  let database: TestDatabase;
  let node: TestNode;
  let site: Site;
  let admin: Send;
  let bob: { id: string; userId: Site['user'] };

  before(async () => {
    database = await startTestDatabase();
    node = await startNode({
      database: database.url,
      settings: { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8' },
    });
    site = await aSite(node, { clients: [WEB] });
    const login = await send('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
    admin = as(login.body.accessToken);
    bob = await live();
  });
  after(async () => {
    await node.stop();
    await database.stop();
  });

  const send: Send = (method, path, request = {}) => sender(() => node.port)(method, path, request);
  const as =
    (token: string, headers: Record<string, string> = {}): Send =>
    (method, path, request = {}) =>
      send(method, path, {
        ...request,
        headers: { authorization: `Bearer ${token}`, ...headers, ...request.headers },
      });
  const FROM = { 'x-forwarded-for': CANARIES.ip, 'user-agent': CANARIES.agent };
  const now = (): TenantCall => ({ ...node.house.operator('test'), tenantId: site.tenantId });
  const dump = async () => (await dumpOf(database.superuserUrl)).join('\n');

  /** A full life: by every door, in every field and channel, and in what others have written down. */
  async function live() {
    const { services } = node.house;
    await services.webhooks.create(now(), { url: 'https://hooks.example/', events: ['*'] });
    const key = { 'idempotency-key': 'invite-7391' };
    await admin('POST', '/api/v1/invites', { body: { email: CANARIES.email }, headers: key });
    const { token } = (await lastLetter(node, site, 'invite')).values.link.query!;
    const names = { firstName: CANARIES.firstName, lastName: CANARIES.lastName };
    const made = await send('POST', '/api/v1/invites/accept', {
      body: { token, password: PASSWORD, ...names },
      headers: FROM,
    });
    expect(made.status, made.text).to.equal(201);
    const { id } = made.body.user;
    const userId = userIds.decode(id)!;
    await services.users.updateProfile(now(), userId, { username: CANARIES.username, phone: CANARIES.phone });
    const nodeMade = await admin('POST', '/api/v1/nodes', { body: { type: 'team', name: 'Night' } });
    await admin('PUT', `/api/v1/nodes/${nodeMade.body.id}/members/${id}`, { body: { roles: ['AUDITOR'] } });

    for (const email of [CANARIES.email, CANARIES.username])
      await send('POST', '/api/v1/auth/login', {
        body: { email, password: 'wrong' },
        headers: { ...FROM, 'x-tenant-slug': site.slug },
      });
    const login = await send('POST', '/api/v1/auth/login', {
      body: { email: CANARIES.email, password: PASSWORD, deviceFingerprint: CANARIES.fingerprint },
      headers: FROM,
    });
    const own = as(login.body.accessToken, FROM);
    for (const granted of [true, false, true])
      await own('POST', '/api/v1/me/consents', { body: { type: 'marketing', granted } });
    const factor = await enrolTotp(own);
    await own('PATCH', `/api/v1/me/mfa/${factor.factorId}`, { body: { name: CANARIES.factor } });
    await own('POST', '/api/v1/me/email', { body: { email: CANARIES.newEmail, currentPassword: PASSWORD } });
    await send('POST', '/api/v1/auth/password-reset/request', { body: { email: CANARIES.email }, headers: FROM });
    await lettersOf(node, site);
    await services.access.setUserRoles(now(), userId, ['AUDITOR']);
    await services.apiKeys.create(now(), { name: CANARIES.apiKey, scopes: ['iam.users:read'], userId });
    await browse();
    await importOf(CANARIES.email);
    // Each is told at the address before, by a letter that is not sent yet.
    for (const email of [`canary.moved.7391@${DOMAINS[1]}.test`, CANARIES.email])
      expect((await admin('PATCH', `/api/v1/users/${id}`, { body: { email } })).status).to.equal(200);
    return { id, userId };
  }

  /** A browser that stands before the second factor, and a login that never came so far. */
  async function browse(): Promise<void> {
    const browser = aBrowser(node, { userAgent: CANARIES.agent });
    const page = await browser.go((await authorization(await configured(node, site))).url, undefined, FROM);
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)![1]!;
    const form = { csrf, identifier: CANARIES.email, password: PASSWORD, action: 'login' };
    const factor = await browser.go(page.url, form, FROM);
    expect(factor.html).to.include('name="code"');
  }

  /** What an import leaves whose rows had mistakes. */
  async function importOf(text: string): Promise<void> {
    await inTransaction(now(), ({ db, tenantId, now: at }) =>
      db('jobs').insert({
        ...{ tenant_id: tenantId, id: newId<JobId>(), kind: 'import', state: 'succeeded', actor: {}, owner: 'user:1' },
        errors: JSON.stringify([{ at: 3, code: 'email_taken', text }]),
        ...{ due_at: at, created_at: at, finished_at: at },
      }),
    );
  }

  it('was everywhere', async () => {
    const text = await dump();
    const sealed = ['newEmail', 'fingerprint', 'email'];
    for (const [name, canary] of Object.entries(CANARIES))
      if (!sealed.includes(name)) expect(text.includes(canary), name).to.equal(true);
    expect(text).to.include(CANARIES.email).and.include(CANARIES.newEmail);
  });

  it('can take a copy of all of it, and of no secret', async () => {
    const copy = await admin('GET', `/api/v1/users/${bob.id}/export`);
    expect(copy.status, copy.text).to.equal(200);
    const { fingerprint: _, newEmail: _later, ...told } = CANARIES;
    for (const [name, canary] of Object.entries(told)) expect(copy.text.includes(canary), name).to.equal(true);
    expect(copy.text).not.to.match(/argon2|"secret|otpauth/);
    expect(copy.body.consentHistory.map(({ granted }: { granted: boolean }) => granted)).to.deep.equal([
      ...[true, false, true],
    ]);
  });

  describe('and is erased', () => {
    before(async () => {
      node.logged.length = 0;
      const asked = await admin('POST', `/api/v1/users/${bob.id}/erase`, {
        body: { graceDays: 0, reason: `${CANARIES.firstName} has asked for it` },
      });
      expect(asked.status, asked.text).to.equal(202);
      expect(await node.house.services.erasure.eraseDue(node.house.operator('test'))).to.equal(1);
    });

    it('stands in no row of any table, in no alphabet', async () => {
      const text = await dump();
      const lower = text.toLowerCase();
      for (const [name, canary] of Object.entries(CANARIES)) {
        expect(lower.includes(canary.toLowerCase()), name).to.equal(false);
        for (const form of [...formsOf(canary), ...formsOf(canary.toLowerCase())])
          expect(text.includes(form), `${name} as ${form}`).to.equal(false);
      }
      for (const domain of DOMAINS) expect(lower.includes(domain), domain).to.equal(false);
      expect(text, 'others stay').to.include(site.email);
    });

    it('stands in no letter and no event that is sealed', async () => {
      const { letters } = node.house.services;
      const call = now();
      const rows = await inTransaction(call, ({ db }) => db('outbox').where({ kind: 'mail' }).select('id', 'payload'));
      const left = await Promise.all(
        rows.map((row: { id: string; payload: Record<string, unknown> }) => letters.open(call, row)),
      );
      expect(JSON.stringify(left).toLowerCase()).not.to.include('canary');
      const told = await inTransaction(call, ({ db }) =>
        db('webhook_messages').where({ user_id: bob.userId }).select('id', 'event'),
      );
      expect(told.map(({ event }: { id: EventId; event: string }) => event)).to.deep.equal(['user.deleted']);
    });

    it('stands in no line of the log', () => {
      // The address from which somebody asks is what a log of requests is for.
      const { ip: _, ...others } = CANARIES;
      const text = node.logged.join('\n').toLowerCase();
      for (const [name, canary] of Object.entries(others))
        expect(text.includes(canary.toLowerCase()), name).to.equal(false);
    });

    it('cannot come in any more, by anything they had', async () => {
      for (const password of [PASSWORD, NEXT]) {
        const login = await send('POST', '/api/v1/auth/login', { body: { email: CANARIES.email, password } });
        expect([login.status, login.body.error]).to.deep.equal([401, 'IDENT_INVALID_CREDENTIALS']);
      }
      expect(await node.house.services.sessions.list(now(), bob.userId)).to.deep.equal([]);
      const user = await node.house.services.users.get(now(), bob.userId);
      expect(user).to.include({ status: 'deactivated', email: `${bob.userId}@erased.invalid`, lastName: null });
    });

    it('leaves a trail that is whole and says what was done, by ids', async () => {
      const verdict = await admin('GET', '/api/v1/audit/verify');
      expect(verdict.body).to.include({ intact: true });
      const trail = await admin('GET', `/api/v1/audit?resource=user:${bob.id}&limit=100`);
      const actions = trail.body.data.map(({ action }: { action: string }) => action);
      expect(actions).to.include.members(['user.created', 'consent.changed', 'user.erased']);
    });

    it('lets nobody be written to, and the address be somebody’s again', async () => {
      const before = (await lettersOf(node, site)).length;
      await inTransaction(now(), (tx) =>
        node.house.services.letters.toUser(tx, bob.userId, 'welcome', { link: { path: '/' } }),
      );
      expect((await lettersOf(node, site)).length).to.equal(before);
      const again = await node.house.services.users.create(now(), { email: CANARIES.email });
      expect(again.id).not.to.equal(bob.userId);
    });
  });
});
