import type Koa from 'koa';
import type { EmailChangeService } from '../domain/recovery/email-change-service.ts';
import type { VerificationService } from '../domain/recovery/verification-service.ts';
import type { DoneWhat } from '../http/errand-pages.ts';
import type { TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { type Errand, type ErrandPage, type ErrandTools, goTo, wayBack } from './errand.ts';

export type ConfirmEmailTools = ErrandTools & {
  verification: Pick<VerificationService, 'find' | 'confirm'>;
  emailChange: Pick<EmailChangeService, 'find' | 'confirm'>;
};

/** What the link of a letter is about. */
type Proof = {
  path: '/verify-email' | '/change-email';
  matter: 'verify_email' | 'change_email';
  done: DoneWhat;
  find(call: TenantCall, token: string): Promise<{ email: string } | undefined>;
  confirm(call: TenantCall, token: string): Promise<unknown>;
};

/** The links that prove an address of somebody who has an account: the present one, or a new one. */
export function confirmEmailPages(tools: ConfirmEmailTools): Readonly<Record<`/${string}`, ErrandPage>> {
  const { verification, emailChange } = tools;
  const verify = { matter: 'verify_email', done: 'email_verified', ...verification } as const;
  const change = { matter: 'change_email', done: 'email_changed', ...emailChange } as const;
  return {
    ...pagesOf({ path: '/verify-email', ...verify }, tools),
    ...pagesOf({ path: '/change-email', ...change }, tools),
  };
}

function pagesOf(proof: Proof, tools: ErrandTools): Readonly<Record<`/${string}`, ErrandPage>> {
  const { page, callOf } = tools;
  const { path, matter, done: what } = proof;
  const showDeadLink = (ctx: Koa.Context) => page(ctx, 'dead-link', { matter }, 400);

  /** To look at a link proves nothing. */
  async function show(ctx: Koa.Context, { issuer, csrf }: Errand): Promise<void> {
    const { token } = ctx.query;
    const found = typeof token === 'string' ? await proof.find(callOf(ctx), token) : undefined;
    if (!found) return showDeadLink(ctx);
    const data = { action: `${issuer.mount}${path}`, csrf, matter, address: found.email, token: token as string };
    page(ctx, 'confirm-email', data);
  }

  return {
    [path]: {
      show,
      async post(ctx, errand, { token = '' }) {
        try {
          await proof.confirm(callOf(ctx), token);
          goTo(ctx, errand, `${path}/done`);
        } catch (error) {
          if (!(error instanceof Failure) || !['token_invalid', 'email_taken'].includes(error.code)) throw error;
          showDeadLink(ctx);
        }
      },
    },
    [`${path}/done`]: {
      show: async (ctx: Koa.Context, errand: Errand) => page(ctx, 'done', { what, back: await wayBack(errand) }),
    },
  };
}
