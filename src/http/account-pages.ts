import type { PasskeyUse, Problem, ShownAccount } from './shown.ts';

/** The parts of the account, in the order in which they are listed. */
export const ACCOUNT_SECTIONS = [
  'profile',
  'password',
  'security',
  'sessions',
  'applications',
  'privacy',
  'language',
] as const;
export type AccountSection = (typeof ACCOUNT_SECTIONS)[number];

/** What can be said of the last act, and whether it is good news. */
export const ACCOUNT_NOTES = {
  profile_saved: true,
  password_changed: true,
  language_saved: true,
  email_changed: true,
  email_verified: true,
  letter_sent: true,
  session_ended: true,
  others_ended: true,
  application_removed: true,
  device_forgotten: true,
  devices_forgotten: true,
  factor_removed: true,
  factor_renamed: true,
  passkey_added: true,
  authenticator_added: true,
  codes_added: true,
  code_sent: true,
  choices_saved: true,
  erasure_asked: true,
  account_kept: true,
  enrolment_expired: false,
  gone: false,
  turned_back: false,
  factor_limit: false,
  no_proof: false,
} as const;
export type AccountNote = keyof typeof ACCOUNT_NOTES;

/** What stands around every page of the account. */
export type AccountFrame = {
  account: ShownAccount;
  /** Where the pages begin: `/account`, below the issuer's mount. */
  base: string;
  section: AccountSection | 'overview';
  /** IANA name; times are shown in it. */
  timezone: string;
  signOutUrl: string;
  /** What became of the last act: a `self.note.<name>` of the texts. */
  note?: { name: AccountNote; good: boolean } | undefined;
  problem?: Problem | undefined;
};

/** A frame with a form in it, which is sent to the page's own address. */
type Form = AccountFrame & { action: string; csrf: string };

/** Something that a person should look at: a `self.attention.<what>` of the texts. */
export type Attention =
  | { what: 'email_unverified'; email: string }
  | { what: 'no_factor' }
  | { what: 'few_codes'; count: number }
  | { what: 'copied_passkey'; name: string }
  | { what: 'new_device'; userAgent: string; at: Date };

/** A rule of the password policy: a `self.password.rule.<name>` of the texts, and whether the last try broke it. */
export type PasswordRule = { name: string; count: number; unmet: boolean };

/** A place where somebody is signed in, or a browser that is remembered. Times are those of the house. */
export type ShownBrowser = {
  href: string;
  current: boolean;
  userAgent: string;
  ip?: string | undefined;
  begunAt: Date;
  seenAt?: Date | undefined;
  endsAt?: Date | undefined;
  /** Names of applications. */
  clients?: readonly string[] | undefined;
};

type OwnedKind = 'totp' | 'webauthn' | 'email' | 'sms';

export type OwnedFactor = {
  href: string;
  kind: OwnedKind;
  name?: string | undefined;
  /** Where codes go to, in part. */
  sentTo?: string | undefined;
  since: Date;
  usedAt?: Date | undefined;
  /** A copy of the passkey was noticed. */
  flagged: boolean;
};

export type ShownApplication = {
  href: string;
  name: string;
  logoUrl?: string | undefined;
  siteUrl?: string | undefined;
  firstParty: boolean;
  since: Date;
  scopes: readonly string[];
  apis: readonly { name: string; scopes: readonly string[] }[];
};

/** What is asked once before it is done: `self.confirm.<act>.*` of the texts. */
export type ConfirmedAct =
  | 'session'
  | 'other_sessions'
  | 'application'
  | 'device'
  | 'all_devices'
  | 'factor'
  | 'backup_codes';

/** The pages on which people see and change what is theirs. */
export type AccountPages = {
  'account-overview': AccountFrame & {
    attention: readonly Attention[];
    email: string;
    factors: number;
    sessions: number;
    applications: number;
    /** Whether the tenant uses second factors. */
    usesFactors: boolean;
  };
  /** Sends `first_name`, `last_name`, `username` where it may be changed, `phone`, `locale`, `timezone`. */
  'account-profile': Form & {
    email: string;
    emailVerified: boolean;
    firstName: string;
    lastName: string;
    /** Undefined where the person has none to see. */
    username?: string | undefined;
    usernameChangeable: boolean;
    phone: string;
    phoneVerified: boolean;
    /** `''`: as the organisation has it. */
    locale: string;
    locales: readonly { code: string; name: string }[];
    /** `''`: as the organisation has it. */
    zone: string;
    zones: readonly { region: string; zones: readonly { name: string; label: string }[] }[];
    /** The field that was refused, by its name in the form. */
    refused?: string | undefined;
  };
  /** Sends `email`. */
  'account-email': Form & { email: string; typed: string };
  /** Sends `code`; where the present address is proven, also `action`: `send`, `verify`. */
  'account-email-code': (Form & { matter: 'change' }) | (Form & { matter: 'proof'; email: string });
  /** Sends `current_password`, `password`, `password_confirmation`, `end_others` (`1` or absent). */
  'account-password': Form & {
    identifier: string;
    /** Without one there is nothing to change, but one can be chosen where forgotten ones are replaced. */
    hasPassword: boolean;
    recoveryUrl: string;
    minLength: number;
    rules: readonly PasswordRule[];
  };
  'account-security': AccountFrame & {
    factors: readonly OwnedFactor[];
    usesFactors: boolean;
    /** Whether an authenticator application may be set up; `replace`: there is one. */
    authenticator: 'add' | 'replace' | undefined;
    /** Whether a passkey may be added. */
    addsPasskey: boolean;
    /** How codes may be sent that are not sent yet, or not to that address. */
    channels: readonly { channel: 'email' | 'sms'; change: 'add' | 'replace' }[];
    /** What the browser is told of passkeys that are gone, or whose owner has another name. */
    passkey?: PasskeyUse | undefined;
    /** How many backup codes are left; undefined where they are not used. */
    backupCodes?: number | undefined;
    devices: readonly ShownBrowser[];
  };
  /** Sends `action=begin`; with a secret, `code` and `action=enrol`. */
  'account-authenticator': Form & {
    replaces: boolean;
    secret?: string | undefined;
    qrCode?: string | undefined;
  };
  /** Sends `action=send`, with `phone` for text messages; where the code is on its way, also `code` and `action=verify`. */
  'account-sent-code': Form & {
    channel: 'email' | 'sms';
    replaces: boolean;
    /** Of the account or as it was typed; `''`: there is none. */
    address: string;
    sentTo?: string | undefined;
  };
  /** Sends `name`, `passkey` (`RegistrationResponseJSON`) and `action=enrol-passkey`. */
  'account-passkey': Form & { passkey: PasskeyUse; name: string };
  /** Sends `name`. */
  'account-factor-name': Form & { kind: OwnedFactor['kind']; name: string };
  /** The new codes, shown this once; `first`: what they came with. */
  'account-codes': AccountFrame & { codes: readonly string[]; first?: 'app' | 'passkey' | 'codes' | undefined };
  'account-sessions': AccountFrame & { sessions: readonly ShownBrowser[] };
  'account-applications': AccountFrame & { applications: readonly ShownApplication[] };
  /** Sends `action`: `save` with `marketing`, `analytics`, `third_party` (`1` or absent), `keep`, and `copy`. */
  'account-privacy': Form & {
    choices: readonly { type: string; granted: boolean }[];
    /** The latest first. */
    history: readonly { type: string; granted: boolean; at: Date }[];
    /** When the account will be erased, where somebody has asked for that. */
    erasedAt?: Date | undefined;
    eraseUrl: string;
  };
  /** Sends `current_password`, where there is one. */
  'account-erase': Form & { identifier: string; days: number; hasPassword: boolean; backTo: string };
  /** Sends `lang`. */
  'account-language': Form & { languages: readonly { code: string; name: string }[] };
  /** Sends nothing but the button. */
  'account-confirm': Form & {
    act: ConfirmedAct;
    /** What the sentences name. */
    name?: string | undefined;
    factor?: OwnedKind | undefined;
    browser?: ShownBrowser | undefined;
    backTo: string;
  };
};

/** Every one of them; see `EVERY_VIEW`. */
export const EVERY_ACCOUNT_VIEW: Record<keyof AccountPages, true> = {
  'account-overview': true,
  'account-profile': true,
  'account-email': true,
  'account-email-code': true,
  'account-password': true,
  'account-security': true,
  'account-authenticator': true,
  'account-sent-code': true,
  'account-passkey': true,
  'account-factor-name': true,
  'account-codes': true,
  'account-sessions': true,
  'account-applications': true,
  'account-privacy': true,
  'account-erase': true,
  'account-language': true,
  'account-confirm': true,
};
