/** An application, as a person sees it. Addresses that are not https (http on this machine) are not shown. */
export type ShownClient = {
  name: string;
  logoUrl?: string | undefined;
  siteUrl?: string | undefined;
  policyUrl?: string | undefined;
  termsUrl?: string | undefined;
};

/** A person, as they see themselves. */
export type ShownAccount = {
  /** Their name; their e-mail address or user name when they have none. */
  name: string;
  /** E-mail address or user name. */
  identifier: string;
};

/** What went wrong with the last try. */
export type Problem = {
  /** A failure's code, or any `problem.*` of the texts; one without a text is shown as `internal`. */
  code: string;
};
