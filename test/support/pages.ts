import type { Visited } from './browser.ts';

/** What a page says went wrong. */
export const alertOf = ({ html }: Visited): string | undefined => /role="alert"[\s\S]*?<p>([^<]*)<\/p>/.exec(html)?.[1];

export const titleOf = ({ html }: Visited): string | undefined => /<title>([^<]*) ·/.exec(html)?.[1];

/** The value that a page's form proves itself with. */
export const csrfOf = ({ html }: Visited): string => /name="csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';

/** The address of the first link on a page whose address has this part. */
export function linkTo({ html, url, status }: Visited, part: string): URL {
  const [, href] = new RegExp(`href="([^"]*${part}[^"]*)"`).exec(html) ?? [];
  if (!href) throw new Error(`no link to ${part} on ${url}: ${status} ${html.slice(0, 300)}`);
  return new URL(href.replaceAll('&amp;', '&'), url);
}

/** Whether the browser was sent back to the application, with a code. */
export const hasLeft = ({ url }: Visited): boolean => url.searchParams.get('code') !== null;

/** The fields of a form for a new password. */
export const choose = (password: string, confirmation = password) => ({
  password,
  password_confirmation: confirmation,
  action: 'save',
});
