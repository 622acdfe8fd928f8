import { expect } from 'chai';
import { pool } from '../support/database.ts';
import { aSite, CALLBACK, type Site, SPA, startNode, type TestNode, WEB, WEB_SECRET } from '../support/node.ts';
import { AS_WEB, aCode, basic, eventually, introspect, post, refresh } from '../support/oauth.ts';

const OTHER = { ...WEB, clientId: 'other' };

describe('authorization codes', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node, { clients: [WEB, OTHER, SPA, { ...WEB, clientId: 'lax', pkceRequired: false }] });
  });
  after(() => node.stop());

  const asOther = basic('other', WEB_SECRET);

  it('live a minute (OA03)', async () => {
    const { redeem } = await aCode(node, site);
    const codes = node.house
      .db('oidc_token')
      .where({ tenant_id: site.tenantId, model: 'AuthorizationCode' })
      .whereNull('consumed_at');
    await codes.update({
      payload: node.house.db.raw(`jsonb_set(payload, '{exp}', to_jsonb(extract(epoch from now())::bigint - 1))`),
    });
    const answer = await redeem();
    expect(answer).to.include({ status: 400 });
    expect(answer.body.error).to.equal('invalid_grant');
  });

  it('are for their own client; another one that tries spends nothing (OA04)', async () => {
    const { redeem } = await aCode(node, site);
    for (let attempt = 0; attempt < 8; attempt++)
      expect((await redeem({}, asOther)).body).to.include({ error: 'invalid_grant' });
    expect((await redeem()).status).to.equal(200);
  });

  it('of one tenant are to another like any unknown one (OA05)', async () => {
    const elsewhere = await aSite(node);
    const { code, redeem } = await aCode(node, site);
    const form = { grant_type: 'authorization_code', redirect_uri: CALLBACK, code_verifier: 'v'.repeat(43) };
    const foreign = await post(node, elsewhere, '/oauth/token', { ...form, code });
    const unknown = await post(node, elsewhere, '/oauth/token', { ...form, code: `ghc_${'x'.repeat(43)}` });
    expect([foreign.status, foreign.text]).to.deep.equal([unknown.status, unknown.text]);
    expect(foreign.body.error).to.equal('invalid_grant');
    expect((await redeem()).status).to.equal(200);
  });

  for (const [what, code_verifier] of [
    ['no verifier', undefined],
    ['a wrong verifier', 'w'.repeat(43)],
    ['42 characters', 'v'.repeat(42)],
    ['129 characters', 'v'.repeat(129)],
    ['characters that none has', `${'v'.repeat(42)}!`],
  ] as const)
    it(`are refused with ${what} (OA08)`, async () => {
      const { redeem } = await aCode(node, site);
      expect((await redeem({ code_verifier })).body.error).to.be.oneOf(['invalid_grant', 'invalid_request']);
      expect((await redeem()).status).to.equal(200);
    });

  it('are spent after five wrong verifiers of their own client (OA08)', async () => {
    const { redeem } = await aCode(node, site);
    for (let guess = 0; guess < 5; guess++)
      expect((await redeem({ code_verifier: `${guess}`.repeat(43) })).status).to.equal(400);
    expect((await redeem()).body).to.include({ error: 'invalid_grant' });
  });

  it('that were asked for without PKCE cannot be redeemed with it (OA09)', async () => {
    const lax = basic('lax', WEB_SECRET);
    const request = { client_id: 'lax', code_challenge: undefined, code_challenge_method: undefined };
    const downgraded = await aCode(node, site, request);
    expect((await downgraded.redeem({}, lax)).body).to.include({ error: 'invalid_grant' });
    const plain = await aCode(node, site, request);
    expect((await plain.redeem({ code_verifier: undefined }, lax)).status).to.equal(200);
  });

  it('need the redirect URI that they were sent to', async () => {
    const { redeem } = await aCode(node, site);
    expect((await redeem({ redirect_uri: undefined })).status).to.equal(400);
    expect((await redeem({ redirect_uri: `${CALLBACK}/` })).status).to.equal(400);
  });

  it('that come twice in one request are refused (OA13)', async () => {
    const { code, verifier } = await aCode(node, site);
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    });
    const twice = await post(node, site, '/oauth/token', `${form}&code=${code}`);
    expect(twice).to.include({ status: 400 });
    expect(twice.body.error).to.equal('invalid_request');
    const inUrl = await post(node, site, `/oauth/token?code=${code}`, form.toString());
    expect(inUrl.status).to.equal(400);
    expect(node.logged.join('')).to.not.include(code);
  });

  it('that are redeemed a second time take down what the first one gave', async () => {
    const { redeem } = await aCode(node, site);
    const { access_token, refresh_token } = (await redeem()).body;
    expect((await introspect(node, site, access_token)).body.active).to.equal(true);
    expect((await redeem()).body).to.include({ error: 'invalid_grant' });
    expect((await introspect(node, site, access_token)).body).to.deep.equal({ active: false });
    expect((await refresh(node, site, refresh_token)).body).to.include({ error: 'invalid_grant' });
  });

  it('redeemed twenty times at one moment succeed once, and nothing of it stays', async () => {
    const wide = await startNode({ publicUrl: node.url, settings: { DATABASE_POOL: '30' } });
    try {
      await openConnections(wide, 20);
      const { redeem } = await aCode(node, site);
      const answers = await inLockStep(20, () => redeem({}, AS_WEB, wide));
      const won = answers.filter(({ status }) => status === 200);
      expect(won).to.have.length(1);
      for (const { status, body } of answers)
        if (status !== 200) expect([status, body.error]).to.deep.equal([400, 'invalid_grant']);
      expect((await introspect(node, site, won[0]!.body.access_token)).body.active).to.equal(false);
      expect((await refresh(node, site, won[0]!.body.refresh_token)).status).to.equal(400);
    } finally {
      await wide.stop();
    }
  });

  async function openConnections({ house }: TestNode, count: number): Promise<void> {
    const open = await Promise.all(Array.from({ length: count }, () => house.db.transaction()));
    await Promise.all(open.map((transaction) => transaction.rollback()));
  }

  /** Holds the rows of open codes, so that all requests have read theirs as unspent before the first can spend it. */
  async function inLockStep<T>(count: number, request: () => Promise<T>): Promise<T[]> {
    const holder = await pool().transaction();
    let pending: Promise<T[]>;
    try {
      await holder.raw(
        `select 1 from oidc_token where tenant_id = ? and model = 'AuthorizationCode' and consumed_at is null for update`,
        [site.tenantId],
      );
      const waiting = async () => {
        const { rows } = await pool().raw(
          `select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        );
        return rows[0].waiting as number;
      };
      pending = Promise.all(Array.from({ length: count }, request));
      await eventually('the requests to wait for the row', async () => (await waiting()) === count);
    } finally {
      await holder.rollback();
    }
    return pending;
  }

  it('of a client that asks without PKCE are not another client’s either', async () => {
    const { redeem } = await aCode(node, site, { client_id: 'lax' });
    expect((await redeem({}, AS_WEB)).body).to.include({ error: 'invalid_grant' });
  });
});
