import type Koa from 'koa';
import type { Branding } from '../http/branding.ts';
import type { Renderer } from '../http/render.ts';
import type { Texts } from '../http/texts.ts';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import type { Issuer } from '../oidc/issuers.ts';

/** No script, nothing inline, nothing from elsewhere but a logo. `form-action` is absent: it would stop the redirects. */
const CSP = "default-src 'none'; style-src 'self'; img-src 'self' data: https:; base-uri 'none'; frame-ancestors 'none'";
const LANGUAGE_COOKIE = 'gh_lang';
const YEAR = 365 * 86_400_000;

export type PageTools = { renderer: Renderer; texts: Texts };
export type Page = (ctx: Koa.Context, view: string, data: Record<string, unknown>, status?: number) => void;

/** Draws a page of the request's tenant, in the language of the person before it. */
export function createPage({ renderer, texts }: PageTools): Page {
  return (ctx, view, data, status = 200) => {
    const issuer = ctx.state['issuer'] as Issuer | undefined;
    const language = languageOf(ctx, texts, issuer?.tenant);
    ctx.status = status;
    ctx.type = 'html';
    ctx.set('cache-control', 'no-store');
    ctx.set('content-security-policy', CSP);
    ctx.set('content-language', language);
    ctx.body = renderer.render(view, {
      language,
      branding: brandingOf(issuer),
      data: { ...data, path: ctx.req.url?.split('?')[0] ?? '/', requestId: ctx.state['requestId'] },
    });
  };
}

export function brandingOf(issuer: Issuer | undefined): Branding {
  if (!issuer) return { displayName: 'Gatehouse' };
  const { branding } = issuer.tenant.settings;
  return { ...branding, displayName: branding.displayName ?? issuer.tenant.name, stylesheet: `${issuer.mount}/assets/brand.css` };
}

/** What the person chose just now, else what the application asks for, what they chose before, what the browser says. */
function languageOf(ctx: Koa.Context, texts: Texts, tenant: DirectoryTenant | undefined): string {
  const chosen = typeof ctx.query['lang'] === 'string' ? ctx.query['lang'] : undefined;
  if (chosen && texts.languages.includes(chosen)) {
    ctx.cookies.set(LANGUAGE_COOKIE, chosen, { httpOnly: true, sameSite: 'lax', path: '/', maxAge: YEAR, signed: false });
  }
  return texts.negotiate({
    chosen,
    uiLocales: ctx.state['uiLocales'] as string | undefined,
    cookie: ctx.cookies.get(LANGUAGE_COOKIE, { signed: false }),
    acceptLanguage: ctx.get('accept-language'),
    tenantDefault: tenant?.settings.locale,
  });
}
