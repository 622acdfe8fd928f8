import { expect } from 'chai';
import { EVENTS, isEventPattern, meansEvent } from '../../../src/domain/webhooks/event.ts';
import { checkedWebhook, type WebhookDraft } from '../../../src/domain/webhooks/webhook.ts';
import { createEgress } from '../../../src/http/egress.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { expectFailure } from '../../support/expect.ts';
import { aLog } from '../../support/http.ts';

const { assertUrl } = createEgress({ allowedCidrs: [], log: aLog().log });
const check = async (draft: Partial<WebhookDraft>) =>
  checkedWebhook({ url: 'https://hooks.example/', events: ['*'], ...draft }, assertUrl);

describe('a webhook', () => {
  it('leads to a public https address', async () => {
    for (const url of ['https://hooks.example/a?b=c', 'https://hooks.example:8443/', 'https://[2606:4700::1111]/'])
      expect(await check({ url })).to.include({ url });
    for (const url of [
      'http://hooks.example/',
      'https://127.0.0.1/',
      'https://localhost/',
      'https://x.localhost/',
      'https://10.1.2.3/',
      'https://172.16.0.1/',
      'https://192.168.1.1/',
      'https://169.254.169.254/latest/meta-data/',
      'https://100.64.0.1/',
      'https://0.0.0.0/',
      'https://[::]/',
      'https://[::1]/',
      'https://[fd00::1]/',
      'https://[fe80::1]/',
      'https://[::ffff:7f00:1]/',
      'https://[64:ff9b::7f00:1]/',
      'https://2130706433/',
      'https://0177.0.0.1/',
      'https://0x7f.1/',
      'https://localhost./',
      'https://user:pass@hooks.example/',
      'https://hooks.example:22/',
      'https://hooks.example/#part',
      'https://hooks.example\\@evil.example/',
      'https://hooks.example/\u0000',
      ' https://hooks.example/',
      'https://hooks.example/ü',
      'file:///etc/passwd',
      'gopher://hooks.example/',
      'data:text/plain,x',
      'javascript:alert(1)',
      '/hook',
      '',
    ]) {
      const details = await expectFailure('invalid_input', check({ url }));
      expect([url, details['field']]).to.deep.equal([url, 'url']);
    }
  });

  it('stays where it is, though the operator has shut that network since', async () => {
    const url = 'http://127.0.0.1/';
    const present = { ...(await check({})), url } as never;
    expect(checkedWebhook({ url, events: ['user.*'] }, assertUrl, present)).to.deep.include({
      url,
      events: ['user.*'],
    });
  });

  it('wants events that exist, each once', async () => {
    expect(await check({ events: ['user.created', 'role.*', 'user.created'] })).to.deep.include({
      events: ['role.*', 'user.created'],
    });
    for (const events of [
      [],
      ['user'],
      ['user.'],
      ['users.*'],
      ['*.created'],
      ['.*'],
      ['**'],
      [''],
      ['webhook.test'],
      ['webhook.*'],
    ])
      await expectFailure('invalid_input', check({ events }));
  });

  it('has a description of plain text', async () => {
    expect(await check({ description: ' The ward ' })).to.include({ description: 'The ward' });
    expect(await check({ description: null })).to.include({ description: null });
    await expectFailure('invalid_input', check({ description: 'a\u202eb' }));
  });

  it('says why it is disabled', async () => {
    expect(await check({ status: 'disabled' })).to.include({ status: 'disabled', disabledReason: 'manual' });
    const gone = { ...(await check({})), status: 'disabled', disabledReason: 'gone' } as never;
    const kept = { url: 'https://hooks.example/', events: ['*'] } as const;
    expect(checkedWebhook({ ...kept, status: 'disabled' }, assertUrl, gone).disabledReason).to.equal('gone');
    expect(checkedWebhook({ ...kept, status: 'active' }, assertUrl, gone).disabledReason).to.equal(null);
  });
});

describe('a pattern of events', () => {
  it('is a name, all of an area, or everything', () => {
    const names = Object.keys(EVENTS);
    const meant = (pattern: string) => names.filter((name) => meansEvent(pattern, name));
    expect(meant('user.created')).to.deep.equal(['user.created']);
    expect(meant('user.*')).to.deep.equal(names.filter((name) => name.startsWith('user.')));
    expect(meant('*')).to.deep.equal(names);
    expect(meant('session.*')).to.deep.equal(['session.ended']);
    expect(meant('user.*').length).to.be.greaterThan(5);
  });

  it('of every name but that of the test means something', () => {
    for (const name of Object.keys(EVENTS))
      expect([name, isEventPattern(name)]).to.deep.equal([name, name !== 'webhook.test']);
    expect(Object.keys(EVENTS).every((name) => name.length <= 64)).to.equal(true);
    expect(LIMITS.webhookEvents).to.be.greaterThan(Object.keys(EVENTS).length);
  });
});
