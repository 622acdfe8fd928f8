import type { FactorService } from '../domain/factors/factor-service.ts';
import type { Page } from '../http/pages.ts';
import type { AccountPage } from './account-page.ts';
import { changerOf } from './security.ts';
import { baseOf, formOf, frameOf } from './visit.ts';

export type BackupCodesDeps = { page: Page; factors: Pick<FactorService, 'assertMayChange' | 'renewBackupCodes'> };

/** New backup codes in the place of the old ones. They are shown once: by the answer to the form itself. */
export function createBackupCodesPage({ page, factors }: BackupCodesDeps): AccountPage {
  return {
    path: '/account/security/backup-codes',
    async show(visit) {
      await factors.assertMayChange(visit.call, changerOf(visit));
      page(visit.ctx, 'account-confirm', {
        ...formOf(visit, 'security'),
        act: 'backup_codes',
        backTo: `${baseOf(visit.issuer)}/security`,
      });
    },
    async post(visit) {
      const codes = await factors.renewBackupCodes(visit.call, changerOf(visit));
      page(visit.ctx, 'account-codes', { ...frameOf(visit, 'security'), codes });
    },
  };
}
