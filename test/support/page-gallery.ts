import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAssets } from '../../src/http/assets.ts';
import { type BrandTokens, brandCss, readBrandQuery } from '../../src/http/branding.ts';
import { pageCsp } from '../../src/http/page-script.ts';
import type { Pages, ShownClient, View } from '../../src/http/pages.ts';
import { type Branding, createRenderer } from '../../src/http/render.ts';
import { createTexts } from '../../src/http/texts.ts';
import { ACCOUNT_SAMPLES } from './account-samples.ts';
import { ERRAND_SAMPLES } from './errand-samples.ts';
import { account, asked, FACTOR_SAMPLES, form } from './factor-samples.ts';

export type SampleOf<V extends View> = { name: string; view: V; data: Pages[V] };

/** A page with what it could hold in life. */
export type Sample = { [V in View]: SampleOf<V> }[View];

const LOGO = `data:image/svg+xml;base64,${Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" fill="#0f766e"/><path d="M14 30a10 10 0 0 1 20 0M24 12v8M13 17l5 5M35 17l-5 5M10 34h28" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>',
).toString('base64')}`;

const harbour: ShownClient = {
  name: 'Harbour Books',
  logoUrl: LOGO,
  siteUrl: 'https://books.example',
  policyUrl: 'https://books.example/privacy',
  termsUrl: 'https://books.example/terms',
};
const television: ShownClient = { name: 'Northlight TV' };
const coreForm = { formAction: '/sent', xsrf: 'the-xsrf-value' };

const SMART_TV =
  'Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0 TV Safari/537.36';

/** Every view, and those that look different by what they are given. */
export const SAMPLES: readonly Sample[] = [
  { name: 'login', view: 'login', data: { ...form, client: harbour, identifier: '' } },
  {
    name: 'login-problem',
    view: 'login',
    data: {
      ...form,
      client: television,
      identifier: account.identifier,
      remember: true,
      problem: { code: 'invalid_credentials' },
    },
  },
  {
    name: 'login-full',
    view: 'login',
    data: {
      ...form,
      identifier: '',
      passkey: asked,
      providers: [
        { id: 'google', name: 'Google', logoUrl: LOGO },
        { id: 'hospital', name: 'Sankt Göran hospital' },
      ],
      forgotUrl: '/forgot',
      registerUrl: '/register',
      cancellable: false,
    },
  },
  {
    name: 'login-passkey',
    view: 'login',
    data: {
      ...form,
      client: harbour,
      identifier: '',
      passkey: { ...asked, signals: [{ kind: 'unknown', rpId: '127.0.0.1', credentialId: 'AAAA' }] },
      problem: { code: 'passkey_refused' },
    },
  },
  {
    name: 'consent',
    view: 'consent',
    data: {
      ...form,
      client: harbour,
      account,
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      claims: ['birthdate'],
      apis: [
        {
          name: 'Orders',
          scopes: [{ name: 'orders:read', description: 'See your orders' }, { name: 'orders:cancel' }],
        },
      ],
      redirectHost: 'books.example',
    },
  },
  {
    name: 'consent-again',
    view: 'consent',
    data: { ...form, client: television, account, scopes: [], claims: [], apis: [] },
  },
  { name: 'account', view: 'account', data: { ...form, account, client: harbour } },
  { name: 'device', view: 'device', data: coreForm },
  {
    name: 'device-problem',
    view: 'device',
    data: { ...coreForm, userCode: 'wdjb-mjhx', problem: { code: 'user_code_unknown' } },
  },
  {
    name: 'device-confirm',
    view: 'device-confirm',
    data: {
      ...coreForm,
      client: television,
      userCode: 'wdjbmjht',
      shownCode: 'WDJB-MJHT',
      origin: { ip: '2001:db8:85a3::8a2e:370:7334', userAgent: SMART_TV, at: new Date('2026-11-24T14:05:00Z') },
    },
  },
  { name: 'device-done', view: 'device-done', data: { client: television, outcome: 'allowed' } },
  { name: 'device-denied', view: 'device-done', data: { client: television, outcome: 'denied' } },
  { name: 'logout', view: 'logout', data: { ...coreForm, account, client: harbour, stayUrl: 'https://books.example' } },
  { name: 'logout-plain', view: 'logout', data: coreForm },
  { name: 'signed-out', view: 'signed-out', data: { signInUrl: '/login' } },
  { name: 'signed-out-client', view: 'signed-out', data: { client: harbour, stillSignedIn: true } },
  {
    name: 'error',
    view: 'error',
    data: { reason: 'redirect', requestId: '019ab2f4-7c11-7d03-9c5e-2f4b8a1d6e90', homeUrl: '/' },
  },
  { name: 'expired', view: 'expired', data: { client: harbour } },
  { name: 'new-password', view: 'new-password', data: { ...form, account, reason: 'reset', minLength: 12 } },
  {
    name: 'new-password-problem',
    view: 'new-password',
    data: {
      ...form,
      account,
      reason: 'expired',
      minLength: 8,
      problem: { code: 'passwords_differ' },
      cancellable: true,
    },
  },
  ...ERRAND_SAMPLES,
  {
    name: 'home',
    view: 'home',
    data: { accountUrl: '/account', docsUrl: '/docs', discoveryUrl: '/.well-known/openid-configuration' },
  },
  ...FACTOR_SAMPLES,
  { name: 'not-found', view: 'not-found', data: { homeUrl: '/' } },
  { name: 'busy', view: 'busy', data: { retryUrl: '/busy', retryAfterSeconds: 5 } },
  ...ACCOUNT_SAMPLES,
];

/** Tenants with colours that are easy, and colours that are hard to read. */
export const BRANDS: Readonly<Record<string, BrandTokens>> = {
  house: {},
  teal: { primaryColor: '#0f766e', backgroundColor: '#eef5f3', radius: 6 },
  lemon: { primaryColor: '#ffe600', accentColor: '#ffd400', backgroundColor: '#1b1b1f', radius: 20 },
  ink: { primaryColor: '#101014', accentColor: '#8a8a8a', backgroundColor: '#767676', radius: 0 },
};

export type Gallery = {
  /** The address of a sample's page. */
  url(name: string, options?: { language?: string; brand?: string }): string;
  /** The forms that were sent, in their order. */
  readonly received: readonly Record<string, string>[];
  stop(): Promise<void>;
};

const renderer = (() => {
  const texts = createTexts();
  const assets = createAssets();
  const { render } = createRenderer({ texts, assets });
  return { texts, assets, render };
})();

function brandingOf(brand: string): Branding {
  const tokens = BRANDS[brand] ?? {};
  return {
    name: 'Northwind',
    tokens,
    privacyUrl: 'https://northwind.example/privacy',
    helpUrl: 'https://northwind.example/help',
  };
}

function pageOf(sample: Sample, url: URL): string {
  const language = renderer.texts.forLanguage({ chosen: url.searchParams.get('lang') ?? undefined });
  const branding = brandingOf(url.searchParams.get('brand') ?? 'house');
  const { view, data } = sample as SampleOf<View>;
  return renderer.render(view, { language, branding, data, here: url.pathname + url.search });
}

function answerGet(url: URL): { type: string; body: string | Buffer; csp?: string } | undefined {
  if (url.pathname === '/assets/brand.css') {
    return { type: 'text/css', body: brandCss(readBrandQuery(url.search)) };
  }
  const asset = renderer.assets.find(url.pathname.replace('/assets/', ''));
  if (asset) return asset;
  const sample = SAMPLES.find(({ name }) => url.pathname === `/${name}`);
  return sample && { type: 'text/html; charset=utf-8', body: pageOf(sample, url), csp: pageCsp(sample.data) };
}

/** Shows every sample on a port of its own, under the policy that pages have in life. */
export async function openGallery(): Promise<Gallery> {
  const received: Record<string, string>[] = [];
  const server: Server = createServer(async (req, res) => {
    if (req.method === 'POST') {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      received.push(Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())));
      res.writeHead(303, { Location: '/signed-out' }).end();
      return;
    }
    const answer = answerGet(new URL(req.url ?? '/', 'http://gallery'));
    res.setHeader('Content-Security-Policy', answer?.csp ?? "default-src 'none'");
    res.writeHead(answer ? 200 : 404, { 'Content-Type': answer?.type ?? 'text/plain' }).end(answer?.body);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  return {
    received,
    url: (name, { language = 'en', brand = 'house' } = {}) =>
      `http://127.0.0.1:${port}/${name}?lang=${language}&brand=${brand}`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
