import type { TenantSettings } from '../tenants/settings.ts';
import { type CommonPasswords, foldPassword } from './common-passwords.ts';
import { charsOf } from './password-text.ts';

export type PasswordPolicy = TenantSettings['password'];

/** Why a password is refused. All that apply are given, so that a person mends it once. */
export type PasswordProblem =
  | 'too_short'
  | 'too_long'
  | 'needs_uppercase'
  | 'needs_lowercase'
  | 'needs_digit'
  | 'needs_special'
  | 'common'
  | 'repeated'
  | 'sequence'
  | 'context'
  | 'reused';

/** Words that an attacker tries first for this person: tenant, product, e-mail address, user name. */
export type PasswordContext = readonly (string | null | undefined)[];

/**
 * What speaks against a password (NIST SP 800-63B §3.1.1.2): a length, lists and words; composition only where a tenant
 * asks for it. An empty list means that it may be used. History and breaches are the service's.
 */
export async function problemsOf(
  password: string,
  policy: PasswordPolicy,
  context: PasswordContext,
  common: CommonPasswords,
): Promise<PasswordProblem[]> {
  const chars = charsOf(password);
  // What is too long is not looked at any further.
  if (chars > policy.maxLength) return ['too_long'];
  const problems: PasswordProblem[] = chars < policy.minLength ? ['too_short'] : [];
  problems.push(...compositionProblems(password, policy));
  if (policy.refuseCommon) problems.push(...(await guessableProblems(foldPassword(password), common)));
  if (leansOn(foldPassword(password), wordsOf(context), policy.minLength)) problems.push('context');
  return problems;
}

function compositionProblems(password: string, policy: PasswordPolicy): PasswordProblem[] {
  const rules: [boolean, RegExp, PasswordProblem][] = [
    [policy.requireUppercase, /\p{Lu}/u, 'needs_uppercase'],
    [policy.requireLowercase, /\p{Ll}/u, 'needs_lowercase'],
    [policy.requireDigit, /\p{Nd}/u, 'needs_digit'],
    [policy.requireSpecial, /[^\p{L}\p{N}\p{M}]/u, 'needs_special'],
  ];
  return rules.flatMap(([asked, pattern, problem]) => (asked && !pattern.test(password) ? [problem] : []));
}

async function guessableProblems(folded: string, common: CommonPasswords): Promise<PasswordProblem[]> {
  const unit = repeatedUnit(folded);
  const problems: PasswordProblem[] = [];
  if (unit.length < folded.length && [...unit].length <= 4) problems.push('repeated');
  if ((await common.has(folded)) || (unit !== folded && (await common.has(unit)))) problems.push('common');
  if (isSequence(folded)) problems.push('sequence');
  return problems;
}

/** The shortest text of which the whole is made by repetition, the last time perhaps cut short; the whole itself otherwise. */
function repeatedUnit(text: string): string {
  for (let period = 1; period <= text.length / 2; period++) {
    if (text.slice(period) === text.slice(0, -period)) return text.slice(0, period);
  }
  return text;
}

const ROWS = [
  ...['qwertyuiop', 'asdfghjkl', 'zxcvbnm', '1234567890', '0123456789', 'abcdefghijklmnopqrstuvwxyz'],
  ...['qwertzuiop', 'yxcvbnm', 'azertyuiop', 'qsdfghjklm', 'wxcvbn', '!@#$%^&*()', '!"§$%&/()='],
  ...['1qaz2wsx3edc4rfv5tgb6yhn7ujm', '1q2w3e4r5t6y7u8i9o0p', 'q1w2e3r4t5y6u7i8o9p0', 'qazwsxedcrfvtgbyhnujm'],
];
const WALKS = [...ROWS, ...ROWS.map((row) => [...row].reverse().join(''))].join(' ');
const LONGEST_WALK = 28;

/** Whether it is nothing but pieces of three and more neighbours on a keyboard, in the alphabet or among the digits. */
function isSequence(text: string): boolean {
  if (text.length < 4 || text.includes(' ')) return false;
  const reached = new Set([0]);
  for (let start = 0; start < text.length; start++) {
    if (!reached.has(start)) continue;
    for (let length = 3; length <= LONGEST_WALK && start + length <= text.length; length++) {
      if (!WALKS.includes(text.slice(start, start + length))) break;
      reached.add(start + length);
    }
  }
  return reached.has(text.length);
}

const SHORTEST_WORD = 3;

/** Each text as a whole, and its parts: `ann.miller@acme.test` gives ann.miller, ann and miller. */
function wordsOf(context: PasswordContext): string[] {
  const words = context.flatMap((text) => {
    const whole = foldPassword(text ?? '').replace(/@[^@]*$/, '');
    return [whole, whole.replace(/[^\p{L}\p{N}]+/gu, ''), ...whole.split(/[^\p{L}\p{N}]+/u)];
  });
  return [...new Set(words)].filter((word) => word.length >= SHORTEST_WORD).sort((a, b) => b.length - a.length);
}

/** Whether what is left without the words would be too short a password by itself. */
function leansOn(folded: string, words: readonly string[], minLength: number): boolean {
  const rest = words.reduce((text, word) => text.replaceAll(word, ''), folded);
  return rest.length < folded.length && charsOf(rest) < minLength;
}
