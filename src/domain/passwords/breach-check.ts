import { createHash } from 'node:crypto';
import { LIMITS } from '../../kernel/limits.ts';

/** One GET to the outside, as text; it rejects on anything but 200. The house's egress module provides it. */
export type FetchText = (url: string, options: { timeoutMs: number; bodyBytes: number }) => Promise<string>;

export type BreachCheckDeps = { url: string | undefined; fetchText: FetchText; timeoutMs?: number };

/**
 * Asks a range service in the manner of haveibeenpwned whether a password stands in a known breach. It learns the first
 * five hexadecimal digits of a SHA-1 and no more (k-anonymity). A service that is slow or away lets the password pass:
 * it must not stop people from setting one.
 *
 * @param url the address with `{prefix}` in it; undefined: nothing is asked
 * @param timeoutMs two seconds unless told
 */
export function createBreachCheck({ url, fetchText, timeoutMs = LIMITS.breachCheckMs }: BreachCheckDeps) {
  return async function isBreached(password: string): Promise<boolean> {
    if (url === undefined) return false;
    const digest = createHash('sha1').update(password, 'utf8').digest('hex').toUpperCase();
    const ask = fetchText(url.replace('{prefix}', digest.slice(0, 5)), {
      timeoutMs,
      bodyBytes: LIMITS.breachAnswerBytes,
    });
    const answer = await withinTime(ask, timeoutMs);
    return answer !== undefined && lists(answer, digest.slice(5));
  };
}

export type BreachCheck = ReturnType<typeof createBreachCheck>;

/** Lines of `SUFFIX:COUNT`; a count of 0 is padding that hides the answer's size. */
function lists(answer: string, suffix: string): boolean {
  return answer.split(/\r?\n/).some((line) => {
    const [found, count] = line.trim().split(':');
    return found?.toUpperCase() === suffix && Number(count) > 0;
  });
}

async function withinTime(answer: Promise<string>, ms: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([answer.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
