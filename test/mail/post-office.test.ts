import { expect } from 'chai';
import type { Letter } from '../../src/domain/mail/letter.ts';
import { createLetterService } from '../../src/domain/mail/letter-service.ts';
import type { SettingsChange } from '../../src/domain/tenants/settings.ts';
import { createTenantDirectory } from '../../src/domain/tenants/tenant-directory.ts';
import { createSocketEgress } from '../../src/http/egress-socket.ts';
import { Undeliverable } from '../../src/jobs/outbox.ts';
import { NO_LANE, type OutboxRow } from '../../src/jobs/outbox-store.ts';
import { inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import type { TenantId } from '../../src/kernel/ids.ts';
import { createLetterWriter } from '../../src/mail/letter-writer.ts';
import { createMailSender } from '../../src/mail/mail-sender.ts';
import { type MailServer, readMailUrl } from '../../src/mail/mail-server.ts';
import { createPostOffice, type PostOffice } from '../../src/mail/post-office.ts';
import { aCertificate } from '../support/certificate.ts';
import { pool } from '../support/database.ts';
import { listening } from '../support/listener.ts';
import { aSlug, aTenant, operator, rooms } from '../support/rooms.ts';
import { type Sink, smtpSink } from '../support/smtp-sink.ts';

const { key, cert } = aCertificate('mail.acme.test');

describe('the post office', () => {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
  const keep = <T extends { close(): unknown }>(one: T): T => {
    open.push(one);
    return one;
  };

  function anOffice({
    server,
    allowed = ['127.0.0.0/8'],
    isShown = false,
  }: {
    server?: MailServer | undefined;
    allowed?: string[];
    isShown?: boolean;
  } = {}): PostOffice {
    return keep(
      createPostOffice({
        letters: createLetterService({ keys: rooms().tenantKeys }),
        directory: createTenantDirectory({ tenantKeys: rooms().tenantKeys }),
        writer: createLetterWriter(),
        sender: createMailSender({
          egress: createSocketEgress({ allowedCidrs: allowed, resolve: async () => ['127.0.0.1'] }),
          hostname: 'id.test',
          ca: cert,
          deliveryMs: 2_000,
        }),
        publicUrl: new URL('https://id.test'),
        server,
        from: 'no-reply@id.test',
        isShown,
        callIn: (tenantId) => ({ ...operator(), tenantId }),
      }),
    );
  }

  /** Puts a letter down, and gives its row as the outbox would lease it. */
  async function queued(call: TenantCall, more: Partial<Letter> = {}): Promise<OutboxRow> {
    const letters = createLetterService({ keys: rooms().tenantKeys });
    const letter = {
      ...{ template: 'welcome', values: { link: { path: '/sign-in' } } },
      ...{ to: { name: 'Ann Lee', address: 'Ann@example.com' }, languages: [] },
      ...more,
    } as Letter;
    await inTransaction(call, (tx) => letters.queue(tx, letter));
    const row = await pool()('outbox').where({ tenant_id: call.tenantId }).orderBy('id', 'desc').first();
    const { tenant_id: tenantId, id, kind, payload, created_at: createdAt } = row;
    return { tenantId, id, kind, lane: NO_LANE, payload, attempts: 1, createdAt, since: createdAt, failingSince: null };
  }

  const settle = (call: TenantCall, settings: SettingsChange) => rooms().tenants.updateSettings(call, settings);
  const endOf = (office: PostOffice, row: OutboxRow) =>
    office.deliver(row, new AbortController().signal).then(
      () => 'sent',
      (error: Error) => `${error instanceof Undeliverable ? 'given up' : 'later'}: ${error.message}`,
    );
  const aSink = async (...options: Parameters<typeof smtpSink>): Promise<Sink> => keep(await smtpSink(...options));

  describe('sends by the operator’s server', () => {
    it('in the tenant’s name and from the house’s address, with links below the tenant’s issuer', async () => {
      const [sink, call] = [await aSink(), await aTenant({ name: 'Acme & Söhne' })];
      const row = await queued(call);
      expect(await endOf(anOffice({ server: readMailUrl(sink.url) }), row)).to.equal('sent');
      const [letter] = sink.letters;
      expect(letter).to.deep.include({ from: 'no-reply@id.test', to: ['Ann@example.com'] });
      expect(letter?.subject).to.equal('Welcome to Acme & Söhne');
      expect(letter?.headers.get('message-id')).to.equal(`<${row.id}@id.test>`);
      expect(letter?.text).to.include(`https://id.test/t/${call.tenant.slug}/sign-in`);
    });

    it('in the reader’s language, else the tenant’s; with the look and the name that the tenant chose', async () => {
      const [sink, call] = [await aSink(), await aTenant()];
      await settle(call, {
        locale: 'fr',
        branding: { displayName: 'Nord', primaryColor: '#0f766e' },
        smtp: { fromName: 'Nord Post' },
      });
      const office = anOffice({ server: readMailUrl(sink.url) });
      for (const languages of [[], ['fa'], ['de', 'ar-EG']]) await endOf(office, await queued(call, { languages }));
      expect(sink.letters.map(({ headers }) => headers.get('content-language'))).to.deep.equal(['fr', 'fa', 'ar']);
      expect(sink.letters[0]?.subject).to.equal('Bienvenue chez Nord');
      expect(sink.letters[0]?.html).to.include('#0f766e');
      expect(sink.letters[0]?.headers.get('from')).to.equal('Nord Post <no-reply@id.test>');
    });

    it('with links to the issuer at which the person is, if it is the tenant’s, and to no other', async () => {
      const [sink, call] = [await aSink(), await aTenant()];
      const domain = `${aSlug()}.example`;
      await rooms().tenants.addDomain(call, domain);
      await rooms().tenants.verifyDomain(call, domain);
      const office = anOffice({ server: readMailUrl(sink.url) });
      const linkWith = async (base: string | undefined) => {
        await endOf(office, await queued(call, { base }));
        return /https?:\S+/.exec(sink.letters.at(-1)?.text ?? '')?.[0];
      };
      expect(await linkWith(`https://${domain}`)).to.equal(`https://${domain}/sign-in`);
      const own = `https://id.test/t/${call.tenant.slug}/sign-in`;
      for (const base of [
        undefined,
        'https://evil.example',
        'https://id.test',
        `http://${domain}`,
        'javascript:alert(1)',
      ])
        expect(await linkWith(base), base).to.equal(own);
    });
  });

  describe('sends by a tenant’s own server', () => {
    const TLS = { key, cert, authOptional: false };

    it('with the password that is sealed for it, over TLS, from the tenant’s address', async () => {
      const passwords: (string | undefined)[] = [];
      const [house, sink] = [
        await aSink(),
        await aSink({
          ...TLS,
          onAuth: ({ username, password }, _session, done) => {
            passwords.push(password ?? undefined);
            done(null, { user: username });
          },
        }),
      ];
      const call = await aTenant();
      await settle(call, {
        smtp: {
          host: 'mail.acme.test',
          port: sink.port,
          user: 'acme',
          password: 'S3CRET',
          fromAddress: 'post@acme.test',
        },
      });
      expect(await endOf(anOffice({ server: readMailUrl(house.url) }), await queued(call))).to.equal('sent');
      expect(sink.letters[0]).to.deep.include({ from: 'post@acme.test', secure: true, user: 'acme' });
      expect(sink.letters[0]?.headers.get('message-id')).to.match(/@acme\.test>$/);
      expect(passwords).to.deep.equal(['S3CRET']);
      expect(house.letters).to.deep.equal([]);
    });

    it('that stands in a private network is not even connected to, whatever its name says', async () => {
      const inside = keep(await listening());
      const call = await aTenant();
      for (const host of ['mail.acme.test', '127.0.0.1', 'localhost']) {
        await settle(call, { smtp: { host, port: inside.port, fromAddress: 'post@acme.test' } });
        expect(await endOf(anOffice({ allowed: [] }), await queued(call)), host).to.equal(
          'later: The outbound call was not completed (address).',
        );
      }
      expect(inside.connections()).to.equal(0);
    });

    it('that hangs keeps no other tenant waiting', async () => {
      const [hanging, sink] = [keep(await listening()), await aSink()];
      const [slow, call] = [await aTenant(), await aTenant()];
      await settle(slow, { smtp: { host: 'mail.acme.test', port: hanging.port, fromAddress: 'post@acme.test' } });
      const office = anOffice({ server: readMailUrl(sink.url) });
      const first = endOf(office, await queued(slow));
      expect(await endOf(office, await queued(call))).to.equal('sent');
      expect(await first).to.match(/^later: the letter was not taken/);
    });
  });

  describe('does not send', () => {
    it('what came too late to be of use', async () => {
      const sink = await aSink();
      const row = await queued(await aTenant(), { until: new Date(Date.now() - 1).toISOString() });
      expect(await endOf(anOffice({ server: readMailUrl(sink.url) }), row)).to.match(/^given up: .*too late/);
      expect(sink.letters).to.deep.equal([]);
    });

    it('for a tenant that is suspended, as long as it is; and never for one that is gone', async () => {
      const sink = await aSink();
      const call = await aTenant();
      const row = await queued(call);
      await rooms().tenants.suspend(call);
      expect(await endOf(anOffice({ server: readMailUrl(sink.url) }), row)).to.equal('later: the tenant is suspended');
      const gone = { ...row, tenantId: '00000000-0000-7000-8000-000000000009' as TenantId };
      expect(await endOf(anOffice({ server: readMailUrl(sink.url) }), gone)).to.equal('given up: the tenant is gone');
    });

    it('where there is no server; a development node shows the letter instead', async () => {
      const row = await queued(await aTenant());
      expect(await endOf(anOffice(), row)).to.match(/^later: there is no mail server/);
      expect(await endOf(anOffice({ isShown: true }), row)).to.equal('sent');
    });

    it('to what is not one plain address', async () => {
      const sink = await aSink();
      const office = anOffice({ server: readMailUrl(sink.url) });
      for (const address of ['a@x.test, b@x.test', 'a@x.test\r\nBcc: b@x.test', '"a b"@x.test', '@x.test'])
        expect(await endOf(office, await queued(await aTenant(), { to: { name: '', address } })), address).to.match(
          /^given up: .*not one plain address/,
        );
      expect(sink.connections()).to.equal(0);
    });

    it('what was sealed for another place', async () => {
      const [sink, call, other] = [await aSink(), await aTenant(), await aTenant()];
      const office = anOffice({ server: readMailUrl(sink.url) });
      const row = await queued(call);
      expect(await endOf(office, { ...row, tenantId: other.tenantId })).to.match(/^later/);
      expect(await endOf(office, { ...row, id: (await queued(call)).id })).to.match(/^later/);
      expect(sink.letters).to.deep.equal([]);
    });
  });

  it('shows administrators what has not arrived, and why, of their own tenant', async () => {
    const letters = createLetterService({ keys: rooms().tenantKeys });
    const [call, other] = [await aTenant(), await aTenant()];
    const [arrived, failed, dead] = [await queued(call), await queued(call), await queued(call)];
    await queued(other);
    const row = (id: string) => pool()('outbox').where({ tenant_id: call.tenantId, id });
    await row(arrived.id).update({ delivered_at: new Date() });
    await row(failed.id).update({ attempts: 3, last_error: 'the letter was not taken (ETIMEDOUT)' });
    await row(dead.id).update({ attempts: 1, dead_at: new Date(), last_error: 'refused' });

    const { items, total } = await letters.listUndelivered(call);
    expect(total).to.equal(2);
    expect(items[0]).to.include({ id: dead.id, template: 'welcome', address: 'Ann@example.com', lastError: 'refused' });
    expect(items[0]?.givenUpAt).to.be.instanceOf(Date);
    expect(items[1]).to.include({ id: failed.id, attempts: 3, givenUpAt: undefined });
    expect(JSON.stringify(items)).not.to.include('sealed');
  });
});
