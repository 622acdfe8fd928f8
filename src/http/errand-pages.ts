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

/** Pages of people who are not signed in and do something else than signing in, and those that lead to letters. */
export type ErrandPages = {
  /** A forgotten password. Sends `identifier`. */
  recovery: Form & { identifier: string; back?: WayBack | undefined };
  /**
   * A letter is on its way. Sends `code` and `action`: `verify`, `resend`, and where they are offered `continue` (the
   * link was opened) and `cancel`. `kept` is sent back as it is.
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
  /** It is done. `back` leads on; without it, the person goes back to where they came from by themselves. */
  done: { what: DoneWhat; back?: WayBack | undefined; signInUrl?: string | undefined };
  /** A link of a letter that is no use any more. */
  'dead-link': { matter: LetterMatter | 'change_email'; againUrl?: string | undefined };
};

export type DoneWhat = 'password' | 'registered' | 'email_verified' | 'email_changed';

export const EVERY_ERRAND_VIEW: Record<keyof ErrandPages, true> = {
  recovery: true,
  'letter-sent': true,
  done: true,
  'dead-link': true,
};
