import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { LIMITS } from '../kernel/limits.ts';

export type TextValues = Readonly<Record<string, string | number>>;

/** One language of the pages. */
export type Language = {
  /** BCP 47, lower case: the name of its file. */
  readonly code: string;
  readonly direction: 'ltr' | 'rtl';
  /** Its own name for itself. */
  readonly name: string;
  has(key: string): boolean;
  /** The text, its `{placeholders}` replaced, numbers in the language's digits. Plain text: a view escapes it. An unknown key is a bug and throws. */
  t(key: string, values?: TextValues): string;
  /** "30 days". */
  days(count: number): string;
  /** A moment in the language's calendar and digits, to the minute, with its zone. */
  date(moment: Date, timeZone?: string): string;
  /** The same for a person in their own zone: shorter, and without its name. */
  when(moment: Date, timeZone: string): string;
};

/** What is known of the language a person wishes, each as it came in. Earlier lines win. */
export type LanguageWishes = {
  /** `?lang=` of this very request: what the person just chose. */
  chosen?: string | undefined;
  /** `ui_locales` of the authorization request, separated by spaces (OpenID Connect Core §3.1.2.1). */
  uiLocales?: string | undefined;
  /** The cookie `gh_lang`: what the person chose earlier. */
  cookie?: string | undefined;
  acceptLanguage?: string | undefined;
  tenantDefault?: string | undefined;
};

export type Texts = {
  /** English first, the others by their code. */
  readonly languages: readonly Language[];
  /** The first wish that there is a file for, by its primary subtag (`fr-CA` finds `fr`); English when there is none. */
  forLanguage(wishes: LanguageWishes): Language;
  /** Whether pages are written in exactly this language: what `?lang=` and the cookie may hold. */
  isLanguage(code: string): boolean;
};

const FALLBACK = 'en';
const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

/** Reads the texts of every language, once. Throws when a file lacks a key of another, or has one more. */
export function createTexts(folder = 'views/texts'): Texts {
  const codes = readdirSync(folder).flatMap((file) => /^([a-z]{2,3})\.yaml$/.exec(file)?.[1] ?? []);
  const languages = new Map(
    codes
      .sort((a, b) => Number(b === FALLBACK) - Number(a === FALLBACK) || a.localeCompare(b))
      .map((code) => [code, createLanguage(code, readTexts(join(folder, `${code}.yaml`)))]),
  );
  const english = languages.get(FALLBACK);
  if (!english) throw new Error(`${folder} has no ${FALLBACK}.yaml`);
  assertSameKeys(folder, codes);

  return {
    languages: [...languages.values()],
    isLanguage: (code) => languages.has(code),
    forLanguage({ chosen, uiLocales, cookie, acceptLanguage, tenantDefault }) {
      const wished = [tags(chosen), tags(uiLocales), tags(cookie), weighed(acceptLanguage), tags(tenantDefault)].flat();
      const found = wished.map((tag) => languages.get(tag.split('-')[0]!)).find((language) => language !== undefined);
      return found ?? english;
    },
  };
}

function readTexts(file: string): ReadonlyMap<string, string> {
  const content: unknown = parseYaml(readFileSync(file, 'utf8'));
  const texts = new Map(Object.entries(content as object));
  for (const [key, value] of texts) {
    if (typeof value !== 'string' || value === '') throw new Error(`${file}: ${key} is not a text`);
  }
  return texts;
}

function assertSameKeys(folder: string, codes: readonly string[]): void {
  const keysOf = (code: string) => new Set(readTexts(join(folder, `${code}.yaml`)).keys());
  const expected = keysOf(FALLBACK);
  for (const code of codes) {
    const different = [...keysOf(code).symmetricDifference(expected)];
    if (different.length > 0)
      throw new Error(`${folder}/${code}.yaml differs from ${FALLBACK}.yaml in ${different.join(', ')}`);
  }
}

function createLanguage(code: string, texts: ReadonlyMap<string, string>): Language {
  const direction = RIGHT_TO_LEFT.has(code) ? 'rtl' : 'ltr';
  const numbers = new Intl.NumberFormat(code);
  const days = new Intl.NumberFormat(code, { style: 'unit', unit: 'day', unitDisplay: 'long' });
  return {
    code,
    direction,
    name: texts.get('language.name') ?? code,
    has: (key) => texts.has(key),
    t(key, values = {}) {
      const text = texts.get(key);
      if (text === undefined) throw new Error(`there is no text ${key}`);
      return text.replace(/\{(\w+)\}/g, (_whole, name: string) => {
        const value = Object.hasOwn(values, name) ? values[name] : undefined;
        if (value === undefined) throw new Error(`the text ${key} needs ${name}`);
        return typeof value === 'number' ? numbers.format(value) : isolated(value, direction);
      });
    },
    days: (count) => days.format(count),
    date: (moment, timeZone = 'UTC') =>
      new Intl.DateTimeFormat(code, { dateStyle: 'long', timeStyle: 'short', timeZone }).format(moment) +
      ` (${timeZone})`,
    when: (moment, timeZone) =>
      new Intl.DateTimeFormat(code, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(moment),
  };
}

const BIDI_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const RIGHT_TO_LEFT_LETTER = /[\p{Script=Arabic}\p{Script=Hebrew}]/u;

/**
 * A name from outside keeps its own direction and does not turn the sentence around it (Unicode UAX #9 §2.7): isolated
 * by FSI and PDI where directions could mix, and without the marks by which it could reach further.
 */
function isolated(value: string, direction: 'ltr' | 'rtl'): string {
  const plain = value.replace(BIDI_CONTROLS, '');
  return direction === 'rtl' || RIGHT_TO_LEFT_LETTER.test(plain) ? `\u2068${plain}\u2069` : plain;
}

/** Language tags of a list separated by spaces, lower case. What is longer than any honest list is cut. */
function tags(raw: string | undefined): string[] {
  return (raw ?? '')
    .slice(0, LIMITS.languageListChars)
    .toLowerCase()
    .split(/\s+/)
    .filter((tag) => /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/.test(tag));
}

/** The tags of `Accept-Language` (RFC 9110 §12.5.4), best first; without those of weight 0. */
function weighed(raw: string | undefined): string[] {
  return (raw ?? '')
    .slice(0, LIMITS.languageListChars)
    .split(',')
    .map((item) => {
      const [tag = '', ...parameters] = item.split(';').map((part) => part.trim());
      const weight = parameters
        .map((parameter) => /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i.exec(parameter)?.[1])
        .find(Boolean);
      return { tag, weight: weight === undefined ? (parameters.length > 0 ? 0 : 1) : Number(weight) };
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .flatMap(({ tag }) => tags(tag));
}
