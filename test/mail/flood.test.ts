import { expect } from 'chai';
import { type ApiAnswer, sender } from '../support/api.ts';
import { inEmptyDatabase } from '../support/empty-database.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode } from '../support/node.ts';
import { settle } from '../support/settle.ts';
import { type Received, smtpSink } from '../support/smtp-sink.ts';

const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

describe('a flood of wishes for letters (CR24)', function () {
  this.timeout(90_000);

  /** What a mail server was given in the end. */
  async function flooded(flood: (node: TestNode, site: Site) => Promise<void>): Promise<Received[]> {
    const sink = await smtpSink();
    await inEmptyDatabase(async (db, database) => {
      const settings = { SMTP_URL: sink.url, RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8' };
      const node = await startNode({ settings, background: true, database });
      await flood(node, await aSite(node));
      for (let left = 1; left > 0; ) {
        const row = await db('outbox').whereNull('delivered_at').whereNull('dead_at').count('* as left').first();
        left = Number(row?.['left']);
      }
      await node.stop();
    });
    await sink.close();
    for (const { to } of sink.letters) expect(to).to.have.lengthOf(1);
    return sink.letters;
  }

  const post = (node: TestNode, path: string, from: string, body: object): Promise<ApiAnswer> =>
    sender(() => node.port)('POST', path, { headers: { 'x-forwarded-for': from }, body });
  const forgotten = (node: TestNode, { slug }: Site, from: string, email: string) =>
    post(node, `/api/v1/auth/password-reset/request?tenant=${slug}`, from, { email });

  async function countOf(wishes: readonly (() => Promise<ApiAnswer>)[]): Promise<Record<number, number>> {
    const count: Record<number, number> = {};
    for (const wish of wishes) {
      const { status } = await wish();
      count[status] = (count[status] ?? 0) + 1;
    }
    return count;
  }

  it('brings three an hour to one address, from wherever they come and however it is spelled', async () => {
    const letters = await flooded(async (node, site) => {
      const { email } = site;
      const spellings = [email, email.toUpperCase(), ` ${email}`, `${email[0]!.toUpperCase()}${email.slice(1)}`];
      const wishes = many(40, (at) => () => forgotten(node, site, `198.51.100.${at}`, spellings[at % 4]!));
      expect(await countOf(wishes)).to.deep.equal({ 202: 3, 429: 37 });
    });
    expect(letters).to.have.lengthOf(3);
  });

  it('brings thirty an hour that one network has wished, to whomever', async () => {
    const letters = await flooded(async (node, site) => {
      const people = many(32, (at) => `person-${at}@${site.slug}.test`);
      const { users } = node.house.services;
      for (const email of people) await users.create(site.call, { email, status: 'active', password: PASSWORD });
      const wishes = people.map((email) => () => forgotten(node, site, '203.0.113.5', email));
      expect(await countOf(wishes)).to.deep.equal({ 202: 30, 429: 2 });
    });
    expect(letters).to.have.lengthOf(30);
  });

  it('brings three of registration, which take nothing from those of recovery', async () => {
    const letters = await flooded(async (node, site) => {
      await settle(node, site, { registration: { selfService: true, captcha: 'off' } });
      const person = { email: site.email, password: PASSWORD, firstName: 'Ann', lastName: 'Lee', tenant: site.slug };
      const wishes = many(10, (at) => () => post(node, '/api/v1/auth/register', `192.0.2.${at}`, person));
      expect(await countOf(wishes)).to.deep.equal({ 201: 3, 429: 7 });
      expect((await forgotten(node, site, '192.0.2.99', site.email)).status).to.equal(202);
    });
    expect(letters).to.have.lengthOf(4);
  });
});
