import { allowsFactor } from '../domain/factors/factor.ts';
import { type Site, siteOf } from '../domain/factors/webauthn.ts';
import { parseStrictJson } from '../http/strict-json.ts';
import type { InteractionStep } from './interaction.ts';

/** Where the passkeys of an issuer's pages belong. */
export const siteOfStep = ({ issuer }: Pick<InteractionStep, 'issuer'>): Site => siteOf(issuer.url);

/** Whether people of this issuer can have passkeys. */
export const hasPasskeys = ({ issuer }: Pick<InteractionStep, 'issuer'>): boolean =>
  allowsFactor(issuer.tenant.settings.mfa, 'webauthn');

/** What a form has brought of a passkey, in the field that the script fills in. @throws Failure `invalid_input` */
export const credentialOf = (form: Record<string, string | undefined>): unknown =>
  parseStrictJson(form['passkey'] ?? '');
