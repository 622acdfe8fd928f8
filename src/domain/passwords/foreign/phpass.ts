import { createHash, timingSafeEqual } from 'node:crypto';
import { cryptBase64, cryptDigit } from './crypt-base64.ts';

const PHPASS = /^\$[PH]\$([./A-Za-z0-9])([./A-Za-z0-9]{8})[./A-Za-z0-9]{22}$/;

/** Whether it is a portable hash of phpass (WordPress, phpBB) of 2^7 to 2^18 rounds of MD5. */
export function isPhpass(hash: string): boolean {
  const logRounds = cryptDigit(PHPASS.exec(hash)?.[1] ?? '?');
  return logRounds >= 7 && logRounds <= 18;
}

/** Takes the thread for as long as it runs. The hash is one that `isPhpass` let through. */
export function verifyPhpass(hash: string, password: string): boolean {
  const text = Buffer.from(password);
  const salt = hash.slice(4, 12);
  let digest = createHash('md5').update(salt).update(text).digest();
  for (let round = 2 ** cryptDigit(hash[3]!); round > 0; round--)
    digest = createHash('md5').update(digest).update(text).digest();
  return timingSafeEqual(Buffer.from(hash.slice(0, 12) + encode(digest)), Buffer.from(hash));
}

function encode(digest: Buffer): string {
  let text = '';
  for (let index = 0; index < digest.length; index += 3) {
    const bytes = digest.subarray(index, index + 3);
    text += cryptBase64(bytes[0]! | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16), bytes.length + 1);
  }
  return text;
}
