/** Where a link of a letter leads: a path below the tenant's issuer. The house writes the rest when it sends the letter. */
export type LetterLink = { path: `/${string}`; query?: Readonly<Record<string, string>> };

/** A link, and the code that works when the link does not, on the browser that asked. */
type Proof = {
  link: LetterLink;
  code?: string | undefined;
  /** How long both are good for. */
  minutes: number;
};

/** Every letter there is, and what it needs. Its words stand in `views/mail/`. */
export type LetterValues = {
  'password-reset': Proof;
  'verify-email': Proof;
  /** `at` is an ISO 8601 instant; `ip` where the change was asked for. */
  'password-changed': { at: string; ip?: string | undefined };
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
