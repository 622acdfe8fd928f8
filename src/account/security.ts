import type { Changer } from '../domain/factors/admission.ts';
import { allowsFactor, type Factor } from '../domain/factors/factor.ts';
import type { FactorService } from '../domain/factors/factor-service.ts';
import type { PasskeyService } from '../domain/factors/passkey-service.ts';
import type { RememberedDeviceService } from '../domain/factors/remembered-device-service.ts';
import { isChannel } from '../domain/factors/sent-code.ts';
import { masked, type SentFactorService } from '../domain/factors/sent-factor-service.ts';
import { siteOf } from '../domain/factors/webauthn.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { Page, PasskeySignal } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { type FactorId, isUuid } from '../kernel/ids.ts';
import type { AccountPage } from './account-page.ts';
import { shownDevice } from './devices.ts';
import { baseOf, done, formOf, frameOf, type Visit } from './visit.ts';

export type SecurityDeps = {
  page: Page;
  factors: Pick<FactorService, 'list' | 'backupCodesLeft' | 'assertMayChange' | 'remove'>;
  passkeys: Pick<PasskeyService, 'signal'>;
  sentFactors: Pick<SentFactorService, 'channelsFor'>;
  rememberedDevices: Pick<RememberedDeviceService, 'list'>;
};

/** In whose name factors are changed: the person in the session of this page. */
export const changerOf = ({ userId, session: { sessionUid } }: Visit): Changer => ({ userId, sessionUid });

/** Why a factor cannot go. */
const STAYING: Partial<Record<Failure['code'], ProblemCode>> = {
  factor_mandatory: 'factor_mandatory',
  passkey_last: 'passkey_last',
};

/** What protects the account besides the password, and the end of a factor. */
export function createSecurityPages({
  page,
  factors,
  passkeys,
  sentFactors,
  rememberedDevices,
}: SecurityDeps): AccountPage[] {
  async function askToRemove(visit: Visit, problem?: ProblemCode): Promise<void> {
    const { ctx, call, userId, params, issuer } = visit;
    const found = (await factors.list(call, userId)).find(({ id }) => id === params['id']);
    if (!found) throw new Failure('factor_not_found');
    const { kind, name } = found;
    const about = { act: 'factor', factor: kind, name, backTo: `${baseOf(issuer)}/security` } as const;
    page(
      ctx,
      'account-confirm',
      { ...formOf(visit, 'security', problem), ...about },
      problem === undefined ? 200 : 422,
    );
  }

  async function signalsFor({ call, userId, issuer }: Visit): Promise<PasskeySignal[]> {
    const signal = await passkeys.signal(call, userId, siteOf(issuer.url));
    const { allAcceptedCredentialIds, name, displayName, ...whose } = signal;
    return [
      { kind: 'accepted', ...whose, allAcceptedCredentialIds },
      { kind: 'user', ...whose, name, displayName },
    ];
  }

  async function channelsFor({ call, userId, user, issuer }: Visit, has: readonly Factor[]) {
    const channels = await sentFactors.channelsFor(call, userId, issuer.tenant.settings);
    return channels.flatMap((channel) => {
      const own = has.find(({ kind }) => kind === channel);
      if (!own) return { channel, change: 'add' as const };
      // There is one e-mail address, and codes go to it already.
      return channel === 'email' && own.address === user.email ? [] : { channel, change: 'replace' as const };
    });
  }

  return [
    {
      path: '/account/security',
      async show(visit) {
        const { ctx, call, userId, issuer } = visit;
        const { mfa } = issuer.tenant.settings;
        const [has, codes] = [await factors.list(call, userId), await factors.backupCodesLeft(call, userId)];
        const devices = await rememberedDevices.list(call, userId, readDeviceCookie(ctx));
        const app = has.some(({ kind }) => kind === 'totp') ? 'replace' : 'add';
        const usesCodes = allowsFactor(mfa, 'backup_code') && has.length > 0;
        const addsPasskey = allowsFactor(mfa, 'webauthn');
        page(ctx, 'account-security', {
          ...frameOf(visit, 'security'),
          factors: has.map((factor) => shownFactor(visit, factor)),
          usesFactors: mfa.mode !== 'off',
          authenticator: allowsFactor(mfa, 'totp') ? app : undefined,
          addsPasskey,
          channels: await channelsFor(visit, has),
          passkey: addsPasskey ? { signals: await signalsFor(visit) } : undefined,
          backupCodes: usesCodes ? codes : undefined,
          devices: devices.map((device) => shownDevice(visit, device)),
        });
      },
    },
    {
      path: '/account/security/factors/:id',
      async show(visit) {
        await factors.assertMayChange(visit.call, changerOf(visit));
        await askToRemove(visit);
      },
      async post(visit) {
        const id = visit.params['id']!;
        if (!isUuid(id)) throw new Failure('factor_not_found');
        try {
          await factors.remove(visit.call, changerOf(visit), id as FactorId);
        } catch (error) {
          const problem = error instanceof Failure ? STAYING[error.code] : undefined;
          if (!problem) throw error;
          return askToRemove(visit, problem);
        }
        done(visit, '/security', 'factor_removed');
      },
    },
  ];
}

const shownFactor = ({ issuer }: Visit, factor: Factor) => ({
  href: `${baseOf(issuer)}/security/factors/${factor.id}`,
  kind: factor.kind,
  name: factor.name,
  sentTo: isChannel(factor.kind) && factor.address !== undefined ? masked(factor.kind, factor.address) : undefined,
  since: factor.createdAt,
  usedAt: factor.lastUsedAt,
  flagged: factor.flagged,
});
