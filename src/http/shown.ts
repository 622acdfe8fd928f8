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

/** What a page may say of the last try. Each has a text in every language (`problem.*`), and no other text is there. */
export const PROBLEM_CODES = [
  'invalid_credentials',
  'rate_limited',
  'busy',
  'password_policy',
  'password_breached',
  'passwords_differ',
  'factor_wrong',
  'identifier_invalid',
  'code_wrong',
  'link_not_opened',
  'wrong_password',
  'email_invalid',
  'name_invalid',
  'email_taken',
  'captcha_failed',
  'sent_code_wrong',
  'sent_just_now',
  'challenge_ended',
  'passkey_refused',
  'passkey_elsewhere',
  'passkey_invalid',
  'passkey_taken',
  'passkey_last',
  'sign_in_expired',
  'current_password_wrong',
  'phone_invalid',
  'phone_not_allowed',
  'username_invalid',
  'username_taken',
  'profile_invalid',
  'factor_name_invalid',
  'factor_mandatory',
  'last_admin',
  'missing_input',
  'user_code_unknown',
  'user_code_expired',
  'user_code_used',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** What went wrong with the last try. */
export type Problem = { code: ProblemCode };

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
