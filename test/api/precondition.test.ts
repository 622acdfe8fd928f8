import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { whileUncommitted } from '../support/race.ts';
import { servingV1 } from '../support/v1.ts';

const ME = '/api/v1/me';

describe('a change under a condition', () => {
  const { node, signIn } = servingV1();
  const change = (firstName: string, tag?: string) => ({
    body: { firstName },
    ...(tag !== undefined && { headers: { 'if-match': tag } }),
  });

  it('is made in the version that was read, and in no other', async () => {
    const { as } = await signIn();
    const read = (await as('GET', ME)).headers.get('etag')!;
    expect(read).to.match(/^"[\w-]{22}"$/);

    const changed = await as('PATCH', ME, change('Anna', read));
    const now = changed.headers.get('etag')!;
    expect([changed.status, now === read]).to.deep.equal([200, false]);
    expect((await as('GET', ME)).headers.get('etag')).to.equal(now);

    const late = await as('PATCH', ME, change('Zoe', read));
    expect([late.status, late.body.error]).to.deep.equal([412, 'IDENT_PRECONDITION_FAILED']);
    expect((await as('GET', ME)).body.firstName).to.equal('Anna');
  });

  it('takes one of several versions, and anything by *', async () => {
    const { as } = await signIn();
    const read = (await as('GET', ME)).headers.get('etag')!;
    for (const tag of [`"other", ${read}`, '*', `W/"weak",\t${(await as('GET', ME)).headers.get('etag')}`])
      expect((await as('PATCH', ME, change('Ann', tag))).status, tag).to.equal(200);
  });

  it('is never met by a weak version, and refused when it is none', async () => {
    const { as } = await signIn();
    const read = (await as('GET', ME)).headers.get('etag')!;
    for (const tag of [`W/${read}`, '"other"', '"*"'])
      expect((await as('PATCH', ME, change('Zoe', tag))).status, tag).to.equal(412);
    for (const tag of ['', read.slice(1, -1), `${read},`, `${read} "x"`, '*, "x"', `"x`]) {
      const { status, body } = await as('PATCH', ME, change('Zoe', tag));
      expect([tag, status, body.details?.[0].field]).to.deep.equal([tag, 400, 'If-Match']);
    }
    expect((await as('GET', ME)).body.firstName).to.equal('Ann');
  });

  it('is not upset by a sign-in', async () => {
    const { as, site } = await signIn();
    const read = (await as('GET', ME)).headers.get('etag')!;
    await node().house.services.users.noteSignIn({ ...site.call, now: new Date(Date.now() + 60_000) }, site.user);
    expect((await as('PATCH', ME, change('Anna', read))).status).to.equal(200);
  });

  it('is judged when the row is held: of two changes of one version, one is made', async () => {
    const { as, site } = await signIn();
    const read = (await as('GET', ME)).headers.get('etag')!;
    const { users } = node().house.services;

    const second = await whileUncommitted(
      node().house.db,
      (hold) =>
        inTransaction(site.call, async (tx) => {
          await users.updateProfile(tx, site.user, { firstName: 'First' });
          await hold();
        }),
      () => as('PATCH', ME, change('Second', read)),
    );

    expect(second.status === 'fulfilled' && second.value.status).to.equal(412);
    expect((await as('GET', ME)).body.firstName).to.equal('First');
  });
});
