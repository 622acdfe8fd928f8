import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length =
    body.length < 128 ? Buffer.from([body.length]) : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
};
const oid = (hex: string): Buffer => tlv(6, Buffer.from(hex, 'hex'));
const name = (text: string): Buffer => tlv(0x30, tlv(0x31, tlv(0x30, oid('550403'), tlv(12, Buffer.from(text)))));

/** A self-signed certificate (X.509 v3, P-256) for one DNS name, and its key; both in PEM. */
export function aCertificate(host: string): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = tlv(0x30, oid('2a8648ce3d040302'));
  const names = tlv(0x30, oid('551d11'), tlv(4, tlv(0x30, tlv(0x82, Buffer.from(host)))));
  const isAuthority = tlv(
    0x30,
    oid('551d13'),
    tlv(1, Buffer.from([0xff])),
    tlv(4, tlv(0x30, tlv(1, Buffer.from([0xff])))),
  );
  const tbs = tlv(
    0x30,
    tlv(0xa0, tlv(2, Buffer.from([2]))),
    tlv(2, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name(host),
    tlv(0x30, tlv(0x18, Buffer.from('20200101000000Z')), tlv(0x18, Buffer.from('20990101000000Z'))),
    name(host),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, tlv(0x30, isAuthority, names)),
  );
  const signature = sign('sha256', tbs, privateKey);
  const der = tlv(0x30, tbs, algorithm, tlv(3, Buffer.concat([Buffer.from([0]), signature])));
  const cert = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
