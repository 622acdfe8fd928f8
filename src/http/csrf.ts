import { Failure } from '../kernel/failure.ts';
import { equalSecrets, hmac } from '../kernel/secret.ts';

/**
 * The value every form of ours carries. `subject` is what the browser already holds in a cookie: the interaction's uid,
 * or the session's id. A page of another site can make the browser send the cookie, but cannot know the value.
 */
export function csrfToken(key: Buffer, subject: string): string {
  return hmac(key, `csrf:${subject}`).toString('base64url');
}

/** @throws Failure `forbidden` */
export function assertCsrf(key: Buffer, subject: string, given: unknown): void {
  if (typeof given !== 'string' || !equalSecrets(csrfToken(key, subject), given)) throw new Failure('forbidden');
}
