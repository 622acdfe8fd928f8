import { allowsFactor, type Factor } from '../domain/factors/factor.ts';
import type { Session } from '../domain/sessions/session.ts';
import type { TenantSettings } from '../domain/tenants/settings.ts';
import type { User } from '../domain/users/user.ts';
import type { Attention } from '../http/account-pages.ts';
import { describeUserAgent } from '../http/user-agent.ts';

/** Fewer than these are few. */
const FEW_CODES = 4;
/** Days for which a device is new. */
const NEW_DAYS = 7;

type Known = {
  user: User;
  factors: readonly Factor[];
  codes: number;
  sessions: readonly Session[];
  mfa: TenantSettings['mfa'];
  currentUid: string;
  now: Date;
};

/** What a person should look at, the most pressing first. */
export function attentionOf(known: Known): Attention[] {
  const { user, factors, codes, mfa } = known;
  const mayEnrol = allowsFactor(mfa, 'totp') || allowsFactor(mfa, 'webauthn');
  const usesCodes = allowsFactor(mfa, 'backup_code') && factors.length > 0;
  const stranger = newDevice(known);
  const copied = factors.filter(({ flagged }) => flagged);
  return [
    ...copied.map(({ name = '' }) => ({ what: 'copied_passkey', name }) as const),
    ...(stranger ? [{ what: 'new_device', userAgent: stranger.userAgent ?? '', at: stranger.createdAt } as const] : []),
    ...(user.emailVerified ? [] : [{ what: 'email_unverified', email: user.email } as const]),
    ...(mayEnrol && factors.length === 0 ? [{ what: 'no_factor' } as const] : []),
    ...(usesCodes && codes < FEW_CODES ? [{ what: 'few_codes', count: codes } as const] : []),
  ];
}

/** The latest sign-in of the last days on a kind of browser that no other session has, besides this very one. */
function newDevice({ sessions, currentUid, now }: Known): Session | undefined {
  const recently = now.getTime() - NEW_DAYS * 86_400_000;
  const others = sessions.filter(({ id }) => id !== currentUid);
  const isAlone = (one: Session) =>
    sessions.every((session) => session.id === one.id || kindOf(session) !== kindOf(one));
  return others
    .filter((session) => session.createdAt.getTime() > recently && isAlone(session))
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())[0];
}

function kindOf({ userAgent = '' }: Session): string {
  const { browser, system } = describeUserAgent(userAgent);
  return `${browser} ${system}`;
}
