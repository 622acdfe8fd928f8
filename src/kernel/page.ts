import { Failure } from './failure.ts';
import { LIMITS } from './limits.ts';

export type PageQuery = { page?: number | undefined; pageSize?: number | undefined };
export type Page<T> = { items: T[]; total: number; page: number; pageSize: number };

/**
 * The window of a page; pages count from 1.
 *
 * @throws Failure `invalid_input` for what is no page (a query builder would drop a limit that is not a number)
 */
export function pageWindow({ page = 1, pageSize = 50 }: PageQuery): { page: number; offset: number; limit: number } {
  if (!Number.isInteger(page) || page < 1 || page > LIMITS.pages) throw new Failure('invalid_input', { field: 'page' });
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > LIMITS.pageSize)
    throw new Failure('invalid_input', { field: 'pageSize' });
  return { page, offset: (page - 1) * pageSize, limit: pageSize };
}

/**
 * The text that is searched for, without the space around it.
 *
 * @throws Failure `invalid_input` when it is too short or too long to search for
 */
export function searchText(search: string): string {
  const text = search.trim();
  const badLength = text.length < LIMITS.searchMinChars || text.length > LIMITS.searchMaxChars;
  if (badLength || /\0/.test(text) || !text.isWellFormed()) throw new Failure('invalid_input', { field: 'search' });
  return text;
}

/**
 * A pattern for `ilike … escape '\'` that finds the text anywhere; its wildcards are letters like any other.
 *
 * @throws Failure what `searchText` throws
 */
export function likePattern(search: string): string {
  return `%${searchText(search).replace(/[\\%_]/g, '\\$&')}%`;
}
