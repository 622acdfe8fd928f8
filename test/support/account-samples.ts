import { timezonesWith } from '../../src/account/timezones.ts';
import type { ShownBrowser } from '../../src/http/account-pages.ts';
import { PRIVACY_SAMPLES } from './account-privacy-samples.ts';
import { at, devices, form, frame, MAC, PHONE, type SampleOf, SECURITY_SAMPLES } from './account-security-samples.ts';

const good = (name: 'profile_saved' | 'session_ended' | 'others_ended') => ({ note: { name, good: true } });

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
        { what: 'copied_passkey', name: 'Ann’s phone' },
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

const letters: (SampleOf<'account-email'> | SampleOf<'account-email-code'>)[] = [
  {
    name: 'account-email',
    view: 'account-email',
    data: { ...frame('profile'), ...form, email: 'ann.lindqvist@example.com', typed: '' },
  },
  {
    name: 'account-email-problem',
    view: 'account-email',
    data: {
      ...frame('profile'),
      ...form,
      email: 'ann.lindqvist@example.com',
      typed: 'ann@nowhere',
      problem: { code: 'email_invalid' },
    },
  },
  {
    name: 'account-email-code',
    view: 'account-email-code',
    data: { ...frame('profile'), ...form, matter: 'change', problem: { code: 'code_wrong' } },
  },
  {
    name: 'account-email-proof',
    view: 'account-email-code',
    data: { ...frame('profile'), ...form, matter: 'proof', email: 'ann.lindqvist@example.com' },
  },
];

const recovery = { recoveryUrl: '/recovery' };
const rule = (name: string, count = 0, unmet = false) => ({ name, count, unmet });
const passwords: SampleOf<'account-password'>[] = [
  {
    name: 'account-password',
    view: 'account-password',
    data: {
      ...frame('password'),
      ...form,
      ...recovery,
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
      ...recovery,
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
  data: { ...frame('password'), ...form, ...recovery, identifier: '', hasPassword: false, minLength: 12, rules: [] },
};

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
export const ACCOUNT_SAMPLES = [
  ...overviews,
  ...profiles,
  ...letters,
  ...passwords,
  none,
  ...SECURITY_SAMPLES,
  ...lists,
  ...PRIVACY_SAMPLES,
  ...questions,
];
