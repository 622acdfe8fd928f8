import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { sender } from '../support/api.ts';
import { inEmptyDatabase } from '../support/empty-database.ts';
import { linksOf, openEveryLink } from '../support/link-robot.ts';
import { listening } from '../support/listener.ts';
import { aSite, fetchAt, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { type Sink, smtpSink } from '../support/smtp-sink.ts';

const NEW_PASSWORD = 'another horse, another battery';

describe('mail', function () {
  this.timeout(60_000);

  /** A node that works in the background, on a database in which no other test has left letters. */
  const withNode = (settings: Record<string, string>, work: (node: TestNode) => Promise<void>): Promise<void> =>
    inEmptyDatabase(async (_db, database) => {
      const node = await startNode({ settings: { RATE_LIMITS: 'false', ...settings }, background: true, database });
      try {
        await work(node);
      } finally {
        await node.stop();
      }
    });

  const login = (node: TestNode, { email }: Site, password = PASSWORD) =>
    sender(() => node.port)('POST', '/api/v1/auth/login', { body: { email, password } });

  describe('by a server that works', () => {
    let sink: Sink;
    beforeEach(async () => {
      sink = await smtpSink();
    });
    afterEach(() => sink.close());

    it('brings a forgotten password back, in the person’s language, after every robot has opened its links', async () => {
      await withNode({ SMTP_URL: sink.url, MAIL_FROM: 'post@id.test' }, async (node) => {
        const site = await aSite(node);
        const { services } = node.house;
        await services.users.updateProfile(site.call, site.user, { locale: 'fa' });
        await services.recovery.request(site.call, { identifier: site.email, base: site.issuer });

        const letter = await sink.letterTo(site.email);
        expect(letter.subject).to.equal('گذرواژهٔ تازه‌ای انتخاب کنید');
        expect([letter.from, letter.to]).to.deep.equal(['post@id.test', [site.email]]);
        const [link] = linksOf(letter).filter((each) => each.startsWith(`${site.issuer}/recovery/confirm?token=`));
        const token = new URL(link!).searchParams.get('token')!;
        const answers = await openEveryLink(node, letter);
        expect(answers.map(({ status }) => status).filter((status) => status >= 500)).to.deep.equal([]);
        expect((await services.recovery.findByLink(site.call, token))?.userId).to.equal(site.user);
        await services.recovery.resetByLink(site.call, { token, password: NEW_PASSWORD });
        expect((await login(node, site, NEW_PASSWORD)).status).to.equal(200);

        const notice = await sink.letterTo(site.email);
        expect(notice.subject).to.equal('گذرواژهٔ شما عوض شد');
        expect(linksOf(notice)).to.deep.equal([`${site.issuer}/account`]);
      });
    });

    it('writes to each account of an address in its tenant’s name, and to nobody about an address that has none', async () => {
      await withNode({ SMTP_URL: sink.url }, async (node) => {
        const [one, two] = [await aSite(node), await aSite(node)];
        const { services, operator } = node.house;
        const { db } = two.call;
        await inTransaction(two.call, ({ db: tx }) =>
          tx('users')
            .where({ tenant_id: two.tenantId, id: two.user })
            .update({ email: one.email, email_canonical: one.email }),
        );
        await services.recovery.request(operator('test'), { identifier: one.email });
        await services.recovery.request(operator('test'), { identifier: 'nobody@example.com' });
        const letters = [await sink.letterTo(one.email), await sink.letterTo(one.email)];
        const issuers = letters.map((letter) => new URL(linksOf(letter)[0]!).pathname.split('/')[2]);
        expect(issuers.sort()).to.deep.equal([one.slug, two.slug].sort());
        await untilDone(db);
        expect(sink.letters).to.have.length(2);
      });
    });

    it('says nothing of its secrets in the log', async () => {
      await withNode({ SMTP_URL: sink.url }, async (node) => {
        const site = await aSite(node);
        await node.house.services.recovery.request(site.call, { identifier: site.email, holder: 'browser' });
        const letter = await sink.letterTo(site.email);
        const token = new URL(linksOf(letter)[0]!).searchParams.get('token')!;
        const [code] = /\b\d{8}\b/.exec(letter.text)!;
        const log = node.logged.join('');
        for (const secret of [token, code!, site.email]) expect(log).not.to.include(secret);
      });
    });
  });

  describe('by a server that does not work', () => {
    it('opens no connection in any request: what a request owes is a row', async () => {
      const hanging = await listening();
      const node = await startNode({ settings: { SMTP_URL: `smtp://127.0.0.1:${hanging.port}` } });
      const site = await aSite(node);
      const { body, status } = await login(node, site);
      expect(status).to.equal(200);
      const changed = await sender(() => node.port)('POST', '/api/v1/me/password', {
        headers: { authorization: `Bearer ${body.accessToken}` },
        body: { currentPassword: PASSWORD, newPassword: NEW_PASSWORD },
      });
      expect(changed.status).to.equal(204);
      await node.house.services.recovery.request(site.call, { identifier: site.email });
      expect(hanging.connections()).to.equal(0);
      await node.stop();
      await hanging.close();
    });

    it('keeps letters until it works again, and lets people sign in meanwhile', async () => {
      const connected = Promise.withResolvers<void>();
      const hanging = await listening(() => connected.resolve());
      await withNode({ SMTP_URL: `smtp://127.0.0.1:${hanging.port}` }, async (node) => {
        const site = await aSite(node);
        await node.house.services.users.setPassword(site.call, site.user, NEW_PASSWORD);
        await connected.promise;
        expect((await login(node, site, NEW_PASSWORD)).status).to.equal(200);
        // What was under way when the node ends is taken up by the next.
        await hanging.close();
        const { letters } = node.house.services;
        const waiting = await letters.listUndelivered(site.call);
        expect(waiting.items.map(({ template, givenUpAt }) => [template, givenUpAt])).to.deep.equal([
          ['password-changed', undefined],
        ]);
      });
    });

    it('shows a letter that it refused to the administrator, and does not send it again', async () => {
      const sink = await smtpSink({ onRcptTo: (_address, _session, done) => done(refusal()) });
      await withNode({ SMTP_URL: sink.url }, async (node) => {
        const site = await aSite(node);
        const { users, letters } = node.house.services;
        await users.setPassword(site.call, site.user, NEW_PASSWORD);
        await untilDone(site.call.db);
        const { items } = await letters.listUndelivered(site.call);
        expect(items[0]).to.include({ template: 'password-changed', attempts: 1, lastError: REFUSED });
        expect(items[0]?.givenUpAt).to.be.instanceOf(Date);
      });
      await sink.close();
    });
  });

  describe('on a development node', () => {
    it('stands at /dev/mail, with links to click, and runs nothing', async () => {
      await withNode({ NODE_ENV: 'development' }, async (node) => {
        const site = await aSite(node);
        const { services } = node.house;
        expect(await textAt(node, '/dev/mail')).to.include('There are none yet');
        await services.recovery.request(site.call, { identifier: site.email });
        await untilDone(site.call.db);

        const list = await textAt(node, '/dev/mail');
        expect(list).to.include('Choose a new password').and.include(site.email).and.include('out');
        const [, path] = /href="(\/dev\/mail\/[0-9a-f-]+)"/.exec(list)!;
        const page = await textAt(node, path!);
        const link = /href="(http[^"]*\/recovery\/confirm[^"]*)"/.exec(page)?.[1];
        const token = new URL(link!).searchParams.get('token')!;
        expect((await services.recovery.findByLink(site.call, token))?.userId).to.equal(site.user);
        expect(page).to.include(`src="${path}/html"`);

        const html = await fetchAt(node)(`${node.url}${path}/html`);
        expect(html.headers.get('content-security-policy')).to.include("default-src 'none'").and.include('sandbox');
        expect(html.headers.get('x-frame-options')).to.equal('SAMEORIGIN');
        expect(await html.text()).to.include(
          `<a target="_blank" rel="noopener" href="${link!.replaceAll('&', '&amp;')}"`,
        );
        expect((await fetchAt(node)(`${node.url}/dev/mail/00000000-0000-7000-8000-000000000000`)).status).to.equal(404);
      });
    });

    it('is shown to the operator’s own networks only, and by no other node', async () => {
      const elsewhere = { NODE_ENV: 'development', INTERNAL_ALLOWED_CIDRS: '10.0.0.0/8' };
      for (const settings of [elsewhere, { NODE_ENV: 'test' }]) {
        const node = await startNode({ settings });
        expect((await fetchAt(node)(`${node.url}/dev/mail`)).status).to.equal(404);
        await node.stop();
      }
    });
  });
});

const REFUSED = 'the letter was refused (EENVELOPE, RCPT TO, 550)';
const refusal = () => Object.assign(new Error('no such user'), { responseCode: 550 });

const textAt = async (node: TestNode, path: string) => (await fetchAt(node)(`${node.url}${path}`)).text();

/** Resolves when the outbox of a database has nothing left that is still tried. */
async function untilDone(db: Site['call']['db']): Promise<void> {
  for (;;) {
    const row = await db('outbox').whereNull('delivered_at').whereNull('dead_at').count('* as left').first();
    if (Number(row?.['left']) === 0) return;
  }
}
