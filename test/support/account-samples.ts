import { timezonesWith } from '../../src/account/timezones.ts';
import type { AccountFrame, AccountPages, ShownBrowser } from '../../src/http/account-pages.ts';

type SampleOf<V extends keyof AccountPages> = { name: string; view: V; data: AccountPages[V] };

const frame = (section: AccountFrame['section']): AccountFrame => ({
  account: { name: 'Ann Lindqvist', identifier: 'ann.lindqvist@example.com' },
  base: '/account',
  section,
  timezone: 'Europe/Stockholm',
  signOutUrl: '/oauth/logout?client_id=gatehouse-account',
});
const form = { action: '/sent', csrf: 'the-csrf-value' };
const good = (name: 'profile_saved' | 'session_ended' | 'others_ended') => ({ note: { name, good: true } });

const at = (day: number) => new Date(Date.UTC(2026, 10, day, 14, 5));
const MAC =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15';
const PHONE =
  'Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36';
const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0';

const sessions: ShownBrowser[] = [
  {
    href: '/account/sessions/1',
    current: true,
    userAgent: MAC,
    ip: '192.0.2.7',
    begunAt: at(2),
    seenAt: at(24),
    clients: ['Harbour Books'],
  },
  {
    href: '/account/sessions/1',
    current: false,
    userAgent: PHONE,
    ip: '2001:db8:85a3::8a2e:370:7334',
    begunAt: at(20),
    seenAt: at(23),
    clients: ['Harbour Books', 'Northlight TV'],
  },
  {
    href: '/account/sessions/1',
    current: false,
    userAgent: 'python-requests/2.32',
    begunAt: at(22),
    seenAt: at(22),
    clients: [],
  },
];

const devices: ShownBrowser[] = [
  { href: '/account/security/devices/1', current: true, userAgent: MAC, begunAt: at(2), endsAt: at(30) },
  { href: '/account/security/devices/1', current: false, userAgent: WINDOWS, begunAt: at(1), endsAt: at(29) },
];

const codes = Array.from({ length: 10 }, (_, n) => `7K3F${n}-9QX2M-H04VT`);
const languages = [
  { code: 'en', name: 'English' },
  { code: 'ar', name: 'العربية' },
  { code: 'fa', name: 'فارسی' },
  { code: 'fr', name: 'Français' },
];
const counts = { email: 'ann.lindqvist@example.com', factors: 1, sessions: 3, applications: 2, usesFactors: true };

const profile = {
  ...form,
  email: 'ann.lindqvist@example.com',
  emailVerified: true,
  firstName: 'Ann',
  lastName: 'Lindqvist',
  usernameChangeable: true,
  username: 'ann.l',
  phone: '+46701740605',
  phoneVerified: false,
  locale: 'en',
  locales: languages,
  zone: 'Europe/Stockholm',
  zones: timezonesWith(null),
};

const overviews: SampleOf<'account-overview'>[] = [
  { name: 'account-overview', view: 'account-overview', data: { ...frame('overview'), ...counts, attention: [] } },
  {
    name: 'account-attention',
    view: 'account-overview',
    data: {
      ...frame('overview'),
      ...counts,
      factors: 0,
      attention: [
        { what: 'new_device', userAgent: PHONE, at: at(23) },
        { what: 'email_unverified', email: 'ann.lindqvist@example.com' },
        { what: 'no_factor' },
        { what: 'few_codes', count: 2 },
      ],
    },
  },
];

const profiles: SampleOf<'account-profile'>[] = [
  {
    name: 'account-profile',
    view: 'account-profile',
    data: { ...frame('profile'), ...profile, ...good('profile_saved') },
  },
  {
    name: 'account-profile-problem',
    view: 'account-profile',
    data: {
      ...frame('profile'),
      ...profile,
      emailVerified: false,
      usernameChangeable: false,
      phone: '070 174',
      problem: { code: 'phone_invalid' },
      refused: 'phone',
    },
  },
];

const rule = (name: string, count = 0, unmet = false) => ({ name, count, unmet });
const passwords: SampleOf<'account-password'>[] = [
  {
    name: 'account-password',
    view: 'account-password',
    data: {
      ...frame('password'),
      ...form,
      identifier: 'ann.lindqvist@example.com',
      hasPassword: true,
      minLength: 12,
      rules: [rule('length', 12), rule('common'), rule('context'), rule('reused')],
    },
  },
  {
    name: 'account-password-problem',
    view: 'account-password',
    data: {
      ...frame('password'),
      ...form,
      identifier: 'ann.lindqvist@example.com',
      hasPassword: true,
      minLength: 12,
      problem: { code: 'password_policy' },
      rules: [
        rule('length', 12, true),
        rule('uppercase'),
        rule('lowercase'),
        rule('digit', 0, true),
        rule('special'),
        rule('common', 0, true),
        rule('context'),
        rule('reused', 5),
      ],
    },
  },
];

const none: SampleOf<'account-password'> = {
  name: 'account-password-none',
  view: 'account-password',
  data: { ...frame('password'), ...form, identifier: '', hasPassword: false, minLength: 12, rules: [] },
};

const security: (SampleOf<'account-security'> | SampleOf<'account-authenticator'> | SampleOf<'account-codes'>)[] = [
  {
    name: 'account-security',
    view: 'account-security',
    data: {
      ...frame('security'),
      factors: [
        { href: '/account/security/factors/1', kind: 'totp', since: at(1), usedAt: at(24) },
        { href: '/account/security/factors/1', kind: 'webauthn', name: 'Ann’s phone', since: at(3) },
      ],
      usesFactors: true,
      authenticator: 'replace',
      backupCodes: 7,
      devices,
    },
  },
  {
    name: 'account-security-none',
    view: 'account-security',
    data: { ...frame('security'), factors: [], usesFactors: true, authenticator: 'add', devices: [] },
  },
  {
    name: 'account-security-unused',
    view: 'account-security',
    data: { ...frame('security'), factors: [], usesFactors: false, authenticator: undefined, devices: [] },
  },
  {
    name: 'account-authenticator',
    view: 'account-authenticator',
    data: { ...frame('security'), ...form, replaces: true },
  },
  {
    name: 'account-authenticator-secret',
    view: 'account-authenticator',
    data: {
      ...frame('security'),
      ...form,
      replaces: false,
      secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      qrCode:
        'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=',
      problem: { code: 'factor_wrong' },
    },
  },
  { name: 'account-codes', view: 'account-codes', data: { ...frame('security'), codes, first: true } },
];

const lists: (SampleOf<'account-sessions'> | SampleOf<'account-applications'> | SampleOf<'account-language'>)[] = [
  {
    name: 'account-sessions',
    view: 'account-sessions',
    data: { ...frame('sessions'), ...good('session_ended'), sessions },
  },
  {
    name: 'account-applications',
    view: 'account-applications',
    data: {
      ...frame('applications'),
      applications: [
        {
          href: '/account/applications/books',
          name: 'Harbour Books',
          firstParty: false,
          since: at(2),
          scopes: ['openid', 'profile', 'email', 'offline_access'],
          apis: [{ name: 'Orders', scopes: ['orders:read', 'orders:cancel'] }],
        },
        {
          href: '/account/applications/books',
          name: 'Northwind Intranet',
          firstParty: true,
          since: at(3),
          scopes: ['openid'],
          apis: [],
        },
      ],
    },
  },
  {
    name: 'account-applications-none',
    view: 'account-applications',
    data: { ...frame('applications'), note: { name: 'gone', good: false }, applications: [] },
  },
  { name: 'account-language', view: 'account-language', data: { ...frame('language'), ...form, languages } },
];

const questions: SampleOf<'account-confirm'>[] = [
  {
    name: 'account-confirm-session',
    view: 'account-confirm',
    data: { ...frame('sessions'), ...form, act: 'session', browser: sessions[1], backTo: '/account/sessions' },
  },
  {
    name: 'account-confirm-application',
    view: 'account-confirm',
    data: {
      ...frame('applications'),
      ...form,
      act: 'application',
      name: 'Harbour Books',
      backTo: '/account/applications',
    },
  },
  {
    name: 'account-confirm-factor',
    view: 'account-confirm',
    data: {
      ...frame('security'),
      ...form,
      act: 'factor',
      factor: 'totp',
      problem: { code: 'factor_mandatory' },
      backTo: '/account/security',
    },
  },
  ...(['other_sessions', 'all_devices', 'backup_codes'] as const).map((act) => ({
    name: `account-confirm-${act}`,
    view: 'account-confirm' as const,
    data: { ...frame('sessions'), ...form, act, backTo: '/account' },
  })),
  {
    name: 'account-confirm-device',
    view: 'account-confirm',
    data: { ...frame('security'), ...form, act: 'device', browser: devices[1], backTo: '/account/security' },
  },
];

/** Every page of the account with what it could hold in life. */
export const ACCOUNT_SAMPLES = [...overviews, ...profiles, ...passwords, none, ...security, ...lists, ...questions];
