import type { AccountFrame, AccountPages, ShownBrowser } from '../../src/http/account-pages.ts';
import { making } from './factor-samples.ts';

export type SampleOf<V extends keyof AccountPages> = { name: string; view: V; data: AccountPages[V] };

export const frame = (section: AccountFrame['section']): AccountFrame => ({
  account: { name: 'Ann Lindqvist', identifier: 'ann.lindqvist@example.com' },
  base: '/account',
  section,
  timezone: 'Europe/Stockholm',
  signOutUrl: '/oauth/logout?client_id=gatehouse-account',
});
export const form = { action: '/sent', csrf: 'the-csrf-value' };

export const at = (day: number) => new Date(Date.UTC(2026, 10, day, 14, 5));
export const MAC =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15';
export const PHONE =
  'Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36';
const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0';

export const devices: ShownBrowser[] = [
  { href: '/account/security/devices/1', current: true, userAgent: MAC, begunAt: at(2), endsAt: at(30) },
  { href: '/account/security/devices/1', current: false, userAgent: WINDOWS, begunAt: at(1), endsAt: at(29) },
];

const codes = Array.from({ length: 10 }, (_, n) => `7K3F${n}-9QX2M-H04VT`);
/** The pages of second factors, passkeys and remembered browsers. */
export const SECURITY_SAMPLES: readonly (
  | SampleOf<'account-security'>
  | SampleOf<'account-sent-code'>
  | SampleOf<'account-passkey'>
  | SampleOf<'account-factor-name'>
  | SampleOf<'account-authenticator'>
  | SampleOf<'account-codes'>
)[] = [
  {
    name: 'account-security',
    view: 'account-security',
    data: {
      ...frame('security'),
      factors: [
        { href: '/account/security/factors/1', kind: 'totp', since: at(1), usedAt: at(24), flagged: false },
        { href: '/account/security/factors/1', kind: 'webauthn', name: 'Ann’s phone', since: at(3), flagged: false },
        { href: '/account/security/factors/1', kind: 'webauthn', since: at(4), flagged: true },
        { href: '/account/security/factors/1', kind: 'sms', sentTo: '+44•••••58', since: at(5), flagged: false },
      ],
      usesFactors: true,
      authenticator: 'replace',
      addsPasskey: true,
      channels: [
        { channel: 'email', change: 'add' },
        { channel: 'sms', change: 'replace' },
      ],
      passkey: { signals: [{ kind: 'user', rpId: 'localhost', userId: 'dQ', name: 'ann', displayName: 'Ann' }] },
      backupCodes: 7,
      devices,
    },
  },
  {
    name: 'account-security-none',
    view: 'account-security',
    data: {
      ...frame('security'),
      factors: [],
      usesFactors: true,
      authenticator: 'add',
      addsPasskey: true,
      channels: [],
      devices: [],
    },
  },
  {
    name: 'account-security-unused',
    view: 'account-security',
    data: {
      ...frame('security'),
      factors: [],
      usesFactors: false,
      authenticator: undefined,
      addsPasskey: false,
      channels: [],
      devices: [],
    },
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
  {
    name: 'account-sent-code',
    view: 'account-sent-code',
    data: { ...frame('security'), ...form, channel: 'email', replaces: false, address: 'ann.lindqvist@example.com' },
  },
  {
    name: 'account-sent-code-number',
    view: 'account-sent-code',
    data: {
      ...{ ...frame('security'), ...form, channel: 'sms', replaces: true, address: '+1 900 555 0100' },
      problem: { code: 'phone_not_allowed' },
    },
  },
  {
    name: 'account-sent-code-sent',
    view: 'account-sent-code',
    data: {
      ...{ ...frame('security'), ...form, channel: 'sms', replaces: false },
      ...{ address: '+447700900158', sentTo: '+447700900158' },
      problem: { code: 'sent_code_wrong' },
    },
  },
  {
    name: 'account-passkey',
    view: 'account-passkey',
    data: { ...frame('security'), ...form, passkey: making, name: '' },
  },
  {
    name: 'account-passkey-problem',
    view: 'account-passkey',
    data: {
      ...frame('security'),
      ...form,
      passkey: making,
      name: 'My phone',
      problem: { code: 'passkey_taken' },
    },
  },
  {
    name: 'account-factor-name',
    view: 'account-factor-name',
    data: { ...frame('security'), ...form, kind: 'webauthn', name: 'Ann’s phone' },
  },
  { name: 'account-codes', view: 'account-codes', data: { ...frame('security'), codes, first: 'app' } },
];
