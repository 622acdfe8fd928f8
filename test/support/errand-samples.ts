import { account, form } from './factor-samples.ts';
import type { Sample } from './page-gallery.ts';

const back = { url: '/interaction/abc', client: 'Harbour Books' };
const letter = { ...form, to: account.identifier, kept: { identifier: account.identifier }, codeChars: 8 };

/** A challenge that is solved at once. */
const CHALLENGE = {
  parameters: { nonce: '00', salt: '00', keyPrefix: '', keyLength: 32, cost: 1 },
  signature: 'signed',
};

const TERMS = Array.from(
  { length: 6 },
  (_, at) =>
    `${at + 1}. Be kind.\nWhat you write here is yours, and so is what follows from it. Nobody reads what is not theirs.`,
).join('\n\n');

/** Pages outside of a sign-in, and those that lead to letters. */
export const ERRAND_SAMPLES: readonly Sample[] = [
  { name: 'recovery', view: 'recovery', data: { ...form, identifier: '', back } },
  {
    name: 'recovery-problem',
    view: 'recovery',
    data: { ...form, identifier: 'ann lindqvist', problem: { code: 'identifier_invalid' } },
  },
  {
    name: 'new-password-forgotten',
    view: 'new-password',
    data: { ...form, account, reason: 'forgotten', minLength: 8, proof: { name: 'token', value: 'the-token' } },
  },
  { name: 'letter-sent', view: 'letter-sent', data: { ...letter, matter: 'recovery', back } },
  {
    name: 'letter-sent-problem',
    view: 'letter-sent',
    data: {
      ...letter,
      matter: 'verify_email',
      again: true,
      continuable: true,
      cancellable: true,
      problem: { code: 'code_wrong' },
    },
  },
  {
    name: 'register',
    view: 'register',
    data: {
      ...form,
      typed: { email: '', firstName: '', lastName: '' },
      minLength: 8,
      captcha: { kind: 'altcha', challenge: CHALLENGE },
      back,
    },
  },
  {
    name: 'register-problem',
    view: 'register',
    data: {
      ...form,
      typed: { email: account.identifier, firstName: 'Ann', lastName: 'Lindqvist' },
      minLength: 12,
      forgotUrl: '/recovery',
      problem: { code: 'email_taken' },
    },
  },
  {
    name: 'letter-sent-registration',
    view: 'letter-sent',
    data: { ...letter, matter: 'registration', continuable: true },
  },
  {
    name: 'confirm-email',
    view: 'confirm-email',
    data: { ...form, matter: 'change_email', address: account.identifier, token: 'the-token' },
  },
  {
    name: 'confirm-email-password',
    view: 'confirm-email',
    data: {
      ...form,
      matter: 'registration',
      address: account.identifier,
      token: 'the-token',
      needsPassword: true,
      problem: { code: 'wrong_password' },
    },
  },
  {
    name: 'invite',
    view: 'invite',
    data: {
      ...{ ...form, token: 'the-token', address: account.identifier, organisation: 'Harbour Books' },
      ...{ hasAccount: false, typed: { firstName: '', lastName: '' }, minLength: 8 },
    },
  },
  {
    name: 'invite-known',
    view: 'invite',
    data: {
      ...{ ...form, token: 'the-token', address: account.identifier, organisation: 'Harbour Books' },
      ...{ hasAccount: true, typed: { firstName: '', lastName: '' }, minLength: 8 },
      problem: { code: 'current_password_wrong' },
    },
  },
  {
    name: 'terms',
    view: 'terms',
    data: { ...form, account, version: '2026-11', language: 'en', text: TERMS, url: 'https://northwind.example/terms' },
  },
  { name: 'done', view: 'done', data: { what: 'password', back } },
  { name: 'done-alone', view: 'done', data: { what: 'registered' } },
  { name: 'dead-link', view: 'dead-link', data: { matter: 'recovery', againUrl: '/recovery' } },
];
