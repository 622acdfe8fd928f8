import { expect } from 'chai';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose';
import pg from 'pg';
import { PUBLISH_AFTER_USE, PUBLISH_BEFORE_USE, ROTATE_AFTER } from '../../src/domain/keys/signing-key.ts';
import { inTransaction } from '../../src/kernel/call.ts';
import { unseal } from '../../src/kernel/secret.ts';
import { superuserUrl } from '../support/database.ts';
import { aSite, fetchAt, type Site, startNode, type TestNode } from '../support/node.ts';
import { ask, someTokens } from '../support/oauth.ts';
import { heard } from '../support/settle.ts';

describe('signing keys', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
  });
  beforeEach(async () => {
    site = await aSite(node);
  });
  after(() => node.stop());

  /** So long after the keys were made, however slow the machine is. */
  const later = (seconds: number) => ({ ...site.call, now: new Date(site.call.now.getTime() + seconds * 1000) });
  const keys = () => node.house.services.signingKeys;
  const jwks = async () => (await ask(node, 'GET', `${site.issuer}/.well-known/jwks.json`)).body as JSONWebKeySet;
  const idToken = async () => (await someTokens(node, site)).id_token;
  const kidOf = (token: string) => decodeProtectedHeader(token).kid;
  const verifyBy = (set: JSONWebKeySet, token: string) =>
    jwtVerify(token, createLocalJWKSet(set), { issuer: site.issuer });
  /** A step of the rotation, of which the node has heard. */
  const turn = async (step: Promise<unknown>) => {
    await step;
    await heard(node);
  };

  it('are published before they sign, and verify after they signed (KY07)', async () => {
    const first = await idToken();
    const before = await jwks();
    await turn(keys().rotate(site.call));
    const announced = await jwks();
    expect(announced.keys).to.have.length(before.keys.length * 2);
    expect(kidOf(await idToken()), 'not yet').to.equal(kidOf(first));

    await turn(keys().advance(later(PUBLISH_BEFORE_USE - 1)));
    expect(kidOf(await idToken()), 'a second too early').to.equal(kidOf(first));
    await turn(keys().advance(later(PUBLISH_BEFORE_USE + 1)));
    const next = await idToken();
    expect(kidOf(next)).to.not.equal(kidOf(first));
    for (const token of [first, next]) for (const set of [announced, await jwks()]) await verifyBy(set, token);
  });

  it('stay published until all they signed is dead, then go (OA58)', async () => {
    const first = await idToken();
    await turn(keys().rotate(site.call));
    await turn(keys().advance(later(PUBLISH_BEFORE_USE + 1)));
    await turn(keys().advance(later(PUBLISH_BEFORE_USE + PUBLISH_AFTER_USE)));
    await verifyBy(await jwks(), first);
    await turn(keys().advance(later(PUBLISH_BEFORE_USE + PUBLISH_AFTER_USE + 2)));
    const outcome = await verifyBy(await jwks(), first).catch((error: { code?: string }) => error.code);
    expect(outcome).to.equal('ERR_JWKS_NO_MATCHING_KEY');
  });

  it('are replaced by themselves, and a verifier that keeps the set for an hour never meets one it cannot find', async () => {
    let fetched = 0;
    const keep = createRemoteJWKSet(new URL(`${site.issuer}/.well-known/jwks.json`), {
      cacheMaxAge: Number.POSITIVE_INFINITY,
      cooldownDuration: Number.POSITIVE_INFINITY,
      [customFetch]: (url: string | URL, init: RequestInit) => {
        fetched += 1;
        return fetchAt(node)(url, init);
      },
    });
    const use = async () => jwtVerify(await idToken(), keep, { issuer: site.issuer });
    await turn(keys().advance(later(ROTATE_AFTER + 1)));
    await use();
    await turn(keys().advance(later(ROTATE_AFTER + PUBLISH_BEFORE_USE + 2)));
    await use();
    expect(fetched).to.equal(1);
  });

  it('can sign no more once they are retired: their private half is gone', async () => {
    await idToken();
    await turn(keys().rotate(site.call));
    await turn(keys().advance(later(PUBLISH_BEFORE_USE + 1)));
    const rows = await inTransaction(site.call, ({ db }) =>
      db('signing_keys').where({ tenant_id: site.tenantId, status: 'retired' }).select('sealed'),
    );
    expect(rows).to.deep.equal([{ sealed: null }, { sealed: null }]);
    expect(
      (await keys().keysOf(site.call)).filter(({ status, privateJwk }) => status === 'retired' && privateJwk),
    ).to.deep.equal([]);
  });

  it('turn once, however many nodes turn them at the same moment (KY06)', async () => {
    await idToken();
    await Promise.all(Array.from({ length: 8 }, () => keys().rotate(site.call)));
    await Promise.all(Array.from({ length: 8 }, () => keys().advance(later(PUBLISH_BEFORE_USE + 1))));
    const count = (await keys().list(site.call)).map(({ alg, status }) => `${alg} ${status}`).sort();
    expect(count).to.deep.equal(['ES256 active', 'ES256 retired', 'RS256 active', 'RS256 retired']);
    await turn(Promise.resolve());
    await verifyBy(await jwks(), await idToken());
  });

  it('that were begun by a node that died are finished by the next (KY06)', async () => {
    await idToken();
    await keys().rotate(site.call);
    const due = { ...node.house.operator('test'), now: new Date(Date.now() + (PUBLISH_BEFORE_USE + 1) * 1000) };
    await keys()
      .advanceDue(due, 1_000)
      // Tenants of other tests have other master keys: one that cannot be opened keeps no other from its turn.
      .catch((error: Error) => expect(error.message).to.match(/^no master key/));
    expect((await keys().list(site.call)).map(({ status }) => status))
      .to.include('retired')
      .and.not.include('next');
  });

  it('that are withdrawn are gone at once, with all they signed (KY15)', async () => {
    const token = await idToken();
    await turn(keys().withdraw(site.call, String(kidOf(token))));
    const set = await jwks();
    expect(set.keys.map(({ kid }) => kid)).to.not.include(kidOf(token));
    expect(await verifyBy(set, token).catch(() => 'refused')).to.equal('refused');
    await verifyBy(set, await idToken());
  });

  it('rest sealed: no private member, no bearer value and no secret stands in the database (KY01)', async () => {
    const { access_token, refresh_token, browser } = await someTokens(node, site);
    const { clientSecret } = await node.house.services.clients.create(site.call, {
      clientId: 'machine',
      kind: 'service',
    });
    const cookie = browser.cookies().find(({ name }) => name === 'ght_session')?.value as string;
    const [key] = await keys().keysOf(site.call);
    const secrets = [
      access_token,
      refresh_token,
      clientSecret,
      cookie,
      key!.privateJwk?.['d'],
      'correct horse',
    ] as string[];
    const dump = await everyRow();
    for (const secret of secrets)
      expect(dump.includes(secret) || dump.includes(Buffer.from(secret).toString('hex'))).to.equal(false);
    expect(dump.includes(site.slug)).to.equal(true);
  });

  async function everyRow(): Promise<string> {
    const admin = new pg.Client(superuserUrl());
    await admin.connect();
    try {
      const { rows: tables } = await admin.query<{ name: string }>(
        `select tablename as name from pg_tables where schemaname = 'public'`,
      );
      const texts: string[] = [];
      for (const { name } of tables)
        texts.push(
          (await admin.query(`select coalesce(string_agg(t::text, E'\\n'), '') as all from ${name} t`)).rows[0].all,
        );
      return texts.join('\n');
    } finally {
      await admin.end();
    }
  }

  it('do not open at another place: moved to another row or tenant they are refused (KY02)', async () => {
    const neighbour = await aSite(node);
    await keys().keysOf(site.call);
    await keys().keysOf(neighbour.call);
    const sealedOf = ({ call, tenantId }: Site) =>
      inTransaction(call, ({ db }) =>
        db('signing_keys').where({ tenant_id: tenantId, alg: 'RS256', status: 'active' }).first('kid', 'sealed'),
      ) as Promise<{ kid: string; sealed: Buffer }>;
    const mine = await sealedOf(site);
    const seal = await node.house.services.tenantKeys.keyFor(site.call, 'seal');
    const open = (place: string, key = seal, sealed = mine.sealed) => unseal(key, place, sealed);
    const place = `${site.tenantId}/signing_keys/sealed/${mine.kid}`;
    expect(JSON.parse(open(place).toString())).to.have.property('d');
    for (const other of [
      `${neighbour.tenantId}/signing_keys/sealed/${mine.kid}`,
      `${site.tenantId}/signing_keys/sealed/other`,
      `${site.tenantId}/oidc_token/sealed/${mine.kid}`,
    ])
      expect(() => open(other)).to.throw();
    const theirs = await node.house.services.tenantKeys.keyFor(neighbour.call, 'seal');
    expect(() => open(place, theirs)).to.throw();
    await inTransaction(site.call, ({ db }) =>
      db('signing_keys')
        .where({ tenant_id: site.tenantId, alg: 'ES256', status: 'active' })
        .update({ sealed: mine.sealed }),
    );
    const outcome = await keys()
      .keysOf(site.call)
      .catch(() => 'refused');
    expect(outcome).to.equal('refused');
  });
});
