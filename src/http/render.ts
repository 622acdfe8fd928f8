import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ejs from 'ejs';
import { LIMITS } from '../kernel/limits.ts';
import { isWebUrl } from '../kernel/text.ts';
import { ACCOUNT_SECTIONS } from './account-pages.ts';
import type { Assets } from './assets.ts';
import { type BrandTokens, brandHref } from './branding.ts';
import { pageScript } from './page-script.ts';
import type { Pages, Problem, View } from './pages.ts';
import type { Language, Texts } from './texts.ts';
import { describeUserAgent } from './user-agent.ts';

/** Whose pages they are. */
export type Branding = {
  /** The tenant's name, as people know it. */
  name: string;
  /** https, or `data:image/…`; the house's mark and the name stand there when it is not set. */
  logoUrl?: string | undefined;
  tokens?: BrandTokens | undefined;
  privacyUrl?: string | undefined;
  termsUrl?: string | undefined;
  helpUrl?: string | undefined;
};

export type PageInput<V extends View> = {
  language: Language;
  branding: Branding;
  data: Pages[V];
  /** Path and query of a GET that shows this page again: the language links lead there. Absent: there are none. */
  here?: string | undefined;
};

export type Renderer = {
  /** The HTML of a whole page. The same input gives the same bytes. */
  render<V extends View>(view: V, page: PageInput<V>): string;
};

/** Names that views and their parts may use without `locals.`; EJS runs in strict mode, without `with`. */
const NAMES = ['data', 'page', 't', 'text', 'problemText', 'days', 'date', 'when', 'link', 'image', 'agent', 'initial'];
const PART_NAMES = [
  ...['title', 'problem', 'icon', 'tone', 'name', 'client', 'account', 'size', 'good', 'caption', 'wide'],
  ...['ceremony', 'action', 'options', 'label', 'look', 'autofill', 'signals'],
];

/**
 * Makes pages from the views. A view is compiled at its first use and kept. Values are escaped by `<%=`; no template
 * text ever comes from anywhere but the folder.
 */
export function createRenderer(deps: { viewsFolder?: string; texts: Texts; assets: Assets }): Renderer {
  const { viewsFolder = 'views', texts, assets } = deps;
  const compiled = new Map<View, ejs.TemplateFunction>();

  const templateOf = (view: View): ejs.TemplateFunction => {
    const known = compiled.get(view);
    if (known) return known;
    const template = compile(resolve(viewsFolder, `${view}.ejs`));
    compiled.set(view, template);
    return template;
  };

  return {
    render(view, { language, branding, data, here }) {
      return templateOf(view)({
        data,
        page: {
          view,
          language: { code: language.code, direction: language.direction },
          languages: here === undefined ? [] : languageLinks(texts, language, here),
          brand: shownBrand(branding),
          css: assets.href('gatehouse.css'),
          accountCss: assets.href('account.css'),
          accountSections: ACCOUNT_SECTIONS,
          favicon: assets.href('favicon.svg'),
          mark: assets.href('mark.svg'),
          script: pageScript(data, assets),
        },
        t: language.t,
        text: (key: string) => (language.has(key) ? language.t(key) : undefined),
        problemText: ({ code }: Problem) => language.t(`problem.${code}`),
        days: language.days,
        date: language.date,
        when: language.when,
        link: webLink,
        image: imageSource,
        agent: (userAgent: string | undefined) => agentText(language, userAgent ?? ''),
        initial: (name: string) => [...name.trim()][0]?.toLocaleUpperCase(language.code) ?? '·',
      });
    },
  };
}

function compile(filename: string): ejs.TemplateFunction {
  const options = { filename, strict: true, _with: false, cache: true, destructuredLocals: [...NAMES, ...PART_NAMES] };
  return ejs.compile(readFileSync(filename, 'utf8'), options) as ejs.TemplateFunction;
}

function shownBrand(branding: Branding): object {
  const { name, logoUrl, tokens, privacyUrl, termsUrl, helpUrl } = branding;
  const css = tokens && Object.values(tokens).some((value) => value !== undefined) ? brandHref(tokens) : undefined;
  return {
    name,
    css,
    logoUrl: imageSource(logoUrl),
    privacyUrl: webLink(privacyUrl),
    termsUrl: webLink(termsUrl),
    helpUrl: webLink(helpUrl),
  };
}

function languageLinks(texts: Texts, current: Language, here: string): object[] {
  const { pathname, search } = new URL(here, 'http://localhost');
  // Two slashes at the beginning would make it another host's address.
  const path = pathname.replace(/^\/+/, '/');
  return texts.languages.map((language) => {
    const parameters = new URLSearchParams(search);
    parameters.set('lang', language.code);
    return {
      code: language.code,
      name: language.name,
      href: `${path}?${parameters}`,
      current: language.code === current.code,
    };
  });
}

/** An address that a link may have: https, http on this machine, or a path of our own. Everything else is no link. */
function webLink(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  return isOwnPath(url) || isWebUrl(url, LIMITS.redirectUriChars) ? url : undefined;
}

/** An address that a picture may have under `PAGE_CSP`. */
function imageSource(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const inline =
    /^data:image\/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*$/.test(url) &&
    url.length <= LIMITS.inlineImageChars;
  return inline || isOwnPath(url) || isWebUrl(url, LIMITS.redirectUriChars) ? url : undefined;
}

function isOwnPath(url: string): boolean {
  return /^\/(?![/\\])[\x21-\x7e]*$/.test(url) && url.length <= LIMITS.redirectUriChars;
}

function agentText(language: Language, userAgent: string): string {
  const { browser, system } = describeUserAgent(userAgent);
  if (browser && system) return language.t('agent.on', { browser, system });
  return browser ?? system ?? language.t('device_confirm.unknown');
}
