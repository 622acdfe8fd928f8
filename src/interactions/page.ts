import type Koa from 'koa';
import { pageCsp } from '../http/page-script.ts';
import type { Page } from '../http/pages.ts';
import type { Branding, Renderer } from '../http/render.ts';
import type { Language, Texts } from '../http/texts.ts';
import type { Issuer } from '../oidc/issuers.ts';

const LANGUAGE_COOKIE = 'gh_lang';
const YEAR = 365 * 86_400_000;

export type { Page } from '../http/pages.ts';

/** Draws a page of the request's tenant, in the language of the person before it. */
export function createPage({ renderer, texts }: { renderer: Renderer; texts: Texts }): Page {
  return (ctx, view, data, status = 200) => {
    const issuer = ctx.state['issuer'] as Issuer | undefined;
    const language = languageOf(ctx, texts);
    const html = renderer.render(view, {
      language,
      branding: brandingOf(issuer),
      data,
      ...(ctx.method === 'GET' && { here: ctx.originalUrl }),
    });
    ctx.status = status;
    ctx.type = 'html';
    ctx.set('cache-control', 'no-store');
    ctx.set('content-security-policy', pageCsp(data));
    ctx.set('content-language', language.code);
    ctx.body = html;
  };
}

function brandingOf(issuer: Issuer | undefined): Branding {
  if (!issuer) return { name: 'Gatehouse' };
  const { displayName, logoUrl, ...tokens } = issuer.tenant.settings.branding;
  return { name: displayName ?? issuer.tenant.name, logoUrl, tokens };
}

/** The language of the person before a page: what they chose, or what their browser says. */
export function languageOf(ctx: Koa.Context, texts: Texts): Language {
  const issuer = ctx.state['issuer'] as Issuer | undefined;
  const { lang } = ctx.query;
  const chosen = typeof lang === 'string' ? lang : undefined;
  if (chosen !== undefined && texts.isLanguage(chosen)) {
    ctx.cookies.set(LANGUAGE_COOKIE, chosen, {
      httpOnly: true,
      sameSite: 'lax',
      path: '/',
      maxAge: YEAR,
      signed: false,
    });
  }
  return texts.forLanguage({
    // What a person chose stays chosen, also when an application asks for another language on the next page.
    chosen: chosen ?? ctx.cookies.get(LANGUAGE_COOKIE, { signed: false }),
    uiLocales: ctx.state['uiLocales'] as string | undefined,
    acceptLanguage: ctx.get('accept-language'),
    tenantDefault: issuer?.tenant.settings.locale,
  });
}
