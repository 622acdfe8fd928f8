import { z } from 'zod';
import { ABOUT_GROUPS, FEATURE_NAME, GROUP_FIELDS, PLAIN_FIELDS } from '../api/setting-fields.ts';
import type { OwnSettings } from '../domain/tenants/settings.ts';

const groups = Object.entries(GROUP_FIELDS).map(([name, shape]): [string, z.ZodType] => {
  const about = ABOUT_GROUPS[name as keyof typeof GROUP_FIELDS];
  const group = z.strictObject(shape as z.ZodRawShape).partial();
  return [name, (about === undefined ? group : group.describe(about)).optional()];
});

/** What a file may say of a tenant’s settings: all but secrets. */
export const settings = z.strictObject({
  ...z.strictObject(PLAIN_FIELDS).partial().shape,
  ...Object.fromEntries(groups),
  features: z.record(FEATURE_NAME, z.boolean()).optional().describe('What of the applications the tenant has.'),
}) as unknown as z.ZodType<OwnSettings, OwnSettings>;
