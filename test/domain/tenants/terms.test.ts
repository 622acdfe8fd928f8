import { expect } from 'chai';
import { documentFor, readTermsVersions, type TermsVersion, termsInForce } from '../../../src/domain/tenants/terms.ts';

const version = (name: string, from?: string): TermsVersion => ({
  version: name,
  ...(from && { from }),
  documents: { en: { text: 'Be kind.' } },
});
const at = (text: string) => new Date(text);

describe('terms of use', () => {
  it('are in force from their instant on, the latest of those that have begun', () => {
    const versions = [
      version('2027', '2027-01-01T00:00:00Z'),
      version('first'),
      version('2026', '2026-01-01T00:00:00Z'),
    ];
    const inForce = (now: string) => termsInForce(versions, at(now))?.version;
    expect(inForce('2025-12-31T23:59:59.999Z')).to.equal('first');
    expect(inForce('2026-01-01T00:00:00Z')).to.equal('2026');
    expect(inForce('2030-01-01T00:00:00Z')).to.equal('2027');
    expect(termsInForce([version('2027', '2027-01-01T00:00:00Z')], at('2026-06-01'))).to.equal(undefined);
    expect(termsInForce([version('a'), version('b')], at('2026-06-01'))?.version, 'the later in the list').to.equal(
      'b',
    );
  });

  it('are shown in a language that the reader knows, else in the first', () => {
    const terms = {
      version: '1',
      documents: { 'fr-CA': { text: 'Soyez gentils.' }, en: { url: 'https://acme.example/terms' } },
    };
    expect(documentFor(terms, ['fa', 'fr'])).to.deep.equal({ language: 'fr-CA', text: 'Soyez gentils.' });
    expect(documentFor(terms, ['en-GB'])).to.deep.equal({ language: 'en', url: 'https://acme.example/terms' });
    expect(documentFor(terms, ['fa']).language).to.equal('fr-CA');
  });

  it('are kept in one form', () => {
    const given = [{ version: '1', from: '2026-11-01T01:00:00+01:00', documents: { 'EN-gb': { text: 'One\nTwo' } } }];
    expect(readTermsVersions(given)).to.deep.equal([
      { version: '1', from: '2026-11-01T00:00:00.000Z', documents: { 'en-GB': { text: 'One\nTwo' } } },
    ]);
  });

  it('are refused when they are not whole, or hold what no page can show', () => {
    const documents = { en: { text: 'x' } };
    const wrong: unknown[] = [
      {},
      'x',
      [{}],
      [{ version: '1' }],
      [{ version: '1', documents: {} }],
      [{ version: '1', documents: [] }],
      [{ version: '', documents }],
      [{ version: 'a b', documents }],
      [{ version: 1, documents }],
      [{ version: '1', from: 'tomorrow', documents }],
      [{ version: '1', documents, more: 1 }],
      [{ version: '1', documents: { en: {} } }],
      [{ version: '1', documents: { en: { text: ' ' } } }],
      [{ version: '1', documents: { en: { text: 'a\u202eb' } } }],
      [{ version: '1', documents: { en: { text: 'a\u0000b' } } }],
      [{ version: '1', documents: { en: { url: 'javascript:alert(1)' } } }],
      [{ version: '1', documents: { en: { url: 'http://acme.example' } } }],
      [{ version: '1', documents: { en: { text: 'x', html: '<b>' } } }],
      [{ version: '1', documents: { 'not a language': { text: 'x' } } }],
      [JSON.parse('{"version":"1","documents":{"__proto__":{"text":"x"}}}')],
      [
        { version: '1', documents },
        { version: '1', documents },
      ],
    ];
    for (const value of wrong) expect([value, readTermsVersions(value)]).to.deep.equal([value, undefined]);
  });
});
