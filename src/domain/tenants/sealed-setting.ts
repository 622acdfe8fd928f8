import { Failure } from '../../kernel/failure.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import { isPlain } from '../../kernel/text.ts';

const MARK = 'sealed:';

/**
 * A secret among the settings. It comes in plain, is stored sealed under the tenant's key for exactly this setting of this
 * tenant, and is shown to nobody.
 *
 * @param name   its path, as `smtp.password`
 * @param max    characters of the plain value
 */
export function sealedSetting(name: string, max: number) {
  const place = (tenantId: string) => `${tenantId}/tenants/settings/${name}`;
  return {
    /** Whether a text is one as it is stored, so that a plain one never is. */
    isSealed: (text: string): boolean => text.length <= max * 4 && /^sealed:[\w-]{39,}$/.test(text),

    /** @throws Failure `invalid_input` for what is empty, too long or not plain */
    seal(key: Buffer, tenantId: string, plain: string): string {
      if (plain === '' || plain.length > max || !isPlain(plain))
        throw new Failure('invalid_input', { field: `settings.${name}`, problem: 'is empty, too long or not plain' });
      return MARK + seal(key, place(tenantId), Buffer.from(plain)).toString('base64url');
    },

    /** The inverse. Throws for what was not sealed for this tenant. */
    open: (key: Buffer, tenantId: string, sealed: string): string =>
      unseal(key, place(tenantId), Buffer.from(sealed.slice(MARK.length), 'base64url')).toString(),
  };
}
