import { generateSecret, generateURI, verify } from 'otplib';
import { toDataURL } from 'qrcode';
import { asciiDigits } from './code-text.ts';

const STEP_SECONDS = 30;

/** 20 random bytes in base 32 (RFC 4226 §4, R6 asks for at least 16). */
export const newSecret = (): string => generateSecret({ length: 20 });

/** What an authenticator application reads from the picture (Key Uri Format). Names lose what would end a label. */
export function provisioningUri({ issuer, label, secret }: { issuer: string; label: string; secret: string }): string {
  return generateURI({ issuer: issuer.replaceAll(':', ' '), label: label.replaceAll(':', ' '), secret });
}

/** The URI as a QR code, `data:image/png;base64,…`. */
export const qrCode = (uri: string): Promise<string> =>
  toDataURL(uri, { errorCorrectionLevel: 'M', margin: 4, scale: 5 });

/**
 * Tells which 30-second step a six-digit code belongs to, or undefined when it is not valid now: that of this moment or
 * the one before, so a code lives for at most 60 seconds. The caller stores the step and refuses it a second time: a
 * code is good for one use (RFC 6238 §5.2). Digits of any script and spaces are taken as they are meant.
 *
 * @param secret base 32
 * @param now    the call's instant
 */
export async function stepOf(code: string, secret: string, now: Date): Promise<number | undefined> {
  const token = asciiDigits(code);
  if (!/^\d{6}$/.test(token)) return undefined;
  try {
    const epoch = Math.floor(now.getTime() / 1000);
    const result = await verify({ secret, token, epoch, period: STEP_SECONDS, epochTolerance: [STEP_SECONDS, 0] });
    return result.valid && 'timeStep' in result ? result.timeStep : undefined;
  } catch {
    // otplib throws for what it cannot read; whatever it is, it is no valid code.
    return undefined;
  }
}
