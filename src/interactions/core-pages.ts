import { errors } from 'oidc-provider';
import type { ShownAccount, ShownClient } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import type { Origin } from '../kernel/call.ts';
import type { CorePages } from '../oidc/features.ts';
import { ACCOUNT_PAGES, isHousePages } from '../oidc/house-clients.ts';
import type { Issuer } from '../oidc/issuers.ts';
import { accountShown } from './interaction.ts';
import type { Page } from './page.ts';

/** What went wrong, in words a person can use. The core's own reason is in the log; it is not for strangers. */
const REASONS: Record<string, string> = {
  invalid_client: 'client',
  invalid_redirect_uri: 'redirect',
  access_denied: 'forbidden',
  server_error: 'internal',
  temporarily_unavailable: 'internal',
  rate_limited: 'rate_limited',
};

type Ctx = Parameters<CorePages['logout']>[0];
const xsrfOf = (ctx: Ctx) => (ctx.oidc.session?.state as { secret?: string } | undefined)?.secret ?? '';
const shownClient = (
  client: { clientName?: string | undefined; clientId: string } | undefined,
): ShownClient | undefined => client && { name: client.clientName ?? client.clientId };

/** Whom this browser is signed in as: a person with two accounts sees which one they leave. */
async function shownAccount(ctx: Ctx): Promise<ShownAccount | undefined> {
  const { tenant } = ctx.state['issuer'] as Issuer;
  const accountId = ctx.oidc.session?.accountId;
  return accountId === undefined ? undefined : accountShown(tenant.id, accountId);
}

/** The pages that the core asks for, in our own design. */
export function createCorePages(page: Page): CorePages {
  return {
    async error(ctx, out, error) {
      if (error instanceof errors.SessionNotFound) return page(ctx, 'expired', {}, 400);
      const status = Math.max(ctx.status, 400);
      const { requestId } = ctx.state['origin'] as Origin;
      page(ctx, 'error', { reason: REASONS[out.error] ?? 'request', requestId }, status);
    },
    async logout(ctx) {
      const account = await shownAccount(ctx);
      const form = { account, formAction: ctx.oidc.urlFor('end_session_confirm'), xsrf: xsrfOf(ctx) };
      const { mount } = ctx.state['issuer'] as Issuer;
      const { client } = ctx.oidc;
      // Who comes from our own pages leaves the house, and goes back there if not.
      if (isHousePages(client?.clientId)) page(ctx, 'logout', { ...form, stayUrl: `${mount}${ACCOUNT_PAGES.path}` });
      else page(ctx, 'logout', { ...form, client: shownClient(client) });
    },
    async signedOut(ctx) {
      const client = shownClient(ctx.oidc.client);
      page(ctx, 'signed-out', { client, stillSignedIn: client !== undefined });
    },
    async deviceInput(ctx, out, error) {
      const userCode = (error?.userCode ?? (ctx.state['userCode'] as string | undefined) ?? '').slice(0, 32);
      if (error?.constructor.name === 'AbortedError') {
        return page(ctx, 'device-done', { client: shownClient(ctx.oidc.client) ?? { name: '' }, outcome: 'denied' });
      }
      const problem = error || out ? { code: deviceProblem(error) } : undefined;
      page(
        ctx,
        'device',
        { formAction: ctx.oidc.urlFor('code_verification'), xsrf: xsrfOf(ctx), userCode, problem },
        problem ? 400 : 200,
      );
    },
    async deviceConfirm(ctx, client, from, shownCode) {
      page(ctx, 'device-confirm', {
        formAction: ctx.oidc.urlFor('code_verification'),
        xsrf: xsrfOf(ctx),
        userCode: shownCode,
        shownCode,
        client: { name: client.clientName ?? client.clientId, logoUrl: client.logoUri },
        origin: from,
      });
    },
    async deviceDone(ctx) {
      page(ctx, 'device-done', { client: shownClient(ctx.oidc.client) ?? { name: '' }, outcome: 'allowed' });
    },
  };
}

function deviceProblem(error: Error | undefined): ProblemCode {
  const name = error?.constructor.name;
  if (name === 'NoCodeError') return 'missing_input';
  if (name === 'AlreadyUsedError') return 'user_code_used';
  if (name === 'ExpiredError') return 'user_code_expired';
  return 'user_code_unknown';
}
