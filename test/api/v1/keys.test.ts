import { expect } from 'chai';
import { PUBLISH_BEFORE_USE } from '../../../src/domain/keys/signing-key.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { aColleague } from '../../support/colleagues.ts';
import { auditOf } from '../../support/rooms.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

type Key = { kid: string; alg: string; status: string; createdAt: string; retiresAt: string | null };

describe('signing keys over v1', () => {
  const v1 = servingV1();
  const { signIn } = v1;
  const keysOf = async ({ as }: SignedIn): Promise<Key[]> => (await as('GET', '/api/v1/keys')).body.data;
  const published = async ({ site }: SignedIn): Promise<string[]> => {
    const { keys } = (await (await fetch(`${site.issuer}/.well-known/jwks.json`)).json()) as {
      keys: { kid: string }[];
    };
    return keys.map(({ kid }) => kid).sort();
  };

  it('are shown without anything that is private', async () => {
    const { as } = await signIn();
    const { body, text } = await as('GET', '/api/v1/keys');
    expect(body.data.map(({ alg, status }: Key) => `${alg} ${status}`).sort()).to.deep.equal([
      'ES256 active',
      'RS256 active',
    ]);
    for (const key of body.data)
      expect(Object.keys(key)).to.have.members([
        'kid',
        'alg',
        'use',
        'status',
        'createdAt',
        'retiresAt',
        'publishedUntil',
      ]);
    expect(text).not.to.match(/"(d|p|q|sealed|privateJwk)"/);
  });

  it('are published before they sign, and after', async () => {
    const owner = await signIn();
    const before = await keysOf(owner);
    const rotated = await owner.as('POST', '/api/v1/keys/rotate');
    expect(rotated.status, rotated.text).to.equal(200);
    const next: Key[] = rotated.body.data.filter(({ status }: Key) => status === 'next');
    expect(next.map(({ alg }) => alg).sort()).to.deep.equal(['ES256', 'RS256']);
    for (const { alg, createdAt } of next) {
      const active = rotated.body.data.find((key: Key) => key.alg === alg && key.status === 'active');
      expect(Date.parse(active.retiresAt) - Date.parse(createdAt)).to.equal(PUBLISH_BEFORE_USE * 1000);
      expect(before.map(({ kid }) => kid)).to.include(active.kid);
    }
    expect(await published(owner)).to.deep.equal((await keysOf(owner)).map(({ kid }) => kid).sort());
    expect((await owner.as('GET', '/api/v1/me')).status).to.equal(200);

    const { services } = owner.house;
    const now = new Date(Date.now() + (PUBLISH_BEFORE_USE + 1) * 1000);
    await services.signingKeys.advance({ ...owner.site.call, now });
    const states = (await keysOf(owner)).map(({ kid, status }) => `${kid} ${status}`);
    expect(states).to.have.members([
      ...next.map(({ kid }) => `${kid} active`),
      ...before.map(({ kid }) => `${kid} retired`),
    ]);
    expect((await owner.as('GET', '/api/v1/me')).status, 'what an old key signed').to.equal(200);
  });

  it('are replaced once, however often and however much at once that is asked', async () => {
    const owner = await signIn();
    await keysOf(owner);
    const rotate = (key?: string) =>
      owner.as('POST', '/api/v1/keys/rotate', key === undefined ? {} : { headers: { 'idempotency-key': key } });
    const answers = await Promise.all([rotate(), rotate(), rotate('k'), rotate('k'), rotate(newId())]);
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200, 200]);
    expect(await keysOf(owner)).to.have.lengthOf(4);
    expect((await auditOf(owner.site.call)).filter((action) => action === 'signing_key.published')).to.have.lengthOf(2);
  });

  it('are for administrators', async () => {
    const owner = await signIn();
    const auditor = await aColleague(v1, owner.site, ['AUDITOR', 'USER_ADMIN']);
    expect((await auditor.as('GET', '/api/v1/keys')).status).to.equal(403);
    expect((await auditor.as('POST', '/api/v1/keys/rotate')).status).to.equal(403);
  });
});
