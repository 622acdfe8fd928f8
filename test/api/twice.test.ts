import { expect } from 'chai';
import pg from 'pg';
import type { Route } from '../../src/api/routes.ts';
import { superuserUrl } from '../support/database.ts';
import { type DoublingProxy, startDoublingProxy } from '../support/doubling-proxy.ts';
import { auditOf } from '../support/rooms.ts';
import { stateOf } from '../support/tenant-rows.ts';
import { type SignedIn, servingV1 } from '../support/v1.ts';
import { everyWrite, makerOf, sendWrite } from '../support/write-requests.ts';

/** What an administrator does; of the rest some is once by its nature (a code, a letter's token, a session). */
const administration = everyWrite.filter(
  ({ operation: { access, idempotent } }) => typeof access === 'object' || idempotent === 'required',
);

describe('a network that sends every write twice and loses answers', function () {
  this.timeout(60_000);
  const { node, signIn } = servingV1();
  let superuser: pg.Client;
  let proxy: DoublingProxy;
  before(async () => {
    superuser = new pg.Client(superuserUrl());
    await superuser.connect();
    proxy = await startDoublingProxy(node().port);
  });
  after(async () => {
    await proxy.stop();
    await superuser.end();
  });

  /** The same person, over that network. */
  const overIt = (owner: SignedIn): SignedIn => ({
    ...owner,
    as: proxy.persistent(`Bearer ${owner.tokens.accessToken}`),
  });

  async function done(owner: SignedIn, route: Route, isLossy = false) {
    const { site } = owner;
    const { status, text } = await sendWrite(owner, route, await makerOf(route).make(owner));
    // Who removes something, and hears nothing, and asks again, is told that it is not there.
    if (!isLossy || status >= 500)
      expect([route.name, status], text).to.deep.equal([route.name, Math.min(status, 299)]);
    return { state: await stateOf(superuser, site.tenantId, site.slug), audit: await auditOf(site.call) };
  }

  for (const route of administration) {
    it(`changes nothing of what ${route.contract.name} ${route.name} does`, async () => {
      const [quiet, twice] = [await done(await signIn(), route), await done(overIt(await signIn()), route, true)];
      expect(twice.state).to.deep.equal(quiet.state);
      expect(twice.audit).to.deep.equal(quiet.audit);
    });
  }

  it('sent every write twice, and lost some answers', function () {
    const { writes, sent, lost } = proxy.counted;
    expect(sent).to.equal(writes * 2);
    expect(lost).to.be.greaterThan(0);
    this.test!.title += ` (${writes} writes, ${lost} answers lost)`;
  });
});
