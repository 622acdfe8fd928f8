import { expect } from 'chai';
import { deliveryIds, sessionIds, userIds } from '../../../src/api/v1/ids.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { PASSWORD, type Site } from '../../support/node.ts';
import { aDelivery, aSession } from '../../support/sessions.ts';
import { servingV1 } from '../../support/v1.ts';

const UA = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

describe('the sessions of a tenant', () => {
  const { signIn, node, stranger } = servingV1();
  const aPerson = async (site: Site, roles: string[] = []) =>
    (
      await node().house.services.users.create(site.call, {
        ...{ email: `${newId()}@example.test`, status: 'active', password: PASSWORD, roles },
      })
    ).id;

  it('are listed, the newest first, of all or of one user', async () => {
    const { as, site } = await signIn();
    const [bob, cid] = [await aPerson(site), await aPerson(site)];
    const ofBob = await aSession(site.call, bob, { clients: ['web'], userAgent: UA, begunAgo: 60 });
    const ofCid = await aSession(site.call, cid);
    await aSession(site.call, null);
    await aSession(site.call, cid, { endsIn: -1 });
    await aSession((await signIn()).site.call, bob);

    const all = await as('GET', '/api/v1/sessions');
    expect(all.status, all.text).to.equal(200);
    expect(all.body).to.include({ page: 1, pageSize: 50, total: 3 });
    expect(
      all.body.data.map(({ id, current }: { id: string; current: boolean }) => [id, current]).slice(0, 2),
    ).to.deep.equal([
      [sessionIds.encode(ofCid), false],
      [sessionIds.encode(ofBob), false],
    ]);
    expect(all.body.data[2].current).to.equal(true);
    const { body } = await as('GET', `/api/v1/sessions?user=${userIds.encode(bob)}&pageSize=1`);
    expect(body).to.include({ page: 1, pageSize: 1, total: 1 });
    expect(body.data[0]).to.include({
      ...{ id: sessionIds.encode(ofBob), userId: userIds.encode(bob), browser: 'Firefox, Linux', ip: '192.0.2.7' },
      ...{ userAgent: UA, device: null },
    });
    expect(body.data[0].clients).to.deep.equal(['web']);
    expect(body.data[0]).to.have.all.keys(
      ...['id', 'current', 'createdAt', 'lastSeenAt', 'expiresAt', 'ip', 'userAgent', 'browser', 'device', 'clients'],
      'userId',
    );
    expect((await as('GET', '/api/v1/sessions?page=0')).status).to.equal(400);
    expect((await as('GET', '/api/v1/sessions?user=nobody')).status).to.equal(400);
  });

  it('are ended by who may, at once, and only those of the tenant', async () => {
    const admin = await signIn();
    const theirs = await signIn(admin.site);
    const id = (await theirs.as('GET', '/api/v1/me/sessions')).body.data.find(
      (session: { current: boolean }) => session.current,
    ).id;
    expect((await (await signIn()).as('DELETE', `/api/v1/sessions/${id}`)).status).to.equal(404);
    expect((await theirs.as('GET', '/api/v1/me')).status).to.equal(200);
    expect((await admin.as('DELETE', `/api/v1/sessions/${id}`)).status).to.equal(204);
    expect((await theirs.as('GET', '/api/v1/me')).status).to.equal(401);
    const again = await admin.as('DELETE', `/api/v1/sessions/${id}`);
    expect([again.status, again.body.error]).to.deep.equal([404, 'IDENT_SESSION_NOT_FOUND']);
    const nobodys = await aSession(admin.site.call, null);
    expect((await admin.as('DELETE', `/api/v1/sessions/${sessionIds.encode(nobodys)}`)).status).to.equal(404);
  });

  it('are nobody’s business who lacks the permission, to read or to end', async () => {
    const { site } = await signIn();
    const [reads, nothing] = [await someoneWith(site, ['AUDITOR']), await someoneWith(site, [])];
    const path = `/api/v1/sessions/${sessionIds.encode(newId())}`;
    const retry = `/api/v1/logout-deliveries/${deliveryIds.encode(await aDelivery(site.call))}/retry`;
    const statuses = async (as: typeof reads) => [
      (await as('GET', '/api/v1/sessions')).status,
      (await as('DELETE', path)).status,
      (await as('GET', '/api/v1/logout-deliveries')).status,
      (await as('POST', retry)).status,
    ];
    expect(await statuses(reads)).to.deep.equal([200, 403, 200, 403]);
    expect(await statuses(nothing)).to.deep.equal([403, 403, 403, 403]);
  });

  async function someoneWith(site: Site, roles: string[]) {
    const email = `${newId()}@example.test`;
    await node().house.services.users.create(site.call, { email, status: 'active', password: PASSWORD, roles });
    const send = stranger();
    const { body } = await send('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });
    return (method: string, path: string) =>
      send(method, path, { headers: { authorization: `Bearer ${body.accessToken}` } });
  }
});

describe('the logouts of a tenant that are on their way', () => {
  const { signIn } = servingV1();

  it('are listed by what became of them, without the token, and tried again', async () => {
    const { as, site } = await signIn();
    const dead = await aDelivery(site.call, { deadAgo: 60, error: 'the application answered 503' });
    await aDelivery(site.call, { deliveredAgo: 60 });

    const { body } = await as('GET', '/api/v1/logout-deliveries?state=dead');
    expect(body).to.include({ total: 1, page: 1 });
    expect(body.data[0]).to.include({
      ...{ id: deliveryIds.encode(dead), state: 'dead', clientId: 'mail', attempts: 1 },
      ...{ lastError: 'the application answered 503', nextAttemptAt: null },
    });
    expect(body.data[0]).to.have.all.keys(
      ...['id', 'state', 'clientId', 'userId', 'attempts', 'lastError', 'createdAt', 'nextAttemptAt', 'endedAt'],
    );
    const retried = await as('POST', `/api/v1/logout-deliveries/${body.data[0].id}/retry`);
    expect([retried.status, retried.body.state]).to.deep.equal([200, 'pending']);
    expect((await as('GET', '/api/v1/logout-deliveries')).body.total).to.equal(2);
    expect((await as('GET', '/api/v1/logout-deliveries?state=lost')).status).to.equal(400);
  });

  it('are not tried again once they have arrived', async () => {
    const { as, site } = await signIn();
    const id = deliveryIds.encode(await aDelivery(site.call, { deliveredAgo: 60 }));
    const { status, body } = await as('POST', `/api/v1/logout-deliveries/${id}/retry`);
    expect([status, body.error]).to.deep.equal([409, 'IDENT_CONFLICT']);
  });
});
