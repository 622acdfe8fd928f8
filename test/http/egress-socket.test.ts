import type { Socket } from 'node:net';
import { expect } from 'chai';
import { createSocketEgress, type SocketTarget } from '../../src/http/egress-socket.ts';
import { type Listener, listening } from '../support/listener.ts';
import { reasonOf } from './egress-reason.ts';

describe('egress: a connection for another protocol than HTTP', () => {
  let peer: Listener;
  beforeEach(async () => {
    peer = await listening();
  });
  afterEach(() => peer.close());

  const strict = createSocketEgress({ allowedCidrs: [] });
  const connect = async (host: string, more: Partial<SocketTarget> = {}, egress = strict, timeoutMs = 2_000) => {
    const socket = await egress.connect({ host, port: peer.port, isOperators: false, ...more }, timeoutMs);
    socket.destroy();
    return socket;
  };

  it('reaches no private address on behalf of a tenant, however it is written, not even with a SYN', async () => {
    for (const host of [
      '127.0.0.1',
      '::1',
      '::ffff:127.0.0.1',
      '10.0.0.1',
      '169.254.169.254',
      'localhost',
      'a.localhost',
    ])
      expect(await reasonOf(connect(host)), host).to.equal('address');
    expect(peer.connections()).to.equal(0);
  });

  it('judges each address of a name, and connects to what was judged', async () => {
    const answers = [['127.0.0.1'], ['93.184.216.34', '127.0.0.1'], ['::1']];
    for (const addresses of answers) {
      const egress = createSocketEgress({ allowedCidrs: [], resolve: async () => addresses });
      expect(await reasonOf(connect('mail.example', {}, egress))).to.equal('address');
    }
    let asked = 0;
    const rebinding = createSocketEgress({
      allowedCidrs: ['127.0.0.1'],
      resolve: async () => (asked++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']),
    });
    await connect('mail.example', {}, rebinding);
    expect([asked, peer.connections()]).to.deep.equal([1, 1]);
    expect(await reasonOf(connect('mail.example', {}, rebinding))).to.equal('address');
    expect(peer.connections()).to.equal(1);
  });

  it('goes where the operator has said, or to networks that the operator allows', async () => {
    await connect('127.0.0.1', { isOperators: true });
    await connect('localhost', { isOperators: true });
    await connect('127.0.0.1', {}, createSocketEgress({ allowedCidrs: ['127.0.0.0/8'] }));
    expect(peer.connections()).to.equal(3);
  });

  it('ends in time, though a name or a host never answers', async () => {
    const deaf = createSocketEgress({ allowedCidrs: [], resolve: () => new Promise(() => {}) });
    expect(await reasonOf(connect('mail.example', {}, deaf, 50))).to.equal('timeout');
    const nobody = createSocketEgress({ allowedCidrs: [], resolve: async () => [] });
    expect(await reasonOf(connect('mail.example', {}, nobody))).to.equal('unresolved');
  });

  it('says that nobody is there, and outlives an error after it was handed over', async () => {
    const gone = await listening();
    await gone.close();
    const egress = createSocketEgress({ allowedCidrs: ['127.0.0.1'] });
    expect(await reasonOf(egress.connect({ host: '127.0.0.1', port: gone.port, isOperators: false }, 500))).to.equal(
      'network',
    );
    const resetting = await listening((socket: Socket) => socket.once('data', () => socket.resetAndDestroy()));
    const socket = await egress.connect({ host: '127.0.0.1', port: resetting.port, isOperators: false }, 500);
    socket.write('x');
    await new Promise((resolve) => socket.once('close', resolve));
    await resetting.close();
  });
});
