import type { Context } from 'koa';
import { LIMITS } from '../kernel/limits.ts';
import { assertMediaType, hasBody, readBytes, textOf } from './request-body.ts';
import { parseStrictJson } from './strict-json.ts';

/**
 * Reads an `application/json` body; undefined when none was sent.
 *
 * @throws Failure `unsupported_media`, `too_large`, `invalid_input`
 */
export async function readJson(ctx: Context): Promise<unknown> {
  if (!hasBody(ctx)) return undefined;
  assertMediaType(ctx, 'application/json');
  const text = textOf(await readBytes(ctx, LIMITS.jsonBodyBytes));
  return text === '' ? undefined : parseStrictJson(text);
}
