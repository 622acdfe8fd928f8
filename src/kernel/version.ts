import { Failure } from './failure.ts';
import { sha256 } from './secret.ts';
import { stableJson } from './text.ts';

/** The versions that a caller takes a thing to be in; undefined: whichever it is in. */
export type Expected = readonly string[] | undefined;

/**
 * The version of a thing: the same as long as all that is given of it is the same, another one otherwise. It is made from
 * the content, so no column counts along, and two changes within one millisecond are two versions.
 */
export function versionOf(content: object): string {
  return sha256(stableJson(content)).toString('base64url').slice(0, 22);
}

/**
 * For a service that holds the row: nobody has changed it since the caller read it.
 *
 * @throws Failure `precondition_failed`
 */
export function assertVersion(expected: Expected, version: string): void {
  if (expected && !expected.includes(version)) throw new Failure('precondition_failed');
}
