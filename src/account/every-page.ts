import type { Rooms } from '../domain/services.ts';
import type { Page } from '../http/pages.ts';
import type { AccountPage } from './account-page.ts';
import { createApplicationPages } from './applications.ts';
import { createAuthenticatorPage } from './authenticator.ts';
import { createBackupCodesPage } from './backup-codes.ts';
import { createDevicePages } from './devices.ts';
import { createEmailPages, type EmailDeps } from './email.ts';
import { createFactorNamePage } from './factor-name.ts';
import { createLanguagePage } from './language.ts';
import { createOverviewPage } from './overview.ts';
import { createPasskeyPage } from './passkey.ts';
import { createPasswordPage } from './password.ts';
import { createPrivacyPages, type PrivacyDeps } from './privacy.ts';
import { createProfilePage } from './profile.ts';
import { createSecurityPages } from './security.ts';
import { createSentCodePages } from './sent-codes.ts';
import { createSessionPages } from './sessions.ts';

export type EveryPageDeps = EmailDeps &
  Pick<PrivacyDeps, 'writePersonalData'> & {
    page: Page;
    /** The languages in which there are pages. */
    languages: readonly { code: string; name: string }[];
  } & Pick<
    Rooms,
    | 'users'
    | 'passwords'
    | 'factors'
    | 'passkeys'
    | 'sentFactors'
    | 'rememberedDevices'
    | 'sessions'
    | 'grants'
    | 'consents'
    | 'erasure'
    | 'personalData'
  >;

/** Every page of the account; of two whose paths match, the first. */
export function createEveryPage(deps: EveryPageDeps): AccountPage[] {
  return [
    createOverviewPage(deps),
    createProfilePage(deps),
    ...createEmailPages(deps),
    createPasswordPage(deps),
    ...createSecurityPages(deps),
    createAuthenticatorPage(deps),
    ...createSentCodePages(deps),
    createPasskeyPage(deps),
    createFactorNamePage(deps),
    createBackupCodesPage(deps),
    ...createDevicePages(deps),
    ...createSessionPages(deps),
    ...createApplicationPages(deps),
    ...createPrivacyPages(deps),
    createLanguagePage(deps),
  ];
}
