import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';

/** Named values, each once. It inherits nothing, so that no name is found that was not sent. */
export type Fields = Record<string, string>;

/**
 * Reads `application/x-www-form-urlencoded` text (WHATWG URL §5.1), of a body or behind a `?`, strictly: valid UTF-8,
 * each name once, no NUL, `LIMITS.formFields` at most.
 *
 * @throws Failure `invalid_input`
 */
export function parseUrlEncoded(text: string): Fields {
  const fields: Fields = Object.create(null);
  let count = 0;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    if (++count > LIMITS.formFields)
      throw new Failure('invalid_input', { problem: `there are more than ${LIMITS.formFields} fields` });
    const at = pair.indexOf('=');
    const [name, value] = at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
    if (name in fields)
      throw new Failure('invalid_input', { field: name.slice(0, LIMITS.nameChars), problem: 'stands twice' });
    fields[name] = value;
  }
  return fields;
}

/** What makes a text mean something else than itself, or nothing. */
const ENCODED = /[+%\0\ud800-\udfff]/;

function decode(text: string): string {
  if (!ENCODED.test(text)) return text;
  try {
    const plain = decodeURIComponent(text.replaceAll('+', ' '));
    if (plain.includes('\u0000') || !plain.isWellFormed()) throw new URIError('not a text');
    return plain;
  } catch {
    throw new Failure('invalid_input', { problem: 'the form is not well encoded' });
  }
}
