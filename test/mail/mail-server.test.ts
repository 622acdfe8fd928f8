import { expect } from 'chai';
import { ehloName } from '../../src/mail/mail-sender.ts';
import { readMailUrl } from '../../src/mail/mail-server.ts';

describe('a mail server’s URL', () => {
  it('says how to speak to it', () => {
    expect(readMailUrl('smtp://mail.example')).to.deep.equal({
      ...{ host: 'mail.example', port: 587, tls: 'offered', isOperators: true },
    });
    expect(readMailUrl('smtps://acme:p%40ss@mail.example')).to.include({
      ...{ port: 465, tls: 'implicit', user: 'acme', password: 'p@ss' },
    });
    expect(readMailUrl('smtp://[::1]:25?tls=none')).to.include({ host: '::1', port: 25, tls: 'none' });
  });

  it('sends a password over TLS only, unless it says so or the server is this machine', () => {
    expect(readMailUrl('smtp://a:b@mail.example')).to.include({ tls: 'required' });
    expect(readMailUrl('smtp://a:b@mail.example?tls=none')).to.include({ tls: 'none' });
    expect(readMailUrl('smtp://a:b@localhost')).to.include({ tls: 'offered' });
  });

  it('is nothing else', () => {
    for (const text of [
      ...['', 'mail.example', 'https://mail.example', 'smtp://', 'smtp://a?tls=maybe', 'smtps://a?tls=none'],
      ...['smtp://a?pool=true', 'smtp://a%zz:b@mail.example', 'smtp://mail.example?tls=none&logger=true'],
    ])
      expect(readMailUrl(text), text).to.equal(undefined);
  });

  it('is spoken to by the name of our host', () => {
    expect(['id.test', '127.0.0.1', '[::1]'].map(ehloName)).to.deep.equal(['id.test', '[127.0.0.1]', '[IPv6:::1]']);
  });
});
