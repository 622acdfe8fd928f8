/** Whether PostgreSQL and a page can hold the text: no control character, no half surrogate pair, no bidi override. */
export function isPlain(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text);
}

/**
 * A name or title as a person typed it, without the space around it.
 *
 * @param max characters, counted as code points
 * @returns undefined when it is empty, too long, or holds a control character or a bidi override
 */
export function plainName(raw: string, max: number): string | undefined {
  if (raw.length > max * 2) return undefined;
  const text = raw.trim();
  return text !== '' && [...text].length <= max && isPlain(text) ? text : undefined;
}

/** A language tag (BCP 47) in its canonical form; undefined when it is none. */
export function canonicalLocale(raw: string): string | undefined {
  if (raw.length > 35 || !/^[A-Za-z0-9-]+$/.test(raw)) return undefined;
  try {
    return Intl.getCanonicalLocales(raw)[0];
  } catch {
    return undefined;
  }
}

const timezones = new Map<string, string | undefined>();

/** A name of the IANA time zone database in its canonical spelling; undefined when it is none. Offsets are none. */
export function canonicalTimezone(raw: string): string | undefined {
  if (raw.length > 64 || !/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(raw)) return undefined;
  const known = timezones.get(raw);
  if (known !== undefined) return known;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: raw }).resolvedOptions();
    // Only what is valid is kept, so strangers cannot fill the memory.
    timezones.set(raw, timeZone);
    return timeZone;
  } catch {
    return undefined;
  }
}

/** https anywhere, or http to this machine, without a user name and without a fragment; length in characters. */
export function isWebUrl(raw: string, max: number): boolean {
  if (raw.length > max || !/^[\x21-\x7e]+$/.test(raw) || raw.includes('\\') || raw.includes('#')) return false;
  const url = URL.parse(raw);
  if (url?.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
}

/** A host that never leaves this machine (RFC 6761 §6.3, RFC 8252 §7.3), as `URL.hostname` writes it. */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|([a-z0-9-]+\.)+localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** The same for objects whose keys stand in another order: JSON with sorted keys, `undefined` left out. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
