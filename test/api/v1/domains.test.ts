import { expect } from 'chai';
import { inTransaction } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { aColleague } from '../../support/colleagues.ts';
import { answerTexts, asked } from '../../support/dns-server.ts';
import { fetchAt } from '../../support/node.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aSlug } from '../../support/rooms.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';
import { aClaimBy } from '../../support/writes/tenants.ts';

const pathOf = ({ tokens }: SignedIn) => `/api/v1/tenants/${tokens.user.tenantId}/domains`;

describe('the domains of a tenant over v1', function () {
  this.timeout(30_000);
  const v1 = servingV1();
  const { signIn, operator, node } = v1;
  const claim = (who: SignedIn, domain: string) => who.as('POST', pathOf(who), { body: { domain } });
  const verify = (who: SignedIn, domain: string) => who.as('POST', `${pathOf(who)}/${domain}/verify`);
  const issuerAt = async (domain: string) =>
    (await fetchAt(node())(`http://${domain}:${node().port}/.well-known/openid-configuration`)).status;

  it('are proven by a record in their DNS, and are issuers from then on', async () => {
    const owner = await signIn();
    const { domain, record } = await aClaimBy(owner);
    expect(record).to.include({ type: 'TXT', name: `_gatehouse.${domain}` });
    expect(record.value).to.match(/^gatehouse-verification=[\w-]{28}$/);
    expect((await claim(owner, domain)).body.record, 'the same when it is claimed again').to.deep.equal(record);
    const early = await verify(owner, domain);
    expect([early.status, early.body.error]).to.deep.equal([422, 'IDENT_DOMAIN_UNPROVEN']);
    expect(early.body.details).to.deep.equal([{ field: record.name, message: 'has no such TXT record' }]);
    expect(await issuerAt(domain)).to.equal(421);

    answerTexts(record.name, [['v=spf1 -all'], [record.value.slice(0, 9), record.value.slice(9)]]);
    expect((await verify(owner, domain)).body).to.include({ domain, status: 'verified' });
    expect((await owner.as('GET', pathOf(owner))).body.data).to.have.lengthOf(1);
    while ((await issuerAt(domain)) !== 200);
    // It stays, whatever the DNS says by now.
    answerTexts(record.name, 'SERVFAIL');
    expect((await verify(owner, domain)).body.status).to.equal('verified');
    expect((await claim(owner, domain)).body.status).to.equal('verified');

    expect((await owner.as('DELETE', `${pathOf(owner)}/${domain}`)).status).to.equal(204);
    expect((await owner.as('DELETE', `${pathOf(owner)}/${domain}`)).body.error).to.equal('IDENT_DOMAIN_NOT_FOUND');
    while ((await issuerAt(domain)) === 200);
  });

  it('are not proven by another tenant’s record, part of a record, or one of the domain itself', async () => {
    const [owner, other] = [await signIn(), await signIn()];
    const { domain, record } = await aClaimBy(owner);
    const theirs = (await claim(other, domain)).body.record;
    expect(theirs.value).not.to.equal(record.value);
    answerTexts(domain, [[record.value]]);
    for (const wrong of [theirs.value, record.value.slice(0, -1), `${record.value} `, record.value.toUpperCase(), '']) {
      answerTexts(record.name, [[wrong]]);
      expect([wrong, (await verify(owner, domain)).status]).to.deep.equal([wrong, 422]);
    }
    expect((await verify(owner, `${aSlug()}.example`)).body.error).to.equal('IDENT_DOMAIN_NOT_FOUND');
  });

  it('are the operators’ alone where they are the platform’s: they sign in there', async () => {
    const boss = await operator();
    const helper = await aColleague(v1, boss.site, ['TENANT_ADMIN']);
    const { domain, record } = await aClaimBy(boss);
    answerTexts(record.name, [[record.value]]);
    const tried = [
      await claim(helper, `${aSlug()}.example`),
      await verify(helper, domain),
      await helper.as('DELETE', `${pathOf(helper)}/${domain}`),
    ];
    for (const [at, { status, body }] of tried.entries())
      expect([at, status, body.error]).to.deep.equal([at, 403, 'IDENT_PRIVILEGE_ESCALATION']);
    expect((await boss.as('DELETE', `${pathOf(boss)}/${domain}`)).status).to.equal(204);
  });

  it('are claimed by many, and are one’s who proves them', async () => {
    const [owner, other] = [await signIn(), await signIn()];
    const { domain, record } = await aClaimBy(owner);
    const { record: theirs } = (await claim(other, domain)).body;
    answerTexts(record.name, [[record.value], [theirs.value]]);
    const both = await Promise.all([verify(owner, domain), verify(other, domain)]);
    expect(both.map(({ status }) => status).sort()).to.deep.equal([200, 409]);
    expect(both.find(({ status }) => status === 409)!.body.error).to.equal('IDENT_DOMAIN_DUPLICATE');
    const first = both[0]!.status === 200 ? owner : other;
    const second = first === owner ? other : owner;
    await first.as('DELETE', `${pathOf(first)}/${domain}`);
    expect((await verify(second, domain)).status).to.equal(200);
  });

  it('are one’s also when the other is just being proven', async () => {
    const [owner, other] = [await signIn(), await signIn()];
    const { domain, record } = await aClaimBy(owner);
    await claim(other, domain);
    answerTexts(record.name, [[record.value]]);
    const late = await whileUncommitted(
      node().house.db,
      (hold) =>
        inTransaction(other.site.call, async (tx) => {
          await node().house.services.tenants.verifyDomain(tx, domain);
          await hold();
        }),
      () => verify(owner, domain),
    );
    expect(late.status === 'fulfilled' && late.value.body.error).to.equal('IDENT_DOMAIN_DUPLICATE');
  });

  it('go from a tenant that is deleted to one who can prove them, and not back', async () => {
    const [owner, other, boss] = [await signIn(), await signIn(), await operator()];
    const { domain, record } = await aClaimBy(owner);
    const { record: theirs } = (await claim(other, domain)).body;
    answerTexts(record.name, [[record.value], [theirs.value]]);
    expect((await verify(owner, domain)).status).to.equal(200);
    expect((await verify(other, domain)).status).to.equal(409);
    const tenant = pathOf(owner).replace('/domains', '');
    await boss.as('DELETE', tenant);
    expect((await verify(other, domain)).status).to.equal(200);
    await boss.as('POST', `${tenant}/restore`);
    expect((await boss.as('GET', pathOf(owner))).body.data[0]).to.include({ domain, status: 'pending' });
    expect((await boss.as('POST', `${pathOf(owner)}/${domain}/verify`)).status).to.equal(409);
  });

  it('have one spelling', async () => {
    const owner = await signIn();
    const name = aSlug();
    const { body } = await claim(owner, `Bücher.${name.toUpperCase()}.EXAMPLE.`);
    expect(body.domain).to.equal(`xn--bcher-kva.${name}.example`);
    expect((await claim(owner, `bücher.${name}.example`)).body).to.deep.equal(body);
    answerTexts(body.record.name, [[body.record.value]]);
    expect((await verify(owner, encodeURIComponent(`BÜCHER.${name}.example.`))).body.domain).to.equal(body.domain);
    expect(asked).to.include(`_gatehouse.xn--bcher-kva.${name}.example`);
  });

  it('are none of ours, no address and nothing that never leaves a machine', async () => {
    const owner = await signIn();
    for (const domain of [
      ...['localhost', 'acme.localhost', '127.0.0.1', '192.0.2.1', '0x7f.1', '[::1]', '::1', 'example', 'a..example'],
      ...['*.example.com', 'https://a.example', 'a.example/x', 'a b.example', 'a.example:80', '-a.example', '', '.'],
      ...[`${'x'.repeat(64)}.example`, `${'x.'.repeat(127)}example`, 'a_b.example', 'é\u202e.example'],
    ])
      expect([domain, (await claim(owner, domain)).status]).to.deep.equal([domain, 400]);
    expect((await owner.as('GET', pathOf(owner))).body.data).to.deep.equal([]);
  });

  it('are refused in time, and keep nobody waiting, when the DNS is hostile', async () => {
    const owner = await signIn();
    const [{ domain: silent, record }, { domain: many, record: lots }] = [await aClaimBy(owner), await aClaimBy(owner)];
    answerTexts(record.name, 'silent');
    answerTexts(
      lots.name,
      Array.from({ length: 600 }, (_, at) => [`${'x'.repeat(20)}${at}`]),
    );
    // More than the pool has connections: nobody holds one meanwhile.
    const waiting = Promise.all(Array.from({ length: 12 }, () => verify(owner, silent)));
    expect((await owner.as('GET', '/api/v1/me')).status).to.equal(200);
    expect((await verify(owner, many)).status).to.equal(422);
    for (const { status, body } of await waiting)
      expect([status, body.details[0].message]).to.deep.equal([422, 'was not answered for']);
  });

  it('are another tenant’s as little as one’s that is not there', async () => {
    const [owner, other] = [await signIn(), await signIn()];
    const { domain } = await aClaimBy(other);
    for (const [method, path] of [
      ['GET', pathOf(other)],
      ['POST', `${pathOf(other)}/${domain}/verify`],
      ['DELETE', `${pathOf(other)}/${domain}`],
    ] as const)
      expect((await owner.as(method, path)).body.error).to.equal('IDENT_TENANT_NOT_FOUND');
    expect((await owner.as('POST', pathOf(other), { body: { domain: `${newId()}.example` } })).status).to.equal(404);
    expect((await other.as('GET', pathOf(other))).body.data).to.have.lengthOf(1);
  });
});
