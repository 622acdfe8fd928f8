import type Koa from 'koa';
import { aboutAccount, aboutGoal, finish, type InteractionStep } from './interaction.ts';
import { type LoginTools, showLogin } from './login.ts';

/** Which account: the one that is signed in, or another (`prompt=select_account`). */
export async function showAccount(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  const account = await aboutAccount(step);
  if (!account) return showLogin(ctx, step, tools);
  tools.page(ctx, 'account', { action: step.action, csrf: step.csrf, client: await aboutGoal(step), account });
}

export async function postAccount(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  tools: LoginTools,
): Promise<void> {
  if (form['action'] === 'continue' && step.details.session?.accountId)
    return finish(ctx, step, { select_account: {} });
  await showLogin(ctx, step, tools, { identifier: '' });
}
