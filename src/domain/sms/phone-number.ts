import { Failure } from '../../kernel/failure.ts';

/**
 * Numbers that no person has a telephone at, or at which every message costs its sender a premium: whoever owns one earns
 * by having codes sent to it. The beginning of a number after its plus, longest rules first where they meet.
 */
const REFUSED = [
  // Without a country: freephone, shared cost, satellites, international networks, personal and premium numbers (ITU E.164)
  '800|808|87[08]|88[1238]|979|999',
  // North America: 900, and the exchanges 976
  '1900|1\\d{3}976',
  // United Kingdom: premium, services, personal numbers, pagers
  '44(9|8[47]|70|76)',
  '49(900|137|138|18|115|700)',
  '33(8|36)',
  '34(80[367]|90|70|51)',
  '39(89|199|178|84|16)',
  '31(90|8[478])',
  '32(90|78|70)',
  '41(90|84|70)',
  '43(9|8[12]|71)',
  '351(6[0-9]|70|76|80)',
  '353(15|18|700)',
  '45(90)',
  '46(900|939|944)',
  '47(8[0-9])',
  '48(70|80)',
  '358(600|700)',
  '7(809|803)',
  '61(19|13|18)',
  '64(900|800)',
  '81(990|570|120)',
  '82(60|70060)',
  '90(900|898)',
];
const UNTEXTABLE = new RegExp(`^\\+(?:${REFUSED.join('|')})`);

/**
 * A number to which a code may be sent, by E.164. Shorter numbers are service numbers of one country.
 *
 * @param callingCodes those of a tenant that sends to some countries only; empty: all
 * @throws Failure `invalid_input` for what is no such number; `phone_not_allowed` for premium, service and satellite
 *   numbers, and for countries that the tenant does not send to
 */
export function textableNumber(raw: string, callingCodes: readonly string[]): string {
  const number = raw.length > 32 ? '' : raw.replace(/[\s().-]/g, '');
  if (!/^\+[1-9]\d{6,14}$/.test(number))
    throw new Failure('invalid_input', { field: 'phoneNumber', problem: 'must be E.164, as +15551234567' });
  const isSentTo = callingCodes.length === 0 || callingCodes.some((code) => number.startsWith(`+${code}`));
  if (!isSentTo || UNTEXTABLE.test(number)) throw new Failure('phone_not_allowed');
  return number;
}

/** A number as it is shown to who may not know it: its beginning and its last two digits. */
export function maskedNumber(number: string): string {
  return `${number.slice(0, 3)}•••••${number.slice(-2)}`;
}
