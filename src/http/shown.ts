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

/** What a browser is told of its passkeys (WebAuthn Level 3 §5.1.10); binary values in base64url. */
export type PasskeySignal =
  | { kind: 'unknown'; rpId: string; credentialId: string }
  | { kind: 'accepted'; rpId: string; userId: string; allAcceptedCredentialIds: readonly string[] }
  | { kind: 'user'; rpId: string; userId: string; name: string; displayName: string };

/** On a page that has this, passkeys can be used: it comes with the script, and a policy that lets it run (`pageCsp`). */
export type PasskeyUse = {
  /** Of the ceremony, as JSON (WebAuthn Level 3 §5.1.8); absent where the page has no button for one. */
  options?: object | undefined;
  signals?: readonly PasskeySignal[] | undefined;
};
