import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { readForm } from '../http/form-body.ts';
import type { RateRule } from '../http/rate-limit.ts';
import { networkOf } from '../kernel/address.ts';
import type { Origin } from '../kernel/call.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { RequestLimits } from './request-limits.ts';
import { TooManyRequests } from './too-many-requests.ts';

const guesses = (of: 'session' | 'address' | 'tenant', points: number): RateRule => ({
  name: `user-code-${of}`,
  points,
  seconds: LIMITS.userCodeWindowSeconds,
  per: 'ip',
  count: 'exact',
});

/**
 * A user code has 20^8 values and lives ten minutes (RFC 8628 §5.1). With 1,000 wrong ones a tenant in that time, a
 * stranger's chance of meeting one of ten open codes is below 2^-20.
 */
const SESSION = guesses('session', LIMITS.userCodeGuesses);
const ADDRESS = guesses('address', LIMITS.userCodeGuessesOfAddress);
const TENANT = guesses('tenant', LIMITS.userCodeGuessesOfTenant);

/** One poll in an interval; a second less, since clocks and networks are not exact. */
const POLL: RateRule = {
  name: 'device-poll',
  points: 1,
  seconds: LIMITS.devicePollSeconds - 1,
  per: 'user',
  count: 'exact',
};
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export type DeviceLimits = RequestLimits & { sessionCookie: string };

/** The limits of the device flow that the core leaves to us: how often user codes are guessed, and devices poll. */
export function limitDevices({ tenantId, rates, sessionCookie }: DeviceLimits): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'POST') return next();
    if (ctx.path === '/device') return limitGuesses(ctx, next);
    await next();
    if (ctx.path === '/oauth/token') await slowDown(ctx);
    if (ctx.path === '/oauth/device' && ctx.status === 200)
      ctx.body = { ...(ctx.body as object), interval: LIMITS.devicePollSeconds };
  };

  /** Counted before the code is looked up, so that guesses at the same moment cannot outrun the count. */
  async function limitGuesses(ctx: Context, next: () => Promise<unknown>): Promise<void> {
    const { user_code: userCode } = await readForm(ctx);
    if (!userCode) return void (await next());
    const session = ctx.cookies.get(sessionCookie) ?? '';
    const counted: [RateRule, string][] = [
      [SESSION, `${tenantId}:${session}`],
      [ADDRESS, `${tenantId}:${networkOf((ctx.state['origin'] as Origin).ip)}`],
      [TENANT, tenantId],
    ];
    for (const [index, [rule, who]] of counted.entries()) {
      const spent = await rates.spend(rule, who);
      if (!spent?.isOver) continue;
      // What is refused has guessed nothing: it does not use up what others share.
      await Promise.all(counted.slice(0, index).map((earlier) => rates.giveBack(...earlier)));
      throw new TooManyRequests(spent.resetSeconds);
    }
    await next();
    const { entities } = (ctx as unknown as KoaContextWithOIDC).oidc;
    if (entities.DeviceCode) await Promise.all(counted.map((each) => rates.giveBack(...each)));
  }

  /** A device that asks again too soon is told so (RFC 8628 §3.5). */
  async function slowDown(ctx: Context): Promise<void> {
    const { oidc } = ctx as unknown as KoaContextWithOIDC;
    const pending = (ctx.body as { error?: unknown } | undefined)?.error === 'authorization_pending';
    if (!pending || oidc.params?.['grant_type'] !== DEVICE_GRANT) return;
    const spent = await rates.spend(POLL, `${tenantId}:${oidc.params['device_code']}`);
    if (spent?.isOver) ctx.body = { error: 'slow_down', error_description: 'you are polling too quickly' };
  }
}
