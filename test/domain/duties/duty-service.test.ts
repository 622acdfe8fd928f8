import { expect } from 'chai';
import type { SettingsChange } from '../../../src/domain/tenants/settings.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { aHouse, auditOf, endOf, type House, later } from '../recovery/house.ts';
import { asOperator } from '../sign-in/house.ts';
import { statementsOf } from '../sign-in/statements.ts';

const FIRST = { version: '1', documents: { en: { text: 'Be kind.' }, fr: { url: 'https://acme.example/fr' } } };
const SECOND = { version: '2', from: '2026-07-01T00:00:00Z', documents: { en: { text: 'Be very kind.' } } };

describe('duties', () => {
  let house: House;
  before(() => {
    house = aHouse();
  });

  async function person(settings: SettingsChange = {}) {
    const call = await house.aTenant(settings);
    const { id } = await house.aUser(call);
    const rules = (await house.tenants.get(call, call.tenantId)).settings;
    return { call, id, rules };
  }
  const accept = (
    call: TenantCall,
    id: UserId,
    rules: Parameters<House['duties']['of']>[2],
    version: string,
    language = 'en',
  ) => endOf(inTransaction(call, (tx) => house.duties.acceptTerms(tx, id, rules, { version, language })));

  it('cost nothing where a tenant demands none, and one statement where it does', async () => {
    const free = await person({ terms: { versions: [FIRST], required: false } });
    expect(await statementsOf(() => house.duties.of(free.call, free.id, free.rules))).to.deep.equal([]);
    const bound = await person({ terms: { versions: [FIRST] }, signIn: { requireVerifiedEmail: true } });
    expect(await statementsOf(() => house.duties.of(bound.call, bound.id, bound.rules))).to.have.lengthOf(1);
  });

  it('are a proven address, and the terms that are in force', async () => {
    const { call, id, rules } = await person({
      terms: { versions: [FIRST, SECOND] },
      signIn: { requireVerifiedEmail: true },
    });
    const owed = await house.duties.of(call, id, rules);
    expect([owed.verifyEmail?.includes('@'), owed.acceptTerms?.version]).to.deep.equal([true, '1']);
    await house.users.setVerified(call, id, { email: true });
    expect(await accept(call, id, rules, '1')).to.equal('ok');
    expect(await house.duties.of(call, id, rules)).to.deep.equal({ verifyEmail: undefined, acceptTerms: undefined });
    const inJuly = later(call, 60 * 86_400);
    expect((await house.duties.of(inJuly, id, rules)).acceptTerms?.version, 'a new version asks again').to.equal('2');
  });

  it('are kept with version, language, moment and what stood there; once', async () => {
    const { call, id, rules } = await person({ terms: { versions: [FIRST] } });
    const [one, two] = [await accept(call, id, rules, '1', 'fr'), await accept(later(call, 60), id, rules, '1')];
    expect([one, two]).to.deep.equal(['ok', 'ok']);
    expect(await house.duties.listAcceptances(call, id)).to.deep.equal([
      { version: '1', language: 'fr', acceptedAt: call.now },
    ]);
    const [row] = await asOperator(call, 'select * from terms_acceptances where user_id = ?', [id]);
    expect(row.document).to.have.lengthOf(32);
    expect(row.ip).to.equal(call.origin!.ip);
    expect((await auditOf(call)).filter((action) => action === 'terms.accepted')).to.have.lengthOf(1);
  });

  it('are not met by terms that are not in force, or in a language that there is none in', async () => {
    const { call, id, rules } = await person({ terms: { versions: [FIRST, SECOND] } });
    for (const [version, language] of [
      ['2', 'en'],
      ['3', 'en'],
      ['', 'en'],
      ['1', 'fa'],
      ['1', '__proto__'],
      ['1', 'constructor'],
    ])
      expect([version, language, await accept(call, id, rules, version!, language)]).to.deep.equal([
        version,
        language,
        'conflict',
      ]);
    expect((await house.duties.of(call, id, rules)).acceptTerms?.version).to.equal('1');
  });
});
