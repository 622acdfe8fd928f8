import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import type { ClientDraft } from '../../src/domain/clients/client.ts';
import { answering, listening } from '../support/listener.ts';
import { aSite, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { ask, eventually, introspect, someTokens } from '../support/oauth.ts';
import { startTestDatabase } from '../support/postgres.ts';
import { endProcesses, freePorts, startProcess } from '../support/process.ts';
import { aRelyingParty, type RelyingParty, readLogoutToken } from '../support/relying-party.ts';
import { aDelivery, owedLogouts } from '../support/sessions.ts';

const told = (uri: string, more: Partial<ClientDraft> = {}): ClientDraft => ({
  ...WEB,
  backchannelLogoutUri: uri,
  backchannelLogoutSessionRequired: true,
  ...more,
});

describe('back-channel logout', () => {
  let node: TestNode;
  let party: RelyingParty;
  before(async () => {
    node = await startNode({ background: true });
  });
  beforeEach(async () => {
    party = await aRelyingParty();
  });
  afterEach(() => party.close());
  after(() => node.stop());

  const site = (uri = party.uri, more: Partial<ClientDraft> = {}) => aSite(node, { clients: [told(uri, more)] });
  const outboxOf = (its: Site) =>
    node.house
      .db('outbox')
      .where({ tenant_id: its.tenantId, kind: 'backchannel-logout' })
      .first('id', 'attempts', 'delivered_at', 'last_error');
  const isDelivered = (its: Site) => async () => Boolean((await outboxOf(its))?.delivered_at);
  const endAll = (its: Site) => node.house.services.sessions.endAll(its.call, its.user);
  /** Lets the time pass until the next attempt. */
  const timePasses = async (its: Site) => {
    await node.house
      .db('outbox')
      .where({ tenant_id: its.tenantId })
      .update({ due_at: new Date(0) });
    await node.house
      .db('outbox_lanes')
      .where({ tenant_id: its.tenantId })
      .update({ opens_at: new Date(0) });
    await node.house.db.raw(`select pg_notify('gatehouse', 'outbox:')`);
  };

  it('brings a token that the application can trust: signed, for it alone, of this session', async () => {
    const its = await site();
    const { id_token } = await someTokens(node, its);
    await endAll(its);
    await eventually('the token', isDelivered(its));
    const payload = await readLogoutToken(node, party.tokens[0]!, { issuer: its.issuer, clientId: 'web' });
    const { id } = await outboxOf(its);
    expect(payload).to.include({ jti: id, sub: its.user, sid: decodeJwt(id_token)['sid'] });
    expect(payload['events']).to.deep.equal({ 'http://schemas.openid.net/event/backchannel-logout': {} });
    expect(payload).not.to.have.property('nonce');
    expect((payload.exp as number) - (payload.iat as number)).to.equal(120);
  });

  it('names no session to an application that knows none', async () => {
    const its = await site(party.uri, { backchannelLogoutSessionRequired: false });
    await someTokens(node, its);
    await endAll(its);
    await eventually('the token', isDelivered(its));
    expect(decodeJwt(party.tokens[0]!)).to.include({ sub: its.user }).and.not.have.property('sid');
  });

  it('names a person as the application knows them', async () => {
    const its = await site(party.uri, { subjectType: 'pairwise' });
    const { id_token } = await someTokens(node, its);
    await endAll(its);
    await eventually('the token', isDelivered(its));
    expect(decodeJwt(party.tokens[0]!).sub).to.equal(decodeJwt(id_token).sub).and.not.equal(its.user);
  });

  it('comes from the issuer at which the session was', async () => {
    const its = await site();
    const domain = `${its.slug}.example.test`;
    await node.house.services.tenants.addDomain(its.call, domain);
    await node.house.services.tenants.verifyDomain(its.call, domain);
    const issuer = `http://${domain}:${node.port}`;
    await someTokens(node, { ...its, issuer });
    await endAll(its);
    await eventually('the token', isDelivered(its));
    await readLogoutToken(node, party.tokens[0]!, { issuer, clientId: 'web' });
  });

  it('comes once, after an application that was away is back, with the same id at each attempt', async () => {
    const its = await site();
    await someTokens(node, its);
    party.answers(503);
    await endAll(its);
    for (let attempt = 1; attempt <= 7; attempt++) {
      await eventually(`attempt ${attempt}`, async () => {
        const row = await outboxOf(its);
        return row?.attempts === attempt && row.last_error !== null;
      });
      if (attempt === 7) party.answers(200);
      await node.house.db('outbox').where({ tenant_id: its.tenantId }).update({ last_error: null });
      await timePasses(its);
    }
    await eventually('the token', isDelivered(its));
    await timePasses(its);
    await eventually('nothing to be left', async () => {
      const { rows } = await node.house.db.raw('select from outbox where tenant_id = ? and delivered_at is null', [
        its.tenantId,
      ]);
      return rows.length === 0;
    });
    expect(party.tokens).to.have.length(8);
    expect(new Set(party.tokens.map((token) => decodeJwt(token).jti)).size).to.equal(1);
  });

  const CHANGES: Record<string, (its: Site) => Promise<unknown>> = {
    'was disabled': (its) => node.house.services.clients.disable(its.call, 'web'),
    'was removed': (its) => node.house.services.clients.remove(its.call, 'web'),
  };
  for (const [what, change] of Object.entries(CHANGES))
    it(`reaches an application that ${what}`, async () => {
      const its = await site();
      const { id_token } = await someTokens(node, its);
      await change(its);
      await eventually('the token', isDelivered(its));
      const payload = await readLogoutToken(node, party.tokens[0]!, { issuer: its.issuer, clientId: 'web' });
      expect(payload['sid']).to.equal(decodeJwt(id_token)['sid']);
    });

  it('reaches the applications of a tenant that was suspended', async () => {
    const its = await site();
    await someTokens(node, its);
    await node.house.services.tenants.suspend(its.call);
    await eventually('the token', isDelivered(its));
    expect(decodeJwt(party.tokens[0]!)).to.include({ iss: its.issuer, aud: 'web' });
    await node.house.services.tenants.reactivate(its.call);
    await eventually(
      'the keys',
      async () => (await ask(node, 'GET', `${its.issuer}/.well-known/jwks.json`)).status === 200,
    );
    await readLogoutToken(node, party.tokens[0]!, { issuer: its.issuer, clientId: 'web' });
  });

  it('is given up at once where the application has no address for it any more', async () => {
    const its = await site();
    await someTokens(node, its);
    await node.house.db.transaction(async (db) => {
      await node.house.services.sessions.endAll({ ...its.call, db }, its.user);
      await node.house.services.clients.update({ ...its.call, db }, 'web', { backchannelLogoutUri: null });
    });
    await eventually('the end', async () => Boolean((await outboxOf(its))?.last_error));
    const row = await node.house.db('outbox').where({ tenant_id: its.tenantId }).first('dead_at', 'last_error');
    expect(row.dead_at).to.be.instanceOf(Date);
    expect(row.last_error).to.include('no address');
    expect(party.tokens).to.deep.equal([]);
  });

  it('does not keep the person waiting, though the application never answers (OA53)', async () => {
    party.answers('hang');
    const its = await site();
    const { browser, access_token } = await someTokens(node, its);
    const page = await browser.go(`${its.issuer}/oauth/logout`);
    expect((await browser.submit(page, { logout: 'yes' })).status).to.equal(200);
    expect((await introspect(node, its, access_token)).body).to.deep.equal({ active: false });
    await eventually('the call', () => party.tokens.length > 0);
    expect(await outboxOf(its)).to.include({ delivered_at: null });
  });

  it('is held up by no other application of the tenant that never answers', async () => {
    const silent = await aRelyingParty();
    silent.answers('hang');
    try {
      const clients = [told(silent.uri), told(party.uri, { clientId: 'other' })];
      const its = await aSite(node, { clients });
      for (let row = 0; row < 20; row++) await aDelivery(its.call, { clientId: 'web', dueIn: -60 });
      const other = await aDelivery(its.call, { clientId: 'other', dueIn: 0 });
      await node.house.db.raw(`select pg_notify('gatehouse', 'outbox:')`);
      await eventually('the other’s token', () => party.tokens.length > 0);
      expect(decodeJwt(party.tokens[0]!).jti).to.equal(other);
      expect(silent.tokens.length).to.be.lessThan(2);
    } finally {
      await silent.close();
    }
  });

  it('follows no redirect (OA53)', async () => {
    const elsewhere = await listening((socket) => socket.end());
    const listener = await listening(
      answering(
        `HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${elsewhere.port}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      ),
    );
    const its = await site(`http://127.0.0.1:${listener.port}/logout`);
    try {
      await someTokens(node, its);
      await endAll(its);
      await eventually('a first attempt', async () => Boolean((await outboxOf(its))?.last_error));
      expect(await outboxOf(its)).to.include({ delivered_at: null });
      expect(elsewhere.connections()).to.equal(0);
    } finally {
      await listener.close();
      await elsewhere.close();
    }
  });
});

describe('back-channel logout, when the node is killed in the middle', () => {
  after(endProcesses);

  it('comes from another node, with the same id', async function () {
    this.timeout(60_000);
    const database = await startTestDatabase();
    const party = await aRelyingParty();
    const settings = { GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url') };
    const node = await startNode({ database: database.url, settings });
    try {
      const its = await aSite(node, { clients: [told(party.uri)] });
      await someTokens(node, its);
      party.answers('hang');
      const [port] = await freePorts(1);
      const other = startProcess({
        ...settings,
        ...{ NODE_ENV: 'test', DATABASE_URL: database.url, PORT: String(port), PUBLIC_URL: node.url },
        ...{ EGRESS_ALLOWED_CIDRS: '127.0.0.0/8', ADMIN_PASSWORD: 'seven green bottles on a wall' },
      });
      await node.house.services.sessions.endAll(its.call, its.user);
      await eventually('the call', () => party.tokens.length > 0, 30_000);
      await other.kill();

      party.answers(200);
      // The lease of the dead node ends.
      await node.house.db('outbox').update({ due_at: new Date(0) });
      const heir = await startNode({ database: database.url, settings, publicUrl: node.url, background: true });
      try {
        await eventually('the token', () => party.tokens.length > 1);
      } finally {
        await heir.stop();
      }
      const [owed] = await owedLogouts(its.call);
      expect(party.tokens.map((token) => decodeJwt(token).jti)).to.deep.equal([owed!.id, owed!.id]);
      expect(await node.house.db('outbox').whereNull('delivered_at')).to.deep.equal([]);
    } finally {
      await node.stop();
      await party.close();
      await database.stop();
    }
  });
});
