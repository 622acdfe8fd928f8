import { z } from 'zod';
import type { SettingsChange, TenantSettings } from '../../domain/tenants/settings.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { ABOUT_GROUPS, FEATURE_NAME, GROUP_FIELDS, PLAIN_FIELDS } from '../setting-fields.ts';

type Group = keyof typeof GROUP_FIELDS;
type Shown = Record<string, unknown>;

const secret = (max: number) => z.string().min(1).max(max).describe('Write-only: it is sealed, and shown to nobody.');

/** The secrets of each group, and how an answer says that there is one. */
const SECRETS = {
  smtp: { name: 'password', shown: 'hasPassword', schema: secret(LIMITS.smtpPasswordChars) },
  sms: { name: 'secret', shown: 'hasSecret', schema: secret(LIMITS.smsSecretChars) },
  registration: { name: 'captchaSecret', shown: 'hasCaptchaSecret', schema: secret(LIMITS.captchaSecretChars) },
} as const;
const secretOf = (group: string) => (SECRETS as Partial<Record<string, (typeof SECRETS)[keyof typeof SECRETS]>>)[group];

const entries = Object.entries(GROUP_FIELDS) as [Group, z.ZodRawShape][];
const each = (shape: z.ZodRawShape, make: (field: z.ZodType) => z.ZodType): z.ZodRawShape =>
  Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, make(field as z.ZodType)]));
const described = <S extends z.ZodType>(schema: S, group: Group): S =>
  ABOUT_GROUPS[group] === undefined ? schema : schema.describe(ABOUT_GROUPS[group]);

const erasable = (field: z.ZodType) => field.nullable().optional();

/** A change: a value sets, null goes back to the default, what is left out stays. */
export const settingsChange = z.strictObject({
  ...each(PLAIN_FIELDS, erasable),
  ...Object.fromEntries(
    entries.map(([group, shape]) => {
      const hidden = secretOf(group);
      const fields = each({ ...shape, ...(hidden && { [hidden.name]: hidden.schema }) }, erasable);
      return [group, described(z.strictObject(fields), group).optional()];
    }),
  ),
  features: z
    .record(FEATURE_NAME, z.boolean().nullable())
    .optional()
    .describe('What of the applications the tenant has.'),
}) as unknown as z.ZodType<SettingsChange, SettingsChange>;

/** All settings as they count, defaults included; null is what has none. */
export const settingsBody = z.object({
  ...each(PLAIN_FIELDS, (field) => field.nullable()),
  ...Object.fromEntries(
    entries.map(([group, shape]) => {
      const hidden = secretOf(group);
      const fields = each(shape, (field) => field.nullable());
      return [group, described(z.object({ ...fields, ...(hidden && { [hidden.shown]: z.boolean() }) }), group)];
    }),
  ),
  features: z.record(FEATURE_NAME, z.boolean()),
}) as unknown as z.ZodType<Shown, Shown>;

/** What is not set is null; of a secret it is told whether there is one. */
export function presentSettings(settings: TenantSettings): Shown {
  const shown = (fields: object, values: object): Shown =>
    Object.fromEntries(Object.keys(fields).map((name) => [name, (values as Shown)[name] ?? null]));
  return {
    ...shown(PLAIN_FIELDS, settings),
    ...Object.fromEntries(
      entries.map(([group, shape]) => {
        const hidden = secretOf(group);
        const values = settings[group] as Shown;
        return [
          group,
          { ...shown(shape, values), ...(hidden && { [hidden.shown]: values[hidden.name] !== undefined }) },
        ];
      }),
    ),
    features: settings.features,
  };
}
