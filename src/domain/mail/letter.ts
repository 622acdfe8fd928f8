import type { OperatorCall } from '../../kernel/call.ts';

/** Where a link of a letter leads: a path below the tenant's issuer. The house writes the rest when it sends the letter. */
export type LetterLink = { path: `/${string}`; query?: Readonly<Record<string, string>> };

/** Where a person looks after their account; the notices lead there. */
export const ACCOUNT_PAGE: LetterLink = { path: '/account' };

/** A link, and the code that works when the link does not, on the browser that asked. */
type Proof = {
  link: LetterLink;
  code?: string | undefined;
  /** How long both are good for. */
  minutes: number;
};

/** Something that was done. `at` is an ISO 8601 instant; `ip` and `userAgent` are where it was asked for, as they came. */
type Deed = { at: string; ip?: string | undefined; userAgent?: string | undefined };

/** What a letter tells of a call that did something. */
export const deedOf = ({ now, origin }: Pick<OperatorCall, 'now' | 'origin'>): Deed => ({
  at: now.toISOString(),
  ip: origin?.ip,
  userAgent: origin?.userAgent,
});

/** A second factor, by its kind. */
type FactorDeed = Deed & { factor: 'totp' | 'webauthn' | 'email' | 'sms' };

/** Every letter there is, and what it needs. Its words stand in `views/mail/texts`, its order in `src/mail/letter-body.ts`. */
export type LetterValues = {
  /** Somebody forgot the password. */
  'password-reset': Proof;
  /** The address of a new account is to be proven. */
  'verify-email': Proof;
  'password-changed': Deed;
  /** An account was made; `link` is where one signs in. */
  welcome: { link: LetterLink };
  /** Somebody tried to register with the address of an account. `recovery`: where a forgotten password is replaced. */
  'account-exists': { link: LetterLink; recovery: LetterLink };
  /** To the new address, which is to be proven before it counts. */
  'email-change': Proof;
  /** To the old address. `address` is the new one, which is shown in part. */
  'email-changed': Deed & { address: string };
  /** A sign-in from a browser or program that the account was not used on before. */
  'new-device': Deed;
  'factor-added': FactorDeed;
  'factor-removed': FactorDeed;
  /** An administrator took all second factors away. */
  'factors-reset': { at: string };
  /** A passkey was refused, since its counter went back: somebody may have copied it. */
  'passkey-copied': Deed & { name?: string | undefined };
  'backup-code-used': Deed & { left: number };
  'backup-codes-renewed': Deed;
  /** A code that is typed: for a sign-in, for a factor that is set up, for a device that is confirmed. */
  'email-code': { purpose: 'sign-in' | 'enrol' | 'device'; code: string; minutes: number } & Omit<Deed, 'at'>;
  /** Passwords were guessed at, and further guesses from there are held. */
  'sign-in-attempts': Deed;
  /** The password was right, and codes of the second factor were guessed at. */
  'factor-attempts': Deed;
  /** `until` is an ISO 8601 instant. `inviter` is a person's name, which is shown when it looks like one. */
  invite: { organisation: string; inviter?: string | undefined; link: LetterLink; until: string };
  /** An account will be gone at `effectiveAt`; `link` is where that is taken back. */
  'account-deletion': { effectiveAt: string; link: LetterLink };
  /** It was taken back. Where somebody else has done it, only `at` is told. */
  'account-kept': Deed;
  'data-export-ready': { link: LetterLink; until: string };
  /** To administrators. `url` is shown without its path and query, which may hold secrets. */
  'webhook-disabled': { url: string; at: string };
};

export type Template = keyof LetterValues;

/** A letter before it is written: who gets it, in which language, and what goes into it. */
export type Letter<T extends Template = Template> = {
  [Each in T]: {
    template: Each;
    values: LetterValues[Each];
    to: { name: string; address: string };
    /** BCP 47 tags, the most wanted first; the tenant's own language comes after them. */
    languages: readonly string[];
    /** The reader's time zone (IANA); the tenant's where it is not known. */
    timezone?: string | undefined;
    /** The issuer at which the person is, where the tenant has several. One that is not the tenant's does not count. */
    base?: string | undefined;
    /** ISO 8601; after this instant the letter is of no use, and is not sent any more. */
    until?: string | undefined;
  };
}[T];

/** What a name may look like in the head of a letter: nothing that a mail program could take for an address or a link. */
export function shownName(...parts: readonly (string | null)[]): string {
  const name = parts.filter((part) => part !== null).join(' ');
  return /^[\p{L}\p{M}][\p{L}\p{M}\p{Nd} ’'-]*$/u.test(name) ? name.trim() : '';
}

/** An address as it is shown to who may not know it: its first letter and its domain. */
export function maskedEmail(address: string): string {
  const at = address.lastIndexOf('@');
  return `${[...address.slice(0, at)][0] ?? ''}•••${address.slice(at)}`;
}
