import { expect } from 'chai';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, auditOf, NOON, rooms } from '../../support/rooms.ts';

describe('an API', () => {
  it('has sane defaults and is found by its identifier, character by character', async () => {
    const call = await aTenant();
    const { apis } = rooms();
    const api = await apis.create(call, { identifier: 'https://api.example', scopes: ['read', 'read', 'write:all'] });

    expect(api).to.deep.include({
      name: 'https://api.example',
      scopes: ['read', 'write:all'],
      accessTokenFormat: 'jwt',
      signingAlg: 'RS256',
      accessTokenSeconds: 900,
    });
    expect((await apis.findByIdentifier(call, 'https://api.example'))?.id).to.equal(api.id);
    expect(await apis.findByIdentifier(call, 'https://api.example/')).to.equal(undefined);
    await expectFailure('api_taken', apis.create(call, { identifier: 'https://api.example' }));
  });

  it('is an absolute URI without a fragment (RFC 8707 §2)', async () => {
    const call = await aTenant();
    for (const identifier of ['urn:example:billing', 'https://api.example/v1?x=1', 'custom+scheme:thing'])
      await rooms().apis.create(call, { identifier });
    for (const identifier of [
      '',
      'api',
      '/api',
      'https://api.example#x',
      'https://api.example/#',
      'https://a b',
      'https://user@api.example',
      'javascript:alert(1)',
      `https://a.example/${'x'.repeat(2_048)}`,
    ]) {
      await expectFailure('invalid_input', rooms().apis.create(call, { identifier }));
    }
  });

  it('has scopes that are scope tokens (RFC 6749 §3.3) and no scope of OpenID Connect', async () => {
    const call = await aTenant();
    for (const scope of ['', 'a b', 'a"b', 'a\\b', 'é', 'a\n', 'openid', 'offline_access', 'email', 'x'.repeat(129)]) {
      await expectFailure(
        'invalid_input',
        rooms().apis.create(call, { identifier: 'https://api.example', scopes: [scope] }),
      );
    }
    await rooms().apis.create(call, { identifier: 'https://api.example', scopes: ['!', 'a:b/c.d', '~'] });
  });

  it('is changed where something changes, and removed once', async () => {
    const call = { ...(await aTenant()), now: new Date(NOON.getTime() + 1000) };
    const { apis } = rooms();
    const { id } = await apis.create(call, { identifier: 'https://api.example', scopes: ['read'] });

    const same = await apis.update({ ...call, now: new Date() }, id, { scopes: ['read'], name: undefined });
    expect(same.updatedAt).to.deep.equal(call.now);
    expect(await apis.update(call, id, { accessTokenFormat: 'opaque' })).to.deep.include({
      accessTokenFormat: 'opaque',
      scopes: ['read'],
    });
    for (const accessTokenSeconds of [59, 86_401, 1.5, Number.NaN])
      await expectFailure('invalid_input', apis.update(call, id, { accessTokenSeconds }));
    await apis.remove(call, id);
    await expectFailure('api_not_found', apis.remove(call, id));
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'api.created', 'api.updated', 'api.removed']);
  });

  it('of another tenant is not there', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const { id } = await rooms().apis.create(call, { identifier: 'https://api.example' });
    await expectFailure('api_not_found', rooms().apis.get(other, id));
    await expectFailure('api_not_found', rooms().apis.update(other, id, { name: 'X' }));
    await expectFailure('api_not_found', rooms().apis.remove(other, id));
    expect(await rooms().apis.list(other)).to.deep.equal([]);
    await rooms().apis.create(other, { identifier: 'https://api.example' });
  });
});
