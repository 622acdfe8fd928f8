import type { Socket } from 'node:net';
import { expect } from 'chai';
import { createEgress } from '../../src/http/egress.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aLog } from '../support/http.ts';
import { answering, listening } from '../support/listener.ts';
import { reasonOf } from './egress-reason.ts';

const { log } = aLog();
const egress = createEgress({ allowedCidrs: ['127.0.0.0/8'], log, timeoutMs: 10_000 });

/** Asks a peer for its head alone. Gives the status, and how many bytes of body the peer got rid of. */
async function headOf(answer: (socket: Socket) => void): Promise<{ status: number; body: string }> {
  const closed = Promise.withResolvers<void>();
  const peer = await listening((socket) => {
    socket.once('close', () => closed.resolve());
    answering((one) => answer(one))(socket);
  });
  const response = await egress.fetch(`http://127.0.0.1:${peer.port}/`, { method: 'POST', body: '{}', headOnly: true });
  await closed.promise;
  await peer.close();
  return { status: response.status, body: await response.text() };
}

describe('egress: an answer of which the head alone counts', function () {
  this.timeout(20_000);

  it('may have any body, which is dropped', async () => {
    for (const extra of ['content-type: text/html', 'content-encoding: gzip', 'x-nothing: y']) {
      const head = `HTTP/1.1 200 OK\r\n${extra}\r\ncontent-length: 4\r\n\r\n`;
      expect(await headOf((socket) => socket.end(`${head}nope`))).to.deep.equal({ status: 200, body: '' });
    }
    expect(await headOf((socket) => socket.end('HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n'))).to.include({
      status: 410,
    });
  });

  it('is taken though its body is endless: no more than a little is let in', async () => {
    let sent = 0;
    const { status } = await headOf((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n');
      const more = () => {
        while (!socket.destroyed && sent < 100_000_000 && socket.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      socket.on('drain', more);
      more();
    });
    expect(status).to.equal(200);
    // What lies in the buffers of two sockets was sent too.
    expect(sent).to.be.lessThan(50_000_000).and.greaterThan(LIMITS.egressDropBytes);
  });

  it('is taken though its body drips: it is not waited for', async () => {
    let drip: NodeJS.Timeout;
    const { status } = await headOf((socket) => {
      socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 1000000\r\n\r\n');
      drip = setInterval(() => socket.write('x'), 20);
      socket.once('close', () => clearInterval(drip));
    });
    expect(status).to.equal(202);
  });

  it('is no redirect, and comes in time', async () => {
    const peer = await listening(answering('HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n'));
    expect(await reasonOf(egress.fetch(`http://127.0.0.1:${peer.port}/`, { headOnly: true }))).to.equal('redirect');
    await peer.close();
    const deaf = await listening();
    const call = egress.fetch(`http://127.0.0.1:${deaf.port}/`, { headOnly: true, timeoutMs: 50 });
    expect(await reasonOf(call)).to.equal('timeout');
    await deaf.close();
  });
});
