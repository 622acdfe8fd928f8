import { expect } from 'chai';
import { idOfKey, newKeyText } from '../../../src/domain/api-keys/api-key.ts';
import { type ApiKeyId, newId } from '../../../src/kernel/ids.ts';

/** As docs/api-keys.md tells scanners. */
const PUBLISHED = /\bghk_[0-7][0-9A-HJKMNP-TV-Z]{25}_[0-9A-Za-z]{49}\b/;

describe('the text of an API key', () => {
  it('names its id, and is found by the pattern that scanners are told', () => {
    for (let turn = 0; turn < 100; turn++) {
      const id = newId<ApiKeyId>();
      const text = newKeyText(id);
      expect(idOfKey(text)).to.equal(id);
      expect(PUBLISHED.exec(`key: "${text}",`)?.[0]).to.equal(text);
    }
  });

  it('is another one each time', () => {
    const id = newId<ApiKeyId>();
    expect(new Set(Array.from({ length: 1_000 }, () => newKeyText(id))).size).to.equal(1_000);
  });

  it('is none any more when a letter of it is changed, left out or added', () => {
    const text = newKeyText(newId<ApiKeyId>());
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'A' ? 'B' : 'A';
      expect(idOfKey(text.slice(0, at) + other + text.slice(at + 1)), `letter ${at}`).to.equal(undefined);
      expect(idOfKey(text.slice(0, at) + text.slice(at + 1)), `without letter ${at}`).to.equal(undefined);
    }
    for (const odd of [`${text}\n`, ` ${text}`, `${text}0`, text.toLowerCase(), text.replace('ghk', 'GHK'), ''])
      expect(idOfKey(odd)).to.equal(undefined);
  });
});
