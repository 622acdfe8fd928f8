import type Koa from 'koa';
import { CODE_DIGITS } from '../domain/recovery/email-token.ts';
import type { ProblemCode } from '../http/shown.ts';
import { type Errand, type ErrandTools, wayBack } from './errand.ts';

/** A letter that is on its way: what it is about, to whom, where its code is asked for, and what that form carries on. */
export type SentLetter = {
  matter: 'recovery' | 'registration';
  path: `/${string}`;
  to: string;
  kept: Record<string, string>;
  continuable?: boolean;
};

/** How the page came to be shown again, if it was. */
export type SentAgain = { again?: boolean; problem?: ProblemCode; status?: number };

/** Says that a letter is on its way, whether it is or not, and asks for its code. */
export async function showLetterSent(
  ctx: Koa.Context,
  errand: Errand,
  { page }: Pick<ErrandTools, 'page'>,
  { path, ...letter }: SentLetter,
  { again, problem, status }: SentAgain = {},
): Promise<void> {
  const data = {
    ...letter,
    action: `${errand.issuer.mount}${path}`,
    csrf: errand.csrf,
    again,
    codeChars: CODE_DIGITS,
    problem: problem === undefined ? undefined : { code: problem },
    back: await wayBack(errand),
  };
  page(ctx, 'letter-sent', data, status);
}
