import { at, form, frame, type SampleOf } from './account-security-samples.ts';

/** What people see of their privacy. */
export const PRIVACY_SAMPLES: readonly (SampleOf<'account-privacy'> | SampleOf<'account-erase'>)[] = [
  {
    name: 'account-privacy',
    view: 'account-privacy',
    data: {
      ...{ ...frame('privacy'), ...form, eraseUrl: '/account/privacy/erase' },
      choices: [
        { type: 'marketing', granted: true },
        { type: 'analytics', granted: false },
        { type: 'third_party', granted: false },
      ],
      history: [
        { type: 'marketing', granted: true, at: at(20) },
        { type: 'analytics', granted: false, at: at(2) },
      ],
    },
  },
  {
    name: 'account-privacy-leaving',
    view: 'account-privacy',
    data: {
      ...{ ...frame('privacy'), ...form, eraseUrl: '/account/privacy/erase' },
      ...{ choices: [{ type: 'marketing', granted: false }], history: [], erasedAt: at(24) },
    },
  },
  {
    name: 'account-erase',
    view: 'account-erase',
    data: {
      ...{ ...frame('privacy'), ...form, identifier: 'ann@example.com', days: 30, hasPassword: true },
      ...{ backTo: '/account/privacy', problem: { code: 'current_password_wrong' } },
    },
  },
  {
    name: 'account-erase-now',
    view: 'account-erase',
    data: {
      ...{ ...frame('privacy'), ...form, identifier: 'ann@example.com', days: 0, hasPassword: false },
      backTo: '/account/privacy',
    },
  },
];
