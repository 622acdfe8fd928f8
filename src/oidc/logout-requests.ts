import type { Context, Middleware } from 'koa';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { readForm } from '../http/form-body.ts';
import { Failure } from '../kernel/failure.ts';

const PATH = '/oauth/logout';
/** What an application may say with it (OIDC RP-Initiated Logout 1.0 §2). */
const PARAMETERS = ['id_token_hint', 'logout_hint', 'client_id', 'post_logout_redirect_uri', 'state', 'ui_locales'];

/**
 * What the core leaves to scripts and to cookies that every site may send:
 * - An application may send a person here by a form. Our cookies do not come with a form of another site, so the browser
 *   is sent on to the same question as a link, with which they do.
 * - Where nobody is signed in there is nothing to confirm: the person goes on to where the application wants them, or is
 *   told. The core would have a script press the button.
 */
export function answerLogouts(signedOut: (ctx: KoaContextWithOIDC) => Promise<void>): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== PATH) return next();
    if (ctx.method === 'POST') return askAsLink(ctx);
    await next();
    const { oidc } = ctx as unknown as KoaContextWithOIDC;
    if (ctx.status !== 200 || oidc?.route !== 'end_session' || oidc.session?.accountId) return;
    const { state, postLogoutRedirectUri } = (oidc.session?.state ?? {}) as Record<string, string | undefined>;
    if (postLogoutRedirectUri === undefined) return signedOut(ctx as never);
    const back = new URL(postLogoutRedirectUri);
    if (state !== undefined) back.searchParams.set('state', state);
    ctx.status = 303;
    ctx.redirect(back.href);
  };
}

async function askAsLink(ctx: Context): Promise<void> {
  const form = await readForm(ctx).catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error;
    throw new errors.InvalidRequest(String(error.details['problem'] ?? 'the form cannot be read'));
  });
  const given = PARAMETERS.flatMap((name) => (form[name] === undefined ? [] : [[name, form[name]]]));
  const { mountPath = '' } = ctx as { mountPath?: string };
  ctx.status = 303;
  ctx.redirect(`${mountPath}${PATH}?${new URLSearchParams(given as [string, string][])}`);
}
