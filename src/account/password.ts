import type { PasswordService } from '../domain/passwords/password-service.ts';
import type { TenantSettings } from '../domain/tenants/settings.ts';
import type { PasswordRule } from '../http/account-pages.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage } from './account-page.ts';
import { done, formOf, type Visit } from './visit.ts';

export type PasswordDeps = { page: Page; passwords: Pick<PasswordService, 'change' | 'has'> };

type Refusal = { problem: ProblemCode; status: number; reasons?: readonly string[] };

/** A new password in the place of the old one, which is asked for. */
export function createPasswordPage({ page, passwords }: PasswordDeps): AccountPage {
  async function draw(visit: Visit, refusal?: Refusal): Promise<void> {
    const { password } = visit.issuer.tenant.settings;
    const data = {
      ...formOf(visit, 'password', refusal?.problem),
      identifier: visit.user.email,
      recoveryUrl: `${visit.issuer.mount}/recovery`,
      hasPassword: await passwords.has(visit.call, visit.userId),
      minLength: password.minLength,
      rules: rulesOf(password, refusal?.reasons ?? []),
    };
    page(visit.ctx, 'account-password', data, refusal?.status);
  }

  return {
    path: '/account/password',
    show: (visit) => draw(visit),
    async post(visit, form) {
      const { ctx, call, userId } = visit;
      const { current_password: current = '', password: next = '', password_confirmation: again } = form;
      if (next !== again) return draw(visit, { problem: 'passwords_differ', status: 422 });
      const keepSessions = form['end_others'] === undefined;
      try {
        await passwords.change(call, userId, { current, next, deviceCookie: readDeviceCookie(ctx), keepSessions });
      } catch (error) {
        const refusal = error instanceof Failure ? refusalOf(error) : undefined;
        if (!refusal) throw error;
        return draw(visit, refusal);
      }
      done(visit, '', 'password_changed');
    },
  };
}

const STATUSES: Partial<Record<Failure['code'], { problem: ProblemCode; status: number }>> = {
  invalid_credentials: { problem: 'current_password_wrong', status: 401 },
  invalid_input: { problem: 'password_policy', status: 422 },
  password_policy: { problem: 'password_policy', status: 422 },
  password_breached: { problem: 'password_breached', status: 422 },
  conflict: { problem: 'current_password_wrong', status: 409 },
  rate_limited: { problem: 'rate_limited', status: 429 },
};

function refusalOf({ code, details }: Failure): Refusal | undefined {
  const refusal = STATUSES[code];
  const { reasons } = details as { reasons?: readonly string[] };
  return refusal && { ...refusal, ...(reasons && { reasons }) };
}

/** What a new password must be, and which of it the last one was not. */
function rulesOf(policy: TenantSettings['password'], reasons: readonly string[]): PasswordRule[] {
  const rules: [shown: boolean, name: string, broken: readonly string[], count?: number][] = [
    [true, 'length', ['too_short', 'too_long'], policy.minLength],
    [policy.requireUppercase, 'uppercase', ['needs_uppercase']],
    [policy.requireLowercase, 'lowercase', ['needs_lowercase']],
    [policy.requireDigit, 'digit', ['needs_digit']],
    [policy.requireSpecial, 'special', ['needs_special']],
    [policy.refuseCommon, 'common', ['common', 'repeated', 'sequence']],
    [true, 'context', ['context']],
    [true, 'reused', ['reused'], policy.historySize],
  ];
  return rules.flatMap(([shown, name, broken, count = 0]) =>
    shown ? [{ name, count, unmet: reasons.some((reason) => broken.includes(reason)) }] : [],
  );
}
