import type { Context } from 'koa';
import { valuesOf } from '../http/header-values.ts';
import { Failure } from '../kernel/failure.ts';
import type { Expected } from '../kernel/version.ts';

const TAG = '(W/)?"([\\x21\\x23-\\x7e]*)"';
const LIST = new RegExp(`^${TAG}(?:[ \\t]*,[ \\t]*${TAG})*$`);

/** An entity-tag of ours is strong: it is for `If-Match`, which no weak one ever matches (RFC 9110 §8.8.1, §13.1.1). */
export const entityTag = (version: string): string => `"${version}"`;

/**
 * What `If-Match` asks for: the versions of which the thing must be one. `*` asks for none, like no header at all: what
 * is not there is answered with 404 in any case.
 *
 * @throws Failure `invalid_input` for what is no list of entity-tags
 */
export function expectedOf({ req }: Context): Expected {
  const values = valuesOf(req, 'if-match');
  if (values.length === 0) return undefined;
  const text = values.join(',').trim();
  if (text === '*') return undefined;
  if (!LIST.test(text))
    throw new Failure('invalid_input', { field: 'If-Match', problem: 'must be a list of "…", or *' });
  return [...text.matchAll(new RegExp(TAG, 'g'))].flatMap(([, weak, version]) => (weak ? [] : version!));
}
