import {
  ACCOUNT_PAGE,
  type LetterLink,
  type LetterValues,
  maskedEmail,
  shownName,
  type Template,
} from '../domain/mail/letter.ts';
import type { TextValues } from '../http/texts.ts';

/** A piece of a letter, in plain text; the writer makes both parts of it. */
export type Block =
  | { kind: 'text' | 'small'; text: string }
  | { kind: 'button'; text: string; href: string }
  | { kind: 'code'; text: string; code: string }
  | { kind: 'facts'; facts: readonly Fact[] };

type Fact = { name: string; value: string };

export type LetterBody = { subject: string; blocks: readonly (Block | undefined)[] };

/** The reader's language, and what belongs to the tenant. */
export type Words = {
  /** A text; `{brand}` is always known. */
  t(key: string, values?: TextValues): string;
  href(link: LetterLink): string;
  date(iso: string): string;
  /** "30 minutes", "24 hours". */
  span(minutes: number): string;
  /** A browser in words, or undefined where a user agent says nothing. */
  agent(userAgent: string): string | undefined;
};

type Deed = LetterValues['password-changed'];
type Proof = LetterValues['password-reset'];

const say = (w: Words, key: string, values?: TextValues): Block => ({ kind: 'text', text: w.t(key, values) });
const add = (w: Words, key: string, values?: TextValues): Block => ({ kind: 'small', text: w.t(key, values) });
const button = (w: Words, key: string, link: LetterLink): Block => ({
  kind: 'button',
  text: w.t(key),
  href: w.href(link),
});
const code = (w: Words, key: string, digits: string): Block => ({ kind: 'code', text: w.t(key), code: digits });

/** When, on which device and from which address something was done, as far as it is known. */
function circumstances(w: Words, { at, ip, userAgent }: Partial<Deed>, first: readonly Fact[] = []): Block {
  const agent = userAgent === undefined ? undefined : w.agent(userAgent);
  const facts = [
    at === undefined ? undefined : { name: w.t('letter.when'), value: w.date(at) },
    agent === undefined ? undefined : { name: w.t('letter.device'), value: agent },
    ip === undefined ? undefined : { name: w.t('letter.ip'), value: ip },
  ];
  return { kind: 'facts', facts: [...first, ...facts.filter((fact) => fact !== undefined)] };
}

/** A letter that proves an address: `<name>.subject`, `.text` and `.button`. */
function proof(w: Words, name: string, { link, code: digits, minutes }: Proof): LetterBody {
  const span = w.span(minutes);
  return {
    subject: w.t(`${name}.subject`),
    blocks: [
      say(w, `${name}.text`),
      button(w, `${name}.button`, link),
      digits === undefined ? undefined : code(w, 'letter.or_code', digits),
      add(w, digits === undefined ? 'letter.good_link' : 'letter.good_both', { span }),
      add(w, 'letter.not_asked'),
    ],
  };
}

/** A letter that tells what was done: `<name>.subject` and `.text`. It leads to the account. */
function notice(w: Words, name: string, deed: Deed, facts: readonly Fact[] = []): LetterBody {
  return {
    subject: w.t(`${name}.subject`),
    blocks: [
      say(w, `${name}.text`),
      circumstances(w, deed, facts),
      add(w, 'letter.not_you'),
      button(w, 'letter.account', ACCOUNT_PAGE),
    ],
  };
}

/** A letter with one thing to do: `<name>.subject`, `.text` and `.button`. */
function errand(w: Words, name: string, link: LetterLink, values: TextValues = {}, ...more: Block[]): LetterBody {
  return {
    subject: w.t(`${name}.subject`, values),
    blocks: [say(w, `${name}.text`, values), button(w, `${name}.button`, link), ...more],
  };
}

const factorFact = (w: Words, factor: LetterValues['factor-added']['factor']): Fact => ({
  name: w.t('letter.factor'),
  value: w.t(`factor.${factor}`),
});

function invitation(w: Words, { organisation, inviter = '', link, until }: LetterValues['invite']): LetterBody {
  const name = shownName(inviter);
  const letter = errand(w, 'invite', link, { organisation }, add(w, 'letter.good_until', { date: w.date(until) }));
  const [, ...rest] = letter.blocks;
  const text = name === '' ? say(w, 'invite.text', { organisation }) : say(w, 'invite.text_by', { organisation, name });
  return { ...letter, blocks: [text, ...rest, add(w, 'invite.unknown', { organisation })] };
}

/** What stands in each letter, in its order. */
export const BODIES: { readonly [T in Template]: (w: Words, values: LetterValues[T]) => LetterBody } = {
  'password-reset': (w, values) => proof(w, 'password_reset', values),
  'verify-email': (w, values) => proof(w, 'verify_email', values),
  'email-change': (w, values) => proof(w, 'email_change', values),
  'password-changed': (w, values) => notice(w, 'password_changed', values),
  welcome: (w, { link }) => errand(w, 'welcome', link),
  'account-exists': (w, { link, recovery }) =>
    errand(w, 'account_exists', link, {}, button(w, 'password_reset.button', recovery), add(w, 'letter.not_asked')),
  'email-changed': (w, { address, ...deed }) => ({
    subject: w.t('email_changed.subject'),
    blocks: [
      say(w, 'email_changed.text'),
      circumstances(w, deed, [{ name: w.t('email_changed.address'), value: maskedEmail(address) }]),
      add(w, 'email_changed.not_you'),
    ],
  }),
  'new-device': (w, values) => notice(w, 'new_device', values),
  'factor-added': (w, { factor, ...deed }) => notice(w, 'factor_added', deed, [factorFact(w, factor)]),
  'factor-removed': (w, { factor, ...deed }) => notice(w, 'factor_removed', deed, [factorFact(w, factor)]),
  'factors-reset': (w, { at }) => ({
    subject: w.t('factors_reset.subject'),
    blocks: [
      say(w, 'factors_reset.text'),
      circumstances(w, { at }),
      add(w, 'factors_reset.unasked'),
      button(w, 'letter.account', ACCOUNT_PAGE),
    ],
  }),
  'passkey-copied': (w, { name, ...deed }) =>
    notice(w, 'passkey_copied', deed, name === undefined ? [] : [{ name: w.t('factor.webauthn'), value: name }]),
  'backup-code-used': (w, { left, ...deed }) =>
    notice(w, 'backup_code_used', deed, [{ name: w.t('backup_code_used.left'), value: String(left) }]),
  'backup-codes-renewed': (w, values) => notice(w, 'backup_codes_renewed', values),
  'email-code': (w, { purpose, code: digits, minutes, ...deed }) => ({
    subject: w.t('email_code.subject'),
    blocks: [
      code(w, `email_code.${purpose}`, digits),
      add(w, 'letter.good_code', { span: w.span(minutes) }),
      circumstances(w, deed),
      add(w, 'email_code.secret'),
    ],
  }),
  'sign-in-attempts': (w, values) => ({
    subject: w.t('sign_in_attempts.subject'),
    blocks: [
      say(w, 'sign_in_attempts.text'),
      circumstances(w, values),
      add(w, 'sign_in_attempts.advice'),
      button(w, 'letter.account', ACCOUNT_PAGE),
    ],
  }),
  'factor-attempts': (w, values) => notice(w, 'factor_attempts', values),
  invite: invitation,
  'account-deletion': (w, { effectiveAt, link }) =>
    errand(w, 'account_deletion', link, { date: w.date(effectiveAt) }, add(w, 'account_deletion.unasked')),
  'account-kept': (w, values) => ({
    subject: w.t('account_kept.subject'),
    blocks: [
      say(w, 'account_kept.text'),
      circumstances(w, values),
      add(w, 'account_kept.unasked'),
      button(w, 'letter.account', ACCOUNT_PAGE),
    ],
  }),
  'data-export-ready': (w, { link, until }) =>
    errand(w, 'data_export_ready', link, {}, add(w, 'letter.good_until', { date: w.date(until) })),
  'webhook-disabled': (w, { url, at }) => ({
    subject: w.t('webhook_disabled.subject'),
    blocks: [
      say(w, 'webhook_disabled.text'),
      circumstances(w, { at }, [{ name: w.t('webhook_disabled.address'), value: URL.parse(url)?.origin ?? '…' }]),
      add(w, 'webhook_disabled.advice'),
    ],
  }),
};
