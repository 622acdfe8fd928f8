/** Crockford's base 32: no I, L, O, U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, BigInt(value)]));
const LETTERS = 26;

/** A UUID as a ULID: the same 128 bits in 26 letters (130 bits, of which the first two are 0). */
export function toUlid(uuid: string): string {
  let bits = BigInt(`0x${uuid.replaceAll('-', '')}`);
  let text = '';
  for (let at = 0; at < LETTERS; at++) {
    text = ALPHABET[Number(bits & 31n)]! + text;
    bits >>= 5n;
  }
  return text;
}

/** The inverse of `toUlid`, for what is known to be a ULID. */
export function fromUlid(text: string): string {
  let bits = 0n;
  for (const letter of text) bits = (bits << 5n) | VALUES.get(letter)!;
  const hex = bits.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
