import type { Sample } from './page-gallery.ts';

export const account = { name: 'Ann Lindqvist', identifier: 'ann.lindqvist@example.com' };
export const form = { action: '/sent', csrf: 'the-csrf-value' };

/** What a QR code is to the layout: a square picture. */
const QR =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';

const challenge = 'AZoXzkUAcAGAAAAAAAAAAQ';
/** Options that a browser takes, on any host of this machine. */
export const asked = { options: { challenge, rpId: '127.0.0.1', userVerification: 'required' } };
export const making = {
  options: {
    challenge,
    rp: { name: 'Northwind', id: '127.0.0.1' },
    user: { id: 'AZoXzkUA', name: account.identifier, displayName: account.name },
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
  },
};

/** The pages of second factors and passkeys. */
export const FACTOR_SAMPLES: readonly Sample[] = [
  {
    name: 'factor',
    view: 'factor',
    data: { ...form, account, factor: 'totp', others: ['backup_code'], rememberDays: 30, cancellable: true },
  },
  {
    name: 'factor-problem',
    view: 'factor',
    data: {
      ...form,
      account,
      factor: 'backup_code',
      others: ['totp'],
      rememberDays: 0,
      problem: { code: 'factor_wrong' },
    },
  },
  {
    name: 'factor-passkey',
    view: 'factor',
    data: {
      ...{ ...form, account, factor: 'webauthn', others: ['totp', 'backup_code'], rememberDays: 30, cancellable: true },
      passkey: asked,
    },
  },
  {
    name: 'factor-elsewhere',
    view: 'factor',
    data: {
      ...{ ...form, account, factor: 'webauthn', others: [], rememberDays: 0, cancellable: true },
      ...{ passkey: {}, problem: { code: 'passkey_elsewhere' } },
    },
  },
  {
    name: 'factor-send',
    view: 'factor',
    data: {
      ...{ ...form, account, factor: 'email', others: ['sms', 'backup_code'], rememberDays: 30 },
      sending: { target: 'a•••@example.com', isSent: false },
    },
  },
  {
    name: 'factor-sent',
    view: 'factor',
    data: {
      ...{ ...form, account, factor: 'sms', others: ['email', 'backup_code'], rememberDays: 30, cancellable: true },
      sending: { target: '+44•••••23', isSent: true },
      problem: { code: 'sent_just_now' },
    },
  },
  {
    name: 'enrol-totp',
    view: 'enrol-totp',
    data: {
      ...form,
      account,
      reason: 'required',
      secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      qrCode: QR,
      passkey: making,
      cancellable: true,
    },
  },
  {
    name: 'enrol-passkey',
    view: 'enrol-passkey',
    data: { ...form, account, reason: 'offered', passkey: making, skippable: true },
  },
  {
    name: 'enrol-passkey-problem',
    view: 'enrol-passkey',
    data: {
      ...{ ...form, account, reason: 'required', passkey: making, cancellable: true },
      problem: { code: 'passkey_invalid' },
    },
  },
  {
    name: 'enrol-totp-problem',
    view: 'enrol-totp',
    data: {
      ...form,
      account,
      reason: 'chosen',
      secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      qrCode: QR,
      problem: { code: 'factor_wrong' },
    },
  },
  {
    name: 'backup-codes',
    view: 'backup-codes',
    data: { ...form, codes: Array.from({ length: 10 }, (_, n) => `7K3F${n}-9QX2M-H04VT`) },
  },
];
