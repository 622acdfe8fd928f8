import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import dnsPacket, { type Answer, type DecodedPacket } from 'dns-packet';

/** What the DNS says of a name: texts in their parts; an error; or nothing at all. */
type Said = readonly (readonly string[])[] | 'SERVFAIL' | 'silent';

const names = new Map<string, Said>();
let address: string | undefined;

/** Makes the DNS of this run say something of a name. What nobody has said is NXDOMAIN. */
export function answerTexts(name: string, said: Said): void {
  names.set(name.toLowerCase(), said);
}

/** Which names were asked for, as they were written. */
export const asked: string[] = [];

/** The DNS of this run, by UDP and TCP on loopback, from the first who asks for it. Gives its address and port. */
export async function dnsServer(): Promise<string> {
  if (address !== undefined) return address;
  const udp = createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const { port } = udp.address();
  const tcp = createServer((socket) => serve(socket));
  await new Promise<void>((resolve) => tcp.listen(port, '127.0.0.1', resolve));
  udp.on('message', (message, { port: to, address: at }) => {
    const answer = answerTo(dnsPacket.decode(message));
    if (!answer) return;
    const whole = dnsPacket.encode(answer);
    // What does not fit is asked for again by TCP (RFC 1035 §4.2.1).
    const short = { ...answer, answers: [], flags: (answer.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE };
    udp.send(whole.length > 512 ? dnsPacket.encode(short) : whole, to, at);
  });
  udp.unref();
  tcp.unref();
  address = `127.0.0.1:${port}`;
  return address;
}

function serve(socket: Socket): void {
  socket.unref();
  socket.on('error', () => socket.destroy());
  let waiting: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 2 && waiting.length >= waiting.readUInt16BE(0) + 2) {
      const end = waiting.readUInt16BE(0) + 2;
      const answer = answerTo(dnsPacket.decode(waiting.subarray(2, end)));
      waiting = waiting.subarray(end);
      if (answer) socket.write(dnsPacket.streamEncode(answer));
    }
  });
}

function answerTo({ id, questions = [] }: DecodedPacket): dnsPacket.Packet | undefined {
  const name = questions[0]?.name ?? '';
  asked.push(name);
  const said = names.get(name.toLowerCase());
  if (said === 'silent') return undefined;
  const rcode = said === 'SERVFAIL' ? 2 : said === undefined ? 3 : 0;
  const texts = typeof said === 'object' ? said : [];
  const answers = texts.map((data): Answer => ({ type: 'TXT', name, ttl: 1, data: [...data] }));
  return { type: 'response', id: id ?? 0, flags: dnsPacket.RECURSION_AVAILABLE | rcode, questions, answers };
}
