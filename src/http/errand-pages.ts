/** A form of ours, as in pages.ts. */
type Form = { action: string; csrf: string; problem?: { code: string } | undefined };

/** The sign-in from which somebody came and to which they may go back. */
export type WayBack = {
  url: string;
  /** The application's name. */
  client: string;
};

/** What was sent by letter, and what its link or code is good for. */
export type LetterMatter = 'recovery' | 'registration' | 'verify_email';

/** What keeps robots from a form: a challenge of proof of work, or the widget of a service. */
export type ShownCaptcha = {
  kind: 'altcha' | 'turnstile' | 'hcaptcha';
  challenge?: object | undefined;
  siteKey?: string | undefined;
};

/** Pages of people who are not signed in and do something else than signing in, and those that lead to letters. */
export type ErrandPages = {
  /** A forgotten password. Sends `identifier`. */
  recovery: Form & { identifier: string; back?: WayBack | undefined };
  /**
   * A letter is on its way. Sends `code` and `action`: `verify`, `resend`, and where they are offered `opened` (the link)
   * and `cancel`. `kept` is sent back as it is.
   */
  'letter-sent': Form & {
    matter: LetterMatter;
    /** Whom it went to, as they typed it. */
    to: string;
    kept?: Readonly<Record<string, string>> | undefined;
    /** Whether it was just sent again. */
    again?: boolean | undefined;
    /** Characters of the code. */
    codeChars: number;
    continuable?: boolean | undefined;
    cancellable?: boolean | undefined;
    back?: WayBack | undefined;
  };
  /**
   * A new account. Sends `first_name`, `last_name`, `email`, `password`, `password_confirmation`, and the answer to the
   * CAPTCHA: `captcha`, or the name that its service gives it.
   */
  register: Form & {
    typed: { email: string; firstName: string; lastName: string };
    /** Characters. */
    minLength: number;
    captcha?: ShownCaptcha | undefined;
    back?: WayBack | undefined;
    /** For whoever has an account and no sign-in to go back to. */
    forgotUrl?: string | undefined;
  };
  /**
   * The link of an invite. Sends `token` and `password`; of who is new also `first_name`, `last_name` and
   * `password_confirmation`.
   */
  invite: Form & {
    token: string;
    address: string;
    organisation: string;
    /** Whether the address has an account here, whose password is asked for. */
    hasAccount: boolean;
    typed: { firstName: string; lastName: string };
    /** Characters. */
    minLength: number;
  };
  /** It is done. `back` leads on; without it, the person goes back to where they came from by themselves. */
  done: { what: DoneWhat; back?: WayBack | undefined; signInUrl?: string | undefined };
  /** Terms of use that are to be accepted. Sends `version`, `language` and `action`: `accept`, `cancel`. */
  terms: Form & {
    account: { name: string; identifier: string };
    version: string;
    /** In which they are (BCP 47). */
    language: string;
    url?: string | undefined;
    /** Plain, line by line. */
    text?: string | undefined;
    cancellable?: boolean | undefined;
  };
  /**
   * The link of a letter was opened. Sends `token`, and `password` where it is asked for. `address` is what it proves.
   */
  'confirm-email': Form & {
    matter: Exclude<LetterMatter, 'recovery'> | 'change_email';
    address: string;
    token: string;
    needsPassword?: boolean | undefined;
  };
  /** A link of a letter that is no use any more. */
  'dead-link': { matter: LetterMatter | 'change_email' | 'invite'; againUrl?: string | undefined };
};

export type DoneWhat = 'password' | 'registered' | 'email_verified' | 'email_changed' | 'invited';

export const EVERY_ERRAND_VIEW: Record<keyof ErrandPages, true> = {
  recovery: true,
  register: true,
  invite: true,
  'letter-sent': true,
  done: true,
  terms: true,
  'confirm-email': true,
  'dead-link': true,
};
