import { expect } from 'chai';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aBrowser } from '../support/browser.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode, TV, WEB } from '../support/node.ts';
import { post } from '../support/oauth.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

describe('the device flow', () => {
  let node: TestNode;
  let second: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    second = await startNode({ publicUrl: node.url });
  });
  beforeEach(async () => {
    site = await aSite(node, { clients: [WEB, TV, { ...TV, clientId: 'radio' }] });
  });
  after(async () => {
    await second.stop();
    await node.stop();
  });

  const begin = async () =>
    (await post(node, site, '/oauth/device', { client_id: 'tv', scope: 'openid' }, { 'user-agent': 'TV/1.0 <b>' }))
      .body as Record<string, string>;
  const poll = (device_code: string, at = node, client_id = 'tv') =>
    post(at, site, '/oauth/token', { grant_type: GRANT, device_code, client_id }, {});

  /** Types a code into the form. */
  async function type(user_code: string, browser = aBrowser(node)) {
    return browser.submit(await browser.go(`${site.issuer}/device`), { user_code });
  }

  /** Lets the user in and allow what the device asks for. */
  async function allow(user_code: string, browser = aBrowser(node)) {
    const confirm = await type(user_code, browser);
    const login = await browser.submit(confirm, { confirm: 'yes' });
    const consent = await browser.submit(login, { identifier: site.email, password: PASSWORD, action: 'login' });
    return browser.submit(consent, { action: 'allow' });
  }

  it('signs a device in whose code a person confirmed; the code is good once (OA47)', async () => {
    const { device_code, user_code, interval } = await begin();
    expect(interval).to.equal(5);
    await allow(user_code as string);
    const tokens = await poll(device_code as string);
    expect(tokens.status).to.equal(200);
    expect((await poll(device_code as string)).body).to.include({ error: 'invalid_grant' });
    const again = await type(user_code as string);
    expect(again.status).to.equal(400);
    expect(again.html).to.not.include('name="confirm"');
  });

  it('tells a device that polls too fast to slow down, on all nodes (OA47)', async () => {
    const { device_code = '' } = await begin();
    const errors = [await poll(device_code), await poll(device_code, second), await poll(device_code)].map(
      ({ body }) => body.error,
    );
    expect(errors).to.deep.equal(['authorization_pending', 'slow_down', 'slow_down']);
    expect((await poll(`ghd_${'x'.repeat(43)}`)).body.error, 'a made-up code').to.equal('invalid_grant');
  });

  it('gives a device code to nobody but its client', async () => {
    const { device_code = '', user_code = '' } = await begin();
    await allow(user_code);
    expect((await poll(device_code, node, 'radio')).body).to.include({ error: 'invalid_grant' });
    expect((await poll(user_code)).body).to.include({ error: 'invalid_grant' });
    expect((await poll(device_code)).status).to.equal(200);
  });

  it('lets one browser guess five codes, the right one included afterwards (OA47)', async () => {
    const { user_code = '' } = await begin();
    const browser = aBrowser(node);
    for (let guess = 0; guess < LIMITS.userCodeGuesses; guess++) {
      const answer = await type(`BBBB-BBB${'BCDFG'[guess]}`, browser);
      expect(answer.status).to.equal(400);
    }
    expect((await type(user_code, browser)).status).to.equal(429);
    expect((await type(user_code)).html, 'another browser').to.include('name="confirm"');
  });

  it('counts a wrong code that comes with a confirmation, too', async () => {
    const browser = aBrowser(node);
    const statuses: number[] = [];
    for (let guess = 0; guess < LIMITS.userCodeGuesses + 1; guess++) {
      const form = await browser.go(`${site.issuer}/device`);
      statuses.push((await browser.submit(form, { user_code: 'BBBB-BBBB', confirm: 'yes' })).status);
    }
    expect(statuses.at(-1)).to.equal(429);
  });

  it('lets one address guess twenty codes, over many browsers and nodes (OA47)', async () => {
    const guess = async (index: number) => {
      const browser = aBrowser(index % 2 ? node : second);
      return (await type('BBBB-BBBB', browser)).status;
    };
    const statuses: number[] = [];
    for (let index = 0; index < LIMITS.userCodeGuessesOfAddress + 2; index++) statuses.push(await guess(index));
    expect(statuses.filter((status) => status === 400)).to.have.length(LIMITS.userCodeGuessesOfAddress);
    expect(statuses.slice(-2)).to.deep.equal([429, 429]);
  });

  it('does not hold right codes against an address: a hotel’s televisions all get in', async () => {
    for (let television = 0; television < LIMITS.userCodeGuessesOfAddress + 3; television++) {
      const { user_code = '' } = await begin();
      expect((await type(user_code)).html).to.include('name="confirm"');
    }
  });

  it('stops guesses at a moment as well as one after the other', async () => {
    const browser = aBrowser(node);
    const form = await browser.go(`${site.issuer}/device`);
    const statuses = (
      await Promise.all(Array.from({ length: 20 }, () => browser.submit(form, { user_code: 'BBBB-BBBB' })))
    ).map(({ status }) => status);
    expect(statuses.filter((status) => status !== 429).length).to.be.at.most(LIMITS.userCodeGuesses);
  });

  it('shows who asks before anything is allowed, and a link with the code in it does nothing by itself (OA48)', async () => {
    const { device_code = '', verification_uri_complete = '' } = await begin();
    const browser = aBrowser(node);
    const form = await browser.go(verification_uri_complete);
    expect(form.html)
      .to.match(/<form[^>]*method="post"/)
      .and.not.match(/<script|onload|autosubmit/i);
    expect((await poll(device_code)).body.error).to.equal('authorization_pending');
    const confirm = await browser.submit(form, {
      user_code: new URL(verification_uri_complete).searchParams.get('user_code') as string,
    });
    expect(confirm.html)
      .to.include('tv')

      .and.include('127.0.0.1')
      .and.not.include('TV/1.0 <b>');
  });

  it('takes no form without the value that its page carries (OA48)', async () => {
    const { user_code = '' } = await begin();
    const browser = aBrowser(node);
    await browser.go(`${site.issuer}/device`);
    for (const xsrf of [undefined, '', 'x'.repeat(48)]) {
      const answer = await browser.go(`${site.issuer}/device`, {
        user_code,
        confirm: 'yes',
        ...(xsrf !== undefined && { xsrf }),
      });
      expect([answer.status, answer.html.includes('name="identifier"')]).to.deep.equal([400, false]);
    }
    const stranger = aBrowser(node);
    expect((await stranger.go(`${site.issuer}/device`, { user_code, confirm: 'yes', xsrf: 'x' })).status).to.equal(400);
  });

  it('lets a person refuse, and the device hears it', async () => {
    const { device_code = '', user_code = '' } = await begin();
    const browser = aBrowser(node);
    await browser.submit(await type(user_code, browser), { abort: 'yes' });
    expect((await poll(device_code)).body).to.include({ error: 'access_denied' });
  });
});
