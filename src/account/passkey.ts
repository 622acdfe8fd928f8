import type { PasskeyService } from '../domain/factors/passkey-service.ts';
import { siteOf } from '../domain/factors/webauthn.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { parseStrictJson } from '../http/strict-json.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage, Fields } from './account-page.ts';
import { changerOf } from './security.ts';
import { done, formOf, frameOf, type Visit } from './visit.ts';

export type PasskeyDeps = { page: Page; passkeys: Pick<PasskeyService, 'registrationOptions' | 'register'> };

/** A passkey is added: the one page of the account that needs its script. To look makes nothing. */
export function createPasskeyPage({ page, passkeys }: PasskeyDeps): AccountPage {
  async function draw(visit: Visit, name: string, problem?: { code: ProblemCode; status: number }): Promise<void> {
    const options = await passkeys.registrationOptions(visit.call, changerOf(visit), siteOf(visit.issuer.url));
    const data = { ...formOf(visit, 'security', problem?.code), passkey: { options }, name };
    page(visit.ctx, 'account-passkey', data, problem?.status);
  }

  async function register(visit: Visit, form: Fields) {
    const made = { site: siteOf(visit.issuer.url), attestation: parseStrictJson(form['passkey'] ?? '') };
    return passkeys.register(visit.call, changerOf(visit), { ...made, name: form['name']?.trim() || undefined });
  }

  return {
    path: '/account/security/passkey',
    show: (visit) => draw(visit, ''),
    async post(visit, form) {
      try {
        const { backupCodes } = await register(visit, form);
        if (!backupCodes) return done(visit, '/security', 'passkey_added');
        page(visit.ctx, 'account-codes', { ...frameOf(visit, 'security'), codes: backupCodes, first: 'passkey' });
      } catch (error) {
        const problem = error instanceof Failure ? PROBLEMS[error.code] : undefined;
        if (!problem) throw error;
        await draw(visit, form['name'] ?? '', problem);
      }
    },
  };
}

const INVALID = { code: 'passkey_invalid', status: 422 } as const;

/** Refusals that the page shows. */
const PROBLEMS: Partial<Record<Failure['code'], { code: ProblemCode; status: number }>> = {
  passkey_invalid: INVALID,
  invalid_input: INVALID,
  challenge_ended: { code: 'challenge_ended', status: 401 },
  passkey_taken: { code: 'passkey_taken', status: 409 },
};
