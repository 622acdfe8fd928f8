import { expect } from 'chai';
import { userIds } from '../src/api/v1/ids.ts';
import { isOrigin, redirectUriProblem } from '../src/domain/clients/redirect-uri.ts';
import { readBackupCode } from '../src/domain/factors/backup-code.ts';
import { asciiDigits } from '../src/domain/factors/code-text.ts';
import { shownName } from '../src/domain/mail/letter.ts';
import { recogniseHash } from '../src/domain/passwords/foreign-hash.ts';
import { readIdentifier } from '../src/domain/sign-in/identifier.ts';
import { checkedProfile, identifierOf } from '../src/domain/users/user.ts';
import { readBrandQuery } from '../src/http/branding.ts';
import { requestIdOf, traceparentOf } from '../src/http/request-id.ts';
import { parseStrictJson } from '../src/http/strict-json.ts';
import { parseUrlEncoded } from '../src/http/url-encoded.ts';
import { describeUserAgent } from '../src/http/user-agent.ts';
import { networkOf, parseAddress } from '../src/kernel/address.ts';
import { canonicalDomain, canonicalEmail, canonicalUsername } from '../src/kernel/canonical.ts';
import { isUuid } from '../src/kernel/ids.ts';
import { likePattern } from '../src/kernel/page.ts';
import {
  canonicalLocale,
  canonicalTimezone,
  isLoopbackHost,
  isPlain,
  isWebUrl,
  plainName,
} from '../src/kernel/text.ts';
import { tenantOfRefreshValue } from '../src/oidc/refresh-value.ts';

/** Everything that reads what a stranger wrote, and is not a parser of a library. */
const READERS: Record<string, (text: string) => unknown> = {
  asciiDigits,
  canonicalDomain,
  canonicalEmail,
  canonicalLocale,
  canonicalTimezone,
  canonicalUsername,
  describeUserAgent,
  identifierOf,
  isLoopbackHost,
  isOrigin,
  isPlain,
  isUuid,
  isWebUrl: (text) => isWebUrl(text, 1e6),
  likePattern,
  networkOf,
  parseAddress,
  parseStrictJson,
  parseUrlEncoded,
  plainName: (text) => plainName(text, 1e6),
  profile: (text) => checkedProfile({ phone: text, username: text, locale: text, timezone: text, firstName: text }),
  readBackupCode,
  readBrandQuery,
  readIdentifier,
  recogniseHash,
  redirectUri: (text) => redirectUriProblem(text, { native: true }),
  requestIdOf,
  shownName,
  tenantOfRefreshValue,
  traceparentOf,
  'usr_ ids': (text) => userIds.schema.safeParse(text),
};

const LONG = 100_000;
/** What makes an expression that can go back try everything: long runs, and the end that does not fit. */
const CORPUS = [
  'a',
  ' ',
  '.',
  '-',
  '@',
  '/',
  '%',
  '$',
  '"',
  '[',
  '{',
  '\\',
  '\u0301',
  '\u0660',
  'aA1-',
  'a.',
  'a@',
  '1,',
  '%41',
  '$2b$',
  '\t ',
].flatMap((piece) => {
  const run = piece.repeat(Math.ceil(LONG / piece.length));
  return [
    run,
    `${run}!`,
    `a@${run}\u0000`,
    `https://${run}@`,
    `+${run}x`,
    `"${run}`,
    `Mozilla/5.0 (${run}`,
    `$argon2id$${run}`,
  ];
});

// A hundred thousand characters in a quadratic expression are minutes: the run's own limit of time is the judge.
describe('what reads a stranger’s text', () => {
  for (const [name, reader] of Object.entries(READERS)) {
    it(`ends soon, whatever is written: ${name} (IN25, DS09)`, () => {
      let answered = 0;
      for (const text of CORPUS) {
        try {
          reader(text);
        } catch (error) {
          expect(error, text.slice(0, 20)).to.be.instanceOf(Error);
        }
        answered += 1;
      }
      expect(answered).to.equal(CORPUS.length);
    });
  }
});
