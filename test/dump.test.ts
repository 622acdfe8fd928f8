import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import * as openid from 'openid-client';
import { anApiKey, apiKeyDoors, secretOf } from './support/api-key-doors.ts';
import { aBrowser } from './support/browser.ts';
import { authorization, configured, signedIn } from './support/clients.ts';
import { dumpOf, formsOf, guessesFrom, stringsIn } from './support/dump.ts';
import {
  aSite,
  CALLBACK,
  fetchAt,
  PASSWORD,
  type Site,
  startNode,
  type TestNode,
  TV,
  WEB,
  WEB_SECRET,
} from './support/node.ts';
import { startTestDatabase, type TestDatabase } from './support/postgres.ts';

/** What lets somebody in, as its holder has it. */
type Live = {
  access: string;
  refresh: string;
  jsonRefresh: string;
  code: string;
  verifier: string;
  deviceCode: string;
  userCode: string;
  requestUri: string;
  session: string;
  initialAccess: string;
  registrationAccess: string;
  registeredId: string;
  registeredSecret: string;
  interaction: string;
  deviceCookie: string;
  apiKey: string;
};

/** Tries one string in one place; tells whether it was let in. */
type Door = (value: string) => Promise<boolean>;

/** Doors whose secrets somebody may have chosen. */
const CHOSEN = ['password', 'client secret', 'secret of the registered client'];

describe('a dump of a running system', function () {
  this.timeout(180_000);
  let database: TestDatabase;
  let node: TestNode;
  let site: Site;
  let live: Live;
  let dump: string[];

  before(async () => {
    database = await startTestDatabase();
    node = await startNode({ database: database.url, settings: { RATE_LIMITS: 'false' } });
    site = await aSite(node, { clients: [WEB, TV], settings: { registration: { dynamicClients: true } } });
    live = await everyLiveThing(node, site);
    dump = await dumpOf(database.superuserUrl);
  });
  after(async () => {
    await node.stop();
    await database.stop();
  });

  it('holds no bearer value, in no alphabet', () => {
    const text = dump.join('\n');
    const { registeredId: _, ...values } = live;
    const secrets = {
      ...values,
      userCodeAsKept: live.userCode.replaceAll('-', ''),
      password: PASSWORD,
      clientSecret: WEB_SECRET,
      apiKeySecret: secretOf(live.apiKey),
      refreshMac: live.refresh.split('.')[2]!,
      masterKey: node.house.config.GATEHOUSE_MASTER_KEY!,
    };
    for (const [name, secret] of Object.entries(secrets)) {
      expect(secret, name).to.be.a('string').and.not.equal('');
      const bare = secret.replace(/^gh[a-z]_/, '');
      for (const form of [...formsOf(secret), ...formsOf(bare)])
        expect(text.includes(form), `${name} as ${form}`).to.equal(false);
    }
    // The same search finds what is there.
    expect(text).to.include(site.email).and.include('refresh_token');
  });

  it('holds no string that opens anything', async () => {
    const doors = await doorsOf(node, site, live);
    const guesses = [...new Set([...stringsIn(dump)].flatMap(guessesFrom))].filter((guess) =>
      /^[\x21-\x7e ]{6,600}$/.test(guess),
    );
    expect(guesses.length).to.be.greaterThan(200);

    const opened: string[] = [];
    for (const [place, door] of Object.entries(doors)) {
      // People and operators choose their secrets; what we make is never as short as most words of a dump.
      const waiting = guesses.filter((guess) => guess.length >= 16 || CHOSEN.includes(place));
      const tryAll = async () => {
        for (let guess = waiting.pop(); guess !== undefined; guess = waiting.pop())
          if (await door(guess)) opened.push(`${place}: ${guess}`);
      };
      await Promise.all(Array.from({ length: 6 }, tryAll));
    }
    expect(opened).to.deep.equal([]);
    expect(Object.keys(doors)).to.include.members(CHOSEN);
  });

  it('was tried at doors that open to the real values', async () => {
    // New ones: a code lives a minute, and the guesses have taken longer.
    const fresh = await everyLiveThing(node, site);
    const doors = await doorsOf(node, site, fresh);
    const held: Record<string, string> = {
      'bearer at userinfo': fresh.access,
      'token at introspection': fresh.access,
      request_uri: fresh.requestUri,
      'session cookie, signed with the true key': fresh.session,
      'initial access token': fresh.initialAccess,
      'registration access token': fresh.registrationAccess,
      'authorization code, with the true verifier': fresh.code,
      'device code': fresh.deviceCode,
      'client secret': WEB_SECRET,
      'secret of the registered client': fresh.registeredSecret,
      password: PASSWORD,
      'refresh token': fresh.refresh,
      'first-party refresh token': fresh.jsonRefresh,
      'X-API-Key': fresh.apiKey,
      'bearer at the API': fresh.apiKey,
      'secret of an API key': secretOf(fresh.apiKey),
    };
    for (const [place, door] of Object.entries(doors)) expect(await door(held[place]!), place).to.equal(true);
    expect(Object.keys(held)).to.have.members(Object.keys(doors));
    expect(await cookieOpens(node, site, `ght_session=${fresh.session}`)).to.equal(false);
  });
});

async function everyLiveThing(node: TestNode, site: Site): Promise<Live> {
  const { browser, tokens, config } = await signedIn(node, site);
  const code = await authorization(config);
  const back = await browser.go(code.url);
  const pushed = await authorization(config, { par: true });
  const begun = aBrowser(node);
  const page = await begun.go((await authorization(config)).url);
  const tv = await configured(node, site, 'tv', openid.None());
  const device = await openid.initiateDeviceAuthorization(tv, { scope: 'openid' });
  const registered = await register(node, site);
  const login = (await (await logIn(node, site, PASSWORD)).json()) as { refreshToken: string };
  return {
    access: tokens.access_token,
    refresh: tokens.refresh_token!,
    jsonRefresh: login.refreshToken,
    code: back.url.searchParams.get('code')!,
    verifier: code.verifier,
    deviceCode: device.device_code,
    userCode: device.user_code,
    requestUri: pushed.url.searchParams.get('request_uri')!,
    session: cookieOf(browser, 'ght_session'),
    deviceCookie: cookieOf(browser, 'gh_device'),
    interaction: page.url.pathname.split('/').at(-1)!,
    apiKey: await anApiKey(node, site),
    ...registered,
  };
}

const cookieOf = (browser: ReturnType<typeof aBrowser>, wanted: string) =>
  browser.cookies().find(({ name }) => name === wanted)?.value ?? '';

/** Registers an application by a token that an operator has given it (RFC 7591). */
async function register(node: TestNode, site: Site) {
  const issuer = (await node.core.issuers.byTenant(site.tenantId))!;
  const initialAccess = await node.core.issuers.inScope(issuer, () =>
    new issuer.provider.InitialAccessToken({ policies: ['tenant'], expiresIn: 3_600 }).save(),
  );
  const answer = await send(node, `${site.issuer}/oauth/register`, {
    method: 'POST',
    headers: { authorization: `Bearer ${initialAccess}`, 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: ['https://rp.example/cb'], client_name: 'Registered' }),
  });
  const body = (await answer.json()) as Record<string, string>;
  expect(answer.status, JSON.stringify(body)).to.equal(201);
  return {
    initialAccess,
    registeredId: body['client_id']!,
    registeredSecret: body['client_secret']!,
    registrationAccess: body['registration_access_token']!,
  };
}

const send = (node: TestNode, url: string, init?: RequestInit) => fetchAt(node)(url, init);

const logIn = (node: TestNode, site: Site, password: string) =>
  send(node, `${node.url}/api/v1/auth/login?tenant=${site.slug}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: site.email, password }),
  });

/** Whether a browser with these cookies is signed in: the application gets a code without a question. */
async function cookieOpens(node: TestNode, site: Site, cookie: string): Promise<boolean> {
  const { url } = await authorization(await configured(node, site), { more: { prompt: 'none' } });
  const answer = await send(node, url.href, { headers: { cookie } });
  return new URL(answer.headers.get('location') ?? CALLBACK).searchParams.has('code');
}

async function doorsOf(node: TestNode, site: Site, live: Live): Promise<Record<string, Door>> {
  const at = (path: string) => `${site.issuer}/oauth/${path}`;
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`,
  });
  const post = async (
    path: string,
    form: Record<string, string>,
    headers: Record<string, string> = basic('web', WEB_SECRET),
  ) => {
    const answer = await send(node, at(path), { method: 'POST', headers, body: new URLSearchParams(form) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const bearer = (url: string, init?: RequestInit) => async (value: string) =>
    (
      await send(node, url, {
        ...init,
        headers: { authorization: `Bearer ${value}`, 'content-type': 'application/json' },
      })
    ).status < 400;
  const authenticates = (id: string) =>
    afterForgetting(
      node,
      async (secret: string) => (await post('introspect', { token: 'x' }, basic(id, secret))).status === 200,
    );
  const redeems = (form: (value: string) => Record<string, string>) => async (value: string) =>
    (await post('token', form(value))).status === 200;
  const cookieKey = (await node.house.directory.byId(site.call, site.tenantId))!.keyFor('cookie').toString('base64url');
  const signed = (pair: string) =>
    `${pair}; ght_session.sig=${createHmac('sha1', cookieKey).update(pair).digest('base64url')}`;
  const keyDoors = Object.entries(apiKeyDoors(node, live.apiKey));
  return {
    ...Object.fromEntries(keyDoors.map(([place, door]) => [place, afterForgetting(node, door)])),
    'bearer at userinfo': bearer(at('userinfo')),
    'token at introspection': async (value) => (await post('introspect', { token: value })).body['active'] === true,
    'refresh token': redeems((value) => ({ grant_type: 'refresh_token', refresh_token: value })),
    'first-party refresh token': async (value) => {
      const body = JSON.stringify({ refreshToken: value });
      const answer = await send(node, `${node.url}/api/v1/auth/refresh`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      return answer.status === 200;
    },
    'authorization code, with the true verifier': redeems((value) => ({
      grant_type: 'authorization_code',
      code: value,
      code_verifier: live.verifier,
      redirect_uri: CALLBACK,
    })),
    'device code': async (value) => {
      const form = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'tv', device_code: value };
      return ['authorization_pending', 'slow_down'].includes(String((await post('token', form, {})).body['error']));
    },
    request_uri: async (value) => {
      const answer = await send(
        node,
        `${at('authorize')}?${new URLSearchParams({ client_id: 'web', request_uri: value })}`,
      );
      return answer.headers.get('location')?.includes('/interaction/') === true;
    },
    'session cookie, signed with the true key': (value) => cookieOpens(node, site, signed(`ght_session=${value}`)),
    'initial access token': bearer(at('register'), {
      method: 'POST',
      body: JSON.stringify({ redirect_uris: ['https://thief.example/cb'] }),
    }),
    'registration access token': bearer(`${at('register')}/${live.registeredId}`),
    'client secret': authenticates('web'),
    'secret of the registered client': authenticates(live.registeredId),
    password: afterForgetting(node, async (value) => (await logIn(node, site, value)).status === 200),
  };
}

/** Wrong guesses are counted, and after a few of them the right one is refused too: the counters are emptied each time. */
function afterForgetting({ house }: TestNode, door: Door): Door {
  return async (value) => {
    await house.db('rate_limits').delete();
    return door(value);
  };
}
