import { z } from 'zod';
import type { Page } from '../../kernel/page.ts';

const whole = z
  .string()
  .regex(/^\d{1,7}$/, 'must be a whole number')
  .transform(Number);

/** Which page of a list, as this contract asks for it; the domain says how far it goes. */
export const pageParameters = { page: whole.optional(), pageSize: whole.optional() };

export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ data: z.array(item), page: z.int(), pageSize: z.int(), total: z.int() });

export const presentPage = <T, Shown>({ items, total, page, pageSize }: Page<T>, present: (item: T) => Shown) => ({
  data: items.map(present),
  page,
  pageSize,
  total,
});
