const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Up to three bytes in the alphabet of crypt(3), least significant six bits first, as `chars` characters. */
export function cryptBase64(value: number, chars: number): string {
  let text = '';
  for (let left = value, index = 0; index < chars; index++, left >>>= 6) text += ALPHABET[left & 0x3f];
  return text;
}

/** The number that one character of that alphabet stands for; -1 when it is none. */
export function cryptDigit(char: string): number {
  return ALPHABET.indexOf(char);
}
