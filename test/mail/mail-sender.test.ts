import { expect } from 'chai';
import { Resting } from '../../src/http/breaker.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { Refused } from '../../src/mail/mail-sender.ts';
import { listening } from '../support/listener.ts';
import { aMail, at, send, sending, TLS } from './sending.ts';

describe('the sender of letters', () => {
  const { aSender, aSink, aPeer } = sending();

  describe('on the wire', () => {
    it('is one letter to one address, with the id of its row', async () => {
      const sink = await aSink();
      expect(await send(aSender(), at(sink))).to.equal('sent');
      const [letter] = sink.letters;
      expect(letter).to.deep.include({
        from: 'no-reply@id.test',
        to: ['ann@example.com'],
        subject: 'Hello',
        text: 'Hello',
        html: '<p>Hello</p>',
      });
      expect(Object.fromEntries(letter!.headers)).to.include({
        'message-id': '<019ab2f4-7c11-7d03-9c5e-2f4b8a1d6e90@id.test>',
        'auto-submitted': 'auto-generated',
        'content-language': 'en',
        from: 'Acme <no-reply@id.test>',
        to: 'Ann Lee <ann@example.com>',
        date: 'Mon, 01 Jun 2026 12:00:00 +0000',
      });
    });

    it('carries every language, in names, subject and both parts', async () => {
      const sink = await aSink();
      const subject = 'گذرواژهٔ تازه‌ای انتخاب کنید برای \u2068Северный ветер\u2069';
      const words = { subject, text: subject, html: `<p>${subject}</p>` };
      await send(aSender(), at(sink), aMail({ ...words, to: { name: 'Zoë', address: 'zoë@bücher.example' } }));
      expect(sink.letters[0]).to.deep.include(words);
    });

    it('has no place for another header or another recipient', async () => {
      const sink = await aSink();
      const evil = '\r\nBcc: eve@example.com\r\n\r\nwin';
      const mails = [
        aMail({ subject: `Hello${evil}` }),
        aMail({ from: { name: `Acme${evil}`, address: 'no-reply@id.test' } }),
        aMail({ to: { name: `Ann${evil}, eve@example.com`, address: 'ann@example.com' } }),
        aMail({ to: { name: '<eve@example.com>, "', address: 'ann@example.com' } }),
        aMail({ language: `en${evil}` }),
      ];
      for (const mail of mails) expect(await send(aSender(), at(sink), mail)).to.equal('sent');
      for (const letter of sink.letters) {
        expect(letter.to).to.deep.equal(['ann@example.com']);
        expect(letter.head.filter((line) => /^(bcc|cc):/i.test(line))).to.deep.equal([]);
        expect([letter.text, letter.html]).to.deep.equal(['Hello', '<p>Hello</p>']);
      }
    });

    it('is refused before anything is sent to an address that is none, or several', async () => {
      const sink = await aSink();
      for (const address of [
        'a@x.test\r\nRCPT TO:<eve@x.test>',
        'a@x.test, b@x.test',
        'a@x.test> BODY=8BITMIME <b@x.test',
        '',
      ]) {
        const end = await send(aSender(), at(sink), aMail({ to: { name: '', address } }));
        if (end === 'sent') expect(sink.letters.at(-1)?.to).to.have.length(1);
      }
      expect(sink.letters.flatMap(({ to }) => to))
        .not.to.include('eve@x.test')
        .and.not.include('b@x.test');
    });

    it('reads no file and fetches no URL, whatever a text names', async () => {
      const sink = await aSink();
      const peer = await aPeer();
      const evil = { path: '/etc/passwd', href: `http://127.0.0.1:${peer.port}/` } as unknown as string;
      expect(await send(aSender(), at(sink), aMail({ html: evil }))).to.be.instanceOf(Error);
      expect([peer.connections(), sink.letters.length]).to.deep.equal([0, 0]);
    });
  });

  describe('a server that', () => {
    /** A server that answers `reply` to the command that begins with `to`, and hangs up after it where `ends`. */
    const replying = (to: string, reply: string, { ends = false } = {}) =>
      aPeer((socket) => {
        let [isData, text] = [false, ''];
        socket.write('220 mail.test\r\n');
        socket.on('data', (chunk) => {
          text += String(chunk);
          if (isData ? !text.endsWith('\r\n.\r\n') : !text.endsWith('\r\n')) return;
          for (const line of isData ? ['.'] : text.trimEnd().split('\r\n')) {
            const isMeant = line.startsWith(to);
            if (isMeant && reply !== '') socket.write(`${reply}\r\n`);
            if (isMeant && ends) return socket.destroy();
            if (isMeant && reply === '') return;
            if (!isMeant) socket.write(line === 'DATA' ? '354 go on\r\n' : '250 ok\r\n');
            isData = !isMeant && line === 'DATA';
          }
          text = '';
        });
      });

    for (const [what, to, reply, isFinal] of [
      ['knows no such mailbox', 'RCPT', '550 5.1.1 <ann@example.com> is unknown', true],
      ['takes no such letter', '.', '554 5.7.1 looks like spam', true],
      ['has a full mailbox', 'RCPT', '552 5.2.2 full', false],
      ['lets everybody wait', 'RCPT', '450 4.7.1 greylisted', false],
      ['is too busy', '.', '452 4.3.1 no room', false],
      ['closes', 'MAIL', '421 4.3.2 closing', false],
      ['does not know our sender', 'MAIL', '550 5.7.1 not you', false],
    ] as const) {
      it(`${what} (${to} ${reply.slice(0, 3)}) is ${isFinal ? 'believed: the letter is refused' : 'asked again later'}`, async () => {
        const end = await send(aSender(), at(await replying(to, reply)));
        expect(end).to.be.instanceOf(Error);
        expect(end instanceof Refused).to.equal(isFinal);
        expect(String(end)).to.include(reply.slice(0, 3)).and.not.include('ann@').and.not.include('spam');
      });
    }

    it('hangs, at whatever word, is given up in time, and its connection is closed', async () => {
      for (const to of ['EHLO', 'MAIL', 'RCPT', 'DATA', '.']) {
        const closed = Promise.withResolvers<void>();
        const peer = await replying(to, '');
        const listen = await aPeer((socket) => socket.once('close', () => closed.resolve()));
        expect(await send(aSender(150), at(to === 'EHLO' ? listen : peer)), to).to.be.instanceOf(Error);
        if (to === 'EHLO') await closed.promise;
      }
    });

    it('breaks off after the letter gets it again under the same Message-ID', async () => {
      const heard: string[] = [];
      const sender = aSender();
      const peer = await replying('.', '', { ends: true });
      expect(await send(sender, at(peer)))
        .to.be.instanceOf(Error)
        .and.not.be.instanceOf(Refused);
      const sink = await aSink();
      for (let times = 0; times < 2; times++) await send(sender, at(sink));
      heard.push(...sink.letters.map(({ headers }) => headers.get('message-id')!));
      expect(new Set(heard)).to.have.property('size', 1);
    });

    it('is not there, or has no address, is asked again later', async () => {
      const gone = await listening();
      await gone.close();
      expect(await send(aSender(), at(gone)))
        .to.be.instanceOf(Error)
        .and.not.be.instanceOf(Refused);
    });

    it('fails several times rests, and others do not wait for it', async () => {
      const sender = aSender(400);
      const [hanging, sink] = [await aPeer(), await aSink()];
      for (let faults = 0; faults < LIMITS.breakerFaults; faults++)
        expect(await send(sender, at(hanging))).not.to.be.instanceOf(Resting);
      expect(await send(sender, at(hanging))).to.be.instanceOf(Resting);
      expect(hanging.connections()).to.equal(LIMITS.breakerFaults);
      expect(await send(sender, at(sink))).to.equal('sent');
    });

    it('refuses letters is well: its refusals do not make it rest', async () => {
      const sender = aSender();
      const peer = await replying('RCPT', '550 no');
      for (let times = 0; times <= LIMITS.breakerFaults; times++)
        expect(await send(sender, at(peer))).to.be.instanceOf(Refused);
    });
  });

  describe('connections', () => {
    it('are kept for the next letter, and are so many at most', async () => {
      const sink = await aSink();
      const sender = aSender();
      const letters = Array.from({ length: 12 }, () => send(sender, at(sink)));
      expect(new Set(await Promise.all(letters))).to.deep.equal(new Set(['sent']));
      expect(sink.connections()).to.be.at.most(LIMITS.smtpConnections);
      const before = sink.connections();
      await send(sender, at(sink));
      expect(sink.connections()).to.equal(before);
    });

    it('are other ones for another password', async () => {
      const sink = await aSink({ onAuth: ({ username }, _session, done) => done(null, { user: username }), ...TLS });
      const sender = aSender();
      for (const password of ['one', 'two']) {
        await send(sender, at(sink, { tls: 'required', user: password, password }));
      }
      expect(sink.letters.map(({ user }) => user)).to.deep.equal(['one', 'two']);
    });

    it('of a server that was not used for long are given up for those of others', async () => {
      const sender = aSender();
      const sink = await aSink();
      for (let server = 0; server <= LIMITS.smtpServers; server++)
        await send(sender, at(sink, { host: `m${server}.test` }));
      const before = sink.connections();
      expect(before).to.equal(LIMITS.smtpServers + 1);
      await send(sender, at(sink, { host: `m${LIMITS.smtpServers}.test` }));
      expect(sink.connections()).to.equal(before);
      await send(sender, at(sink, { host: 'm0.test' }));
      expect(sink.connections()).to.equal(before + 1);
    });

    it('end with the caller who gives up', async () => {
      const caller = new AbortController();
      const peer = await aPeer(() => caller.abort());
      expect(await send(aSender(), at(peer), aMail(), caller.signal)).to.be.instanceOf(Error);
    });
  });
});
