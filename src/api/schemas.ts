import { z } from 'zod';
import { LIMITS } from '../kernel/limits.ts';
import type { Page } from '../kernel/page.ts';

/** What an operation without a body may be sent: nothing, or an empty object. */
export const noBody = z.strictObject({}).optional();

/** What an operation without parameters of its own may be asked. */
export const noQuery = z.strictObject({});

/** A whole number of a query, from 1 up: its digits and nothing else. */
export function countingNumber(max: number) {
  return z
    .string()
    .regex(/^[1-9]\d{0,8}$/, { abort: true, error: `must be a whole number from 1 to ${max}` })
    .meta({ type: 'integer', minimum: 1, maximum: max, pattern: undefined })
    .transform(Number)
    .pipe(z.int().max(max, `must be ${max} or less`));
}

/** The query of a list that comes in pages. */
export const pageFields = {
  page: countingNumber(LIMITS.pages).optional(),
  pageSize: countingNumber(LIMITS.pageSize).optional(),
};

/** A page of a list, and how long the list is. */
export const pageBody = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), page: z.int(), pageSize: z.int(), total: z.int() });

export function presentPage<Item, Shown>({ items, ...page }: Page<Item>, present: (item: Item) => Shown) {
  return { data: items.map(present), ...page };
}

/** The query of a list that is read on and on; see cursor.ts. */
export const cursorFields = {
  cursor: z.string().min(1).max(LIMITS.cursorChars).optional(),
  limit: countingNumber(LIMITS.pageSize).optional(),
};

/** A part of a list, and what to ask with for the next; null at its end. */
export const sliceBody = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() });
