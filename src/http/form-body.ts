import type { Context } from 'koa';
import { LIMITS } from '../kernel/limits.ts';
import { assertMediaType, readBytes, textOf } from './request-body.ts';
import { type Fields, parseUrlEncoded } from './url-encoded.ts';

/** The fields of a form, each once. */
export type Form = Fields;

/**
 * Reads an `application/x-www-form-urlencoded` body, strictly: that type, no encoding, `LIMITS.formBodyBytes` at most,
 * valid UTF-8, each name once, no NUL. A second call gives what the first one read.
 *
 * @throws Failure `unsupported_media`, `too_large`, `invalid_input`
 */
export async function readForm(ctx: Context): Promise<Form> {
  const request = ctx.request as { body?: unknown };
  if (request.body !== undefined) return request.body as Form;
  assertMediaType(ctx, 'application/x-www-form-urlencoded');
  const form = parseUrlEncoded(textOf(await readBytes(ctx, LIMITS.formBodyBytes)));
  request.body = form;
  return form;
}
