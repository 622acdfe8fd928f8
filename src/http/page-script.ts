import type { Assets } from './assets.ts';
import type { ShownCaptcha } from './errand-pages.ts';

/**
 * The Content-Security-Policy of a page without a script, which is nearly every page. There is no `form-action`: a browser
 * applies it to the whole chain of redirects behind a form, and that chain ends at the application.
 */
const PAGE_CSP =
  "default-src 'none'; style-src 'self'; img-src 'self' data: https:; base-uri 'none'; frame-ancestors 'none'";

/** Where the widgets of CAPTCHA services come from, and what else they load. */
const WIDGETS = {
  turnstile: {
    script: 'https://challenges.cloudflare.com/turnstile/v0/api.js',
    hosts: 'https://challenges.cloudflare.com',
  },
  hcaptcha: { script: 'https://js.hcaptcha.com/1/api.js', hosts: 'https://hcaptcha.com https://*.hcaptcha.com' },
} as const;

type Script = { src(assets: Assets): string; csp: string };

/** Where passkeys can be used: it asks for the page anew when it has waited. */
const PASSKEYS: Script = {
  src: (assets) => assets.href('passkeys.js'),
  csp: `${PAGE_CSP}; script-src 'self'; connect-src 'self'`,
};

/** Where a proof of work is to be done: it asks nobody for anything. */
const ALTCHA: Script = { src: (assets) => assets.href('altcha.js'), csp: `${PAGE_CSP}; script-src 'self'` };

function widget(kind: keyof typeof WIDGETS): Script {
  const { script, hosts } = WIDGETS[kind];
  const policy = PAGE_CSP.replace("style-src 'self'", `style-src 'self' ${hosts}`);
  return { src: () => script, csp: `${policy}; script-src ${hosts}; frame-src ${hosts}; connect-src ${hosts}` };
}

/** The one script of a page, by what is shown on it. */
function scriptOf(data: { passkey?: unknown; captcha?: ShownCaptcha | undefined }): Script | undefined {
  if (data.passkey !== undefined) return PASSKEYS;
  if (data.captcha === undefined) return undefined;
  return data.captcha.kind === 'altcha' ? ALTCHA : widget(data.captcha.kind);
}

/** The address of a page's script; undefined for a page without one. */
export const pageScript = (data: object, assets: Assets): string | undefined => scriptOf(data)?.src(assets);

/** The Content-Security-Policy of a page by what is shown on it. */
export const pageCsp = (data: object): string => scriptOf(data)?.csp ?? PAGE_CSP;
