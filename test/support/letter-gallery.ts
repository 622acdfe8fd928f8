import type { Letter, LetterValues, Template } from '../../src/domain/mail/letter.ts';
import { createLetterWriter, type Sender, type WrittenLetter } from '../../src/mail/letter-writer.ts';

const deed = {
  at: '2026-11-24T14:05:00Z',
  ip: '2001:db8:85a3::8a2e:370:7334',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0',
};
const token = 'wN8y3VxkQ2mR7tLcJp0ZsA4hEuBfG6dYiKoXqTnM9v5';
const link = (path: `/${string}`) => ({ path, query: { token } });

/** What each letter could hold in life. A letter without a line here does not compile. */
export const LETTER_VALUES: { readonly [T in Template]: LetterValues[T] } = {
  'password-reset': { link: link('/recovery/confirm'), code: '48213907', minutes: 30 },
  'verify-email': { link: link('/verify-email'), minutes: 1_440 },
  'password-changed': deed,
  welcome: { link: { path: '/' } },
  'account-exists': { link: { path: '/' }, recovery: { path: '/recovery' } },
  'email-change': { link: link('/account/email'), code: '90071234', minutes: 60 },
  'email-changed': { ...deed, address: 'ann.new@example.org' },
  'new-device': deed,
  'factor-added': { ...deed, factor: 'totp' },
  'factor-removed': { ...deed, factor: 'webauthn' },
  'factors-reset': { at: deed.at },
  'passkey-copied': { ...deed, name: 'Blue key <b>' },
  'backup-code-used': { ...deed, left: 2 },
  'backup-codes-renewed': deed,
  'email-code': { purpose: 'sign-in', code: '004217', minutes: 10, ip: deed.ip, userAgent: deed.userAgent },
  'sign-in-attempts': deed,
  'factor-attempts': deed,
  invite: {
    organisation: 'Northwind & Söhne',
    inviter: 'Ben Okri',
    link: link('/invitations/accept'),
    until: '2026-12-01T12:00:00Z',
  },
  'account-deletion': { effectiveAt: '2026-12-24T12:00:00Z', link: link('/account/keep') },
  'account-kept': deed,
  'data-export-ready': { link: link('/account/export'), until: '2026-12-01T12:00:00Z' },
  'webhook-disabled': { url: 'https://hooks.example.org/in/S3CRET?key=S3CRET', at: deed.at },
};

export const TEMPLATES = Object.keys(LETTER_VALUES) as Template[];

export const SENDER: Sender = {
  brand: 'Northwind',
  tokens: {},
  issuer: 'https://id.example/t/northwind',
  locale: 'en',
  timezone: 'Europe/Berlin',
};

const writer = createLetterWriter();

/** A letter in a language, as it would be sent. */
export function writtenLetter(
  template: Template,
  {
    language = 'en',
    name = 'Ann Lindqvist',
    values = LETTER_VALUES[template] as object,
    ...sender
  }: Partial<Sender> & {
    language?: string;
    name?: string;
    values?: object;
  } = {},
): WrittenLetter {
  const to = { name, address: 'ann.lindqvist@example.com' };
  const letter = { template, values, to, languages: [language] } as Letter;
  return writer.write(letter, { ...SENDER, ...sender });
}
