import type { RegistrationDraft } from '../../../src/domain/registration/registration.ts';
import type { RegistrationWay } from '../../../src/domain/registration/registration-service.ts';
import type { SettingsChange } from '../../../src/domain/tenants/settings.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { aHouse, anAddress, fromAddress, HOLDER, PASSWORD } from '../recovery/house.ts';
import { asOperator } from '../sign-in/house.ts';

const OPEN = { selfService: true, captcha: 'off' } as const;

export const aDraft = (more: Partial<RegistrationDraft> = {}): RegistrationDraft => ({
  email: `ann-${newId()}@example.com`,
  password: PASSWORD,
  firstName: 'Ann',
  lastName: 'Archer',
  ...more,
});

/** A house in which people register, without a CAPTCHA unless told. */
export function aRegistry() {
  const house = aHouse();
  return {
    ...house,
    openTenant: (registration: SettingsChange['registration'] = {}) =>
      house.aTenant({ registration: { ...OPEN, ...registration } }),

    /** Somebody registers, from an address that nobody else has. */
    register: (call: TenantCall, draft = aDraft(), way: RegistrationWay = {}) =>
      house.registration.register(fromAddress(call, anAddress()), draft, { holder: HOLDER, ...way }),

    usersOf: (call: TenantCall) => asOperator(call, 'select * from users where tenant_id = ?', [call.tenantId]),

    /** The proofs of the last letter, which must be one that proves an address. */
    async proofOf(call: TenantCall) {
      const found = (await house.lettersOf(call)).at(-1);
      if (found?.template !== 'verify-email') throw new Error(`the last letter is ${found?.template}`);
      const { link, code } = found.values;
      return { token: link.query!['token']!, code: code!, found };
    },
  };
}

export type Registry = ReturnType<typeof aRegistry>;
