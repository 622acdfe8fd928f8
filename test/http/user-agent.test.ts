import { expect } from 'chai';
import { describeUserAgent } from '../../src/http/user-agent.ts';

const KNOWN: readonly [string, { browser?: string; system?: string }][] = [
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
    { browser: 'Edge', system: 'Windows' },
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
    { browser: 'Safari', system: 'macOS' },
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1',
    { browser: 'Chrome', system: 'iPhone' },
  ],
  [
    'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
    { browser: 'Chrome', system: 'Android' },
  ],
  ['curl/8.5.0', { browser: 'curl' }],
  ['AppleCoreMedia/1.0 (AppleTV; U; CPU OS 18_0 like Mac OS X)', { system: 'Apple TV' }],
];

describe('a user agent', () => {
  for (const [userAgent, expected] of KNOWN) {
    it(`is told as ${Object.values(expected).join(' on ')}`, () => {
      expect(describeUserAgent(userAgent)).to.deep.equal(expected);
    });
  }

  it('that nobody knows has no name', () => {
    expect(describeUserAgent('')).to.deep.equal({});
    expect(describeUserAgent('Windows95-free speech, call 555')).to.deep.equal({});
    expect(describeUserAgent(`${'x'.repeat(512)} Firefox/1`)).to.deep.equal({});
  });
});
