import type { Context } from 'koa';
import { type AccountPages, EVERY_ACCOUNT_VIEW } from './account-pages.ts';
import { type ErrandPages, EVERY_ERRAND_VIEW } from './errand-pages.ts';
import type { PasskeyUse, Problem, ShownAccount, ShownClient } from './shown.ts';

export type { PasskeySignal, PasskeyUse, Problem, ShownAccount, ShownClient } from './shown.ts';

/** A form of ours: `action` is its address (it may carry `?lang=`), `csrf` the value of `csrfToken`. */
type Form = { action: string; csrf: string; problem?: Problem | undefined };

/** A form that the OIDC core answers: `formAction` and `xsrf` are those of the form that it hands over. */
type CoreForm = { formAction: string; xsrf: string; problem?: Problem | undefined };

/** How a second factor is shown. */
export type ShownFactor = 'totp' | 'email' | 'sms' | 'backup_code' | 'webauthn';

type OtherPages = AccountPages & ErrandPages;

/** What each view of `views/` needs. Fields and buttons that a form sends stand behind it. */
export type Pages = OtherPages & {
  /**
   * Sends `identifier`, `password`, `remember` (`1` or absent) and `action`: `login`, `cancel`, `provider:<id>`, `passkey`
   * with `passkey` (`AuthenticationResponseJSON`).
   */
  login: Form & {
    client?: ShownClient | undefined;
    /** What was typed, or the `login_hint`; `''` at first. */
    identifier: string;
    remember?: boolean | undefined;
    /** False where there is nobody to go back to. */
    cancellable?: boolean | undefined;
    passkey?: PasskeyUse | undefined;
    providers?: readonly { id: string; name: string; logoUrl?: string | undefined }[] | undefined;
    forgotUrl?: string | undefined;
    registerUrl?: string | undefined;
  };
  /** Sends `action`: `allow`, `deny`. What is listed is what is new; all empty asks for a confirmation. */
  consent: Form & {
    client: ShownClient;
    account: ShownAccount;
    scopes: readonly string[];
    claims: readonly string[];
    apis: readonly { name: string; scopes: readonly { name: string; description?: string | undefined }[] }[];
    /** Host of the redirect URI. */
    redirectHost?: string | undefined;
  };
  /** Sends `action`: `continue`, `switch`. */
  account: Form & { account: ShownAccount; client?: ShownClient | undefined };
  /** Sends `xsrf`, `user_code`: capitals and hyphens as the person typed them. */
  device: CoreForm & { userCode?: string | undefined };
  /** Sends `xsrf`, `user_code`, `confirm=yes` and, from the other button, `abort=yes`. */
  'device-confirm': CoreForm & {
    client: ShownClient;
    /** In the form in which it is sent back to the core. */
    userCode: string;
    /** In the form in which the device shows it. */
    shownCode: string;
    /** Where the device asked from; the user agent as it came. */
    origin: { ip?: string | undefined; userAgent?: string | undefined; at?: Date | undefined };
  };
  'device-done': { client: ShownClient; outcome: 'allowed' | 'denied' };
  /** Sends `xsrf` and `logout=yes` (everything) or no `logout` (only `client`, where there is one). */
  logout: CoreForm & {
    account?: ShownAccount | undefined;
    client?: ShownClient | undefined;
    stayUrl?: string | undefined;
  };
  /** `client` with `stillSignedIn`: only this application was left. */
  'signed-out': {
    client?: ShownClient | undefined;
    stillSignedIn?: boolean | undefined;
    signInUrl?: string | undefined;
  };
  /** `reason` is an `error.<reason>` of the texts: internal, request, client, redirect, forbidden, suspended, rate_limited,
   * registration_closed. */
  error: { reason: string; requestId?: string | undefined; homeUrl?: string | undefined };
  expired: { client?: ShownClient | undefined; restartUrl?: string | undefined };
  /** Sends `password`, `password_confirmation`; and the proof by letter of who has forgotten the old one. */
  'new-password': Form & {
    account: ShownAccount;
    reason: 'expired' | 'reset' | 'required' | 'forgotten';
    proof?: { name: 'token' | 'code'; value: string } | undefined;
    /** Characters. */
    minLength: number;
    cancellable?: boolean | undefined;
  };
  /**
   * Sends `factor`, `code` or `passkey` (`AuthenticationResponseJSON`), `remember_device` (`1` or absent) and `action`:
   * `verify`, `send`, `use:<other>`, `cancel`.
   */
  factor: Form & {
    account: ShownAccount;
    factor: ShownFactor;
    others: readonly ShownFactor[];
    passkey?: PasskeyUse | undefined;
    /** Where a code goes to, in part, and whether one is on its way; for `email` and `sms` only. */
    sending?: { target: string; isSent: boolean } | undefined;
    /** For how long this browser can be remembered; 0: not at all. */
    rememberDays: number;
    cancellable?: boolean | undefined;
  };
  /** Sends `code` and `action`: `enrol`, `cancel`, and what `enrol-passkey` sends. `qrCode` is a `data:image/png`, `secret` the same to type (base 32). */
  'enrol-totp': Form & {
    account: ShownAccount;
    reason: 'required' | 'chosen';
    secret: string;
    qrCode: string;
    passkey?: PasskeyUse | undefined;
    cancellable?: boolean | undefined;
  };
  /** Sends `action`: `skip`, `cancel`, `enrol-passkey` with `passkey` (`RegistrationResponseJSON`). */
  'enrol-passkey': Form & {
    account: ShownAccount;
    reason: 'required' | 'offered';
    passkey: PasskeyUse;
    skippable?: boolean | undefined;
    cancellable?: boolean | undefined;
  };
  /** Sends `action`: `seen`. The codes are shown this once. */
  'backup-codes': Form & { codes: readonly string[] };
  /** What stands at an issuer's own address. */
  home: { accountUrl?: string | undefined; docsUrl?: string | undefined; discoveryUrl?: string | undefined };
  'not-found': { homeUrl?: string | undefined };
  /** `retryUrl`: a GET that may succeed later. */
  busy: { retryUrl?: string | undefined; retryAfterSeconds?: number | undefined };
};

export type View = keyof Pages;

/** Answers with a page of the request's tenant, in the language of the person before it. */
export type Page = <V extends View>(ctx: Context, view: V, data: Pages[V], status?: number) => void;

/** Every view there is. A view without a line here does not compile. */
const EVERY_VIEW: Record<View, true> = {
  ...EVERY_ACCOUNT_VIEW,
  ...EVERY_ERRAND_VIEW,
  login: true,
  consent: true,
  account: true,
  device: true,
  'device-confirm': true,
  'device-done': true,
  logout: true,
  'signed-out': true,
  error: true,
  expired: true,
  'new-password': true,
  factor: true,
  'enrol-totp': true,
  'enrol-passkey': true,
  'backup-codes': true,
  home: true,
  'not-found': true,
  busy: true,
};

export const VIEWS = Object.keys(EVERY_VIEW) as View[];
