import { expect } from 'chai';
import { aSite, WEB } from '../../support/node.ts';
import { bearer, introspect, someTokens } from '../../support/oauth.ts';
import { servingV1 } from '../../support/v1.ts';
import { WRITES } from '../../support/writes.ts';

describe('v1: the applications of a person', () => {
  const { node, signIn } = servingV1();

  it('are listed with what they may do, and lose it at once', async () => {
    const site = await aSite(node(), {
      clients: [{ ...WEB, name: 'Harbour Books', clientUri: 'https://books.example' }],
    });
    const { as } = await signIn(site);
    const tokens = await someTokens(node(), site, { scope: 'openid email' });
    const { status, body } = await as('GET', '/api/v1/me/applications');
    expect([status, body.data.length]).to.deep.equal([200, 1]);
    const { since, ...rest } = body.data[0];
    expect(Date.now() - Date.parse(since)).to.be.lessThan(60_000);
    expect(rest).to.deep.equal({
      clientId: 'web',
      name: 'Harbour Books',
      logoUrl: null,
      siteUrl: 'https://books.example',
      firstParty: true,
      scopes: ['openid', 'email'],
      apis: [],
    });

    expect((await as('DELETE', '/api/v1/me/applications/web')).status).to.equal(204);
    expect((await introspect(node(), site, tokens.access_token)).body).to.deep.equal({ active: false });
    const again = await as('DELETE', '/api/v1/me/applications/web');
    expect([again.status, again.body.error]).to.deep.equal([404, 'IDENT_GRANT_NOT_FOUND']);
    expect((await as('GET', '/api/v1/me')).status, 'the person goes on').to.equal(200);
  });

  it('are none of the house’s own, and none of somebody else', async () => {
    const [ann, eve] = [await signIn(), await signIn()];
    await WRITES['v1']!['removeMyApplication']!.make(ann);
    expect((await eve.as('GET', '/api/v1/me/applications')).body.data).to.deep.equal([]);
    for (const id of ['books', 'gatehouse', 'gatehouse-account', '%00', 'books%00'])
      expect((await eve.as('DELETE', `/api/v1/me/applications/${id}`)).status, id).to.equal(404);
    expect((await ann.as('GET', '/api/v1/me/applications')).body.data).to.have.length(1);
    expect((await eve.as('GET', '/api/v1/me/applications', { headers: bearer('none') })).status).to.equal(401);
  });
});

describe('v1: the browsers that are remembered', () => {
  const { signIn } = servingV1();
  const path = '/api/v1/me/remembered-browsers';

  it('are listed and forgotten, one and all', async () => {
    const owner = await signIn();
    const remember = () => WRITES['v1']!['forgetRememberedBrowser']!.make(owner);
    const { params } = await remember();
    await remember();
    await remember();
    const { body } = await owner.as('GET', path);
    expect(body.data).to.have.length(3);
    expect(body.data.map(({ id }: { id: string }) => id)).to.include(params!['id']);
    expect(body.data[0]).to.include({ current: false, userAgent: null });

    expect((await owner.as('DELETE', `${path}/${params!['id']}`)).status).to.equal(204);
    const again = await owner.as('DELETE', `${path}/${params!['id']}`);
    expect([again.status, again.body.error]).to.deep.equal([404, 'IDENT_DEVICE_NOT_FOUND']);
    expect((await owner.as('DELETE', path)).status).to.equal(204);
    expect((await owner.as('GET', path)).body.data).to.deep.equal([]);
    expect((await owner.as('DELETE', path)).status, 'none is no failure').to.equal(204);
  });

  it('of somebody else are not there', async () => {
    const [ann, eve] = [await signIn(), await signIn()];
    const { params } = await WRITES['v1']!['forgetRememberedBrowser']!.make(ann);
    expect((await eve.as('DELETE', `${path}/${params!['id']}`)).status).to.equal(404);
    expect((await ann.as('GET', path)).body.data).to.have.length(1);
  });
});
