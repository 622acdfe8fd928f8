import { LIMITS } from '../../kernel/limits.ts';
import { canonicalLocale, isWebUrl, plainName } from '../../kernel/text.ts';

/** One language's terms: where they stand, or their words, or both. Words are shown as they are, line by line. */
export type TermsDocument = { url?: string | undefined; text?: string | undefined };

/** Terms of use as they are, or will be, in force. */
export type TermsVersion = {
  /** Its name, as acceptances are kept under it: `2026-11`. */
  version: string;
  /** ISO 8601; the instant from which it is in force. Left out: always. */
  from?: string | undefined;
  /** By language (BCP 47). */
  documents: Readonly<Record<string, TermsDocument>>;
};

/** The version that is in force at a moment: the one whose instant came last. Of two without one, the later in the list. */
export function termsInForce(versions: readonly TermsVersion[], now: Date): TermsVersion | undefined {
  const begun = versions.filter(({ from }) => from === undefined || Date.parse(from) <= now.getTime());
  return begun.toSorted((a, b) => startOf(a) - startOf(b)).at(-1);
}

const startOf = ({ from }: TermsVersion) => (from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from));

/** The document for a reader: in the first of these languages that there is one in, else in the first that there is. */
export function documentFor(
  { documents }: TermsVersion,
  languages: readonly string[],
): { language: string } & TermsDocument {
  const found = languages
    .map((wished) => Object.keys(documents).find((language) => primary(language) === primary(wished)))
    .find((language) => language !== undefined);
  const language = found ?? (Object.keys(documents)[0] as string);
  return { language, ...documents[language] };
}

const primary = (language: string) => language.toLowerCase().split('-')[0];

/** The versions as they are stored; undefined where one of them, or a document, is not allowed. */
export function readTermsVersions(value: unknown): readonly TermsVersion[] | undefined {
  if (!Array.isArray(value) || value.length > LIMITS.termsVersions) return undefined;
  if (JSON.stringify(value).length > LIMITS.termsChars) return undefined;
  const versions = value.map(readVersion);
  if (!versions.every((version) => version !== undefined)) return undefined;
  return new Set(versions.map(({ version }) => version)).size === versions.length ? versions : undefined;
}

function readVersion(value: unknown): TermsVersion | undefined {
  if (!hasOnly(value, ['version', 'from', 'documents'])) return undefined;
  const { version, from, documents } = value;
  if (typeof version !== 'string' || !/^[\w.-]{1,32}$/.test(version)) return undefined;
  const start = typeof from === 'string' && from.length <= 35 ? Date.parse(from) : Number.NaN;
  if (from !== undefined && Number.isNaN(start)) return undefined;
  if (!isObject(documents)) return undefined;
  const read = Object.entries(documents).map(([language, document]) => [
    canonicalLocale(language),
    readDocument(document),
  ]);
  if (read.length === 0 || read.some(([language, document]) => language === undefined || document === undefined))
    return undefined;
  const stored = { version, documents: Object.fromEntries(read) as TermsVersion['documents'] };
  return from === undefined ? stored : { version, from: new Date(start).toISOString(), documents: stored.documents };
}

function readDocument(value: unknown): TermsDocument | undefined {
  if (!hasOnly(value, ['url', 'text'])) return undefined;
  const { url, text } = value;
  if (url === undefined && text === undefined) return undefined;
  if (url !== undefined && !(typeof url === 'string' && isWebUrl(url, LIMITS.redirectUriChars))) return undefined;
  if (text !== undefined && !(typeof text === 'string' && isReadable(text))) return undefined;
  return value as TermsDocument;
}

/** Lines of plain text. */
const isReadable = (text: string) =>
  text.trim() !== '' &&
  text
    .split(/\r?\n/)
    .every((line) => line.trim() === '' || plainName(line.replaceAll('\t', ' '), LIMITS.termsChars) !== undefined);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasOnly = (value: unknown, keys: readonly string[]): value is Record<string, unknown> =>
  isObject(value) && Object.keys(value).every((key) => keys.includes(key));
