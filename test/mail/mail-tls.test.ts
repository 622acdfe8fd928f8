import { expect } from 'chai';
import type { SMTPServerOptions } from 'smtp-server';
import { Refused } from '../../src/mail/mail-sender.ts';
import { at, send, sending, TLS } from './sending.ts';

describe('the sender of letters: TLS', () => {
  const { aSender, aSink, aPeer } = sending();
  const tlsSink = (more: SMTPServerOptions = {}) => aSink({ ...TLS, ...more });

  it('is used where it is offered, and from the first byte where that was said', async () => {
    const offering = await tlsSink();
    expect(await send(aSender(), at(offering))).to.equal('sent');
    expect(await send(aSender(), at(offering, { tls: 'required' }))).to.equal('sent');
    const implicit = await tlsSink({ secure: true });
    expect(await send(aSender(), at(implicit, { tls: 'implicit' }))).to.equal('sent');
    expect([...offering.letters, ...implicit.letters].map(({ secure }) => secure)).to.deep.equal([true, true, true]);
  });

  it('that is required is not done without: neither a letter nor a password goes out', async () => {
    const heard: string[] = [];
    const stripped = await aPeer((socket) => {
      socket.write('220 mail.test\r\n');
      socket.on('data', (chunk) => {
        heard.push(String(chunk));
        socket.write(String(chunk).startsWith('EHLO') ? '250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n' : '250 ok\r\n');
      });
    });
    const secret = { user: 'acme', password: 'S3CRET' };
    const end = await send(aSender(), at(stripped, { tls: 'required', ...secret }));
    expect(end).to.be.instanceOf(Error).and.not.be.instanceOf(Refused);
    expect(heard.join('')).not.to.match(/AUTH|MAIL FROM|S3CRET/);
  });

  it('with a server that is not who it should be ends before a word', async () => {
    const sink = await tlsSink();
    const other = at(sink, { host: 'other.test', tls: 'required' });
    expect(String(await send(aSender(), other))).to.match(/ETLS|ESOCKET/);
    expect(sink.letters).to.deep.equal([]);
  });

  it('carries the password, and a wrong one is no refusal of the letter', async () => {
    const sink = await tlsSink({
      authOptional: false,
      onAuth: ({ username, password }, _session, done) =>
        password === 'S3CRET' ? done(null, { user: username }) : done(new Error(`no such password ${password}`)),
    });
    const server = at(sink, { tls: 'required', user: 'acme', password: 'S3CRET' });
    expect(await send(aSender(), server)).to.equal('sent');
    expect(sink.letters[0]?.user).to.equal('acme');
    const wrong = await send(aSender(), { ...server, password: 'WR0NG' });
    expect(wrong).to.be.instanceOf(Error).and.not.be.instanceOf(Refused);
    expect(String(wrong))
      .to.match(/EAUTH, AUTH \w+, 535/)
      .and.not.include('WR0NG');
  });
});
