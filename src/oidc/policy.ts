import type { Context } from 'koa';
import { type Client, errors, interactionPolicy, type KoaContextWithOIDC, type RefreshToken } from 'oidc-provider';
import type { Duties } from '../domain/duties/duty.ts';
import { type ClientMfa, policyFor, type SecondFactor } from '../domain/factors/factor.ts';
import { ACR, REMEMBERED } from '../domain/sign-in/steps.ts';
import type { TenantSettings } from '../domain/tenants/settings.ts';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { UserId } from '../kernel/ids.ts';

/** Authentication context classes, weakest first: one factor, two factors. */
export const ACR_VALUES = [ACR.one, ACR.two] as const;

const rankOf = (acr = '') => (ACR_VALUES as readonly string[]).indexOf(acr);

export type PolicyDeps = {
  tenant: DirectoryTenant;
  /** What a policy asks of a person, on a browser with this device cookie. */
  secondFactorOf(
    tenant: DirectoryTenant,
    userId: UserId,
    mfa: TenantSettings['mfa'],
    deviceCookie: string | undefined,
  ): Promise<SecondFactor>;
  /** What the tenant demands of a person besides proofs; no statement where it demands nothing. */
  dutiesOf(tenant: DirectoryTenant, userId: UserId): Promise<Duties>;
};

/**
 * The steps between a request and its answer, in order; the first whose check asks for it becomes a page. To the core's
 * own login and consent come:
 * - a session whose user is gone asks to sign in, instead of failing for ever;
 * - an authentication class that was asked for (`acr_values`, or an essential `acr` claim) and that the session has not
 *   reached asks for the second factor. Where there is none it is refused, so that a token never says more than what
 *   happened;
 * - a tenant or a client that demands a second factor asks for it in sessions that began without one;
 * - a tenant that demands a proven address, or terms that came into force since, asks for them in sessions that began
 *   before.
 */
export function signInPolicy(deps: PolicyDeps): interactionPolicy.DefaultPolicy {
  const { base, Check, Prompt } = interactionPolicy;
  const policy = base();
  const login = policy.get('login');
  const consent = policy.get('consent');
  if (!login || !consent) throw new Error('the core has lost its login or consent prompt');
  login.checks.add(
    new Check('account_unavailable', 'the account is not available', 'login_required', (ctx) =>
      Boolean(ctx.oidc.session?.accountId && !ctx.oidc.account),
    ),
    0,
  );
  // A new login would not reach it either: the step below refuses, instead of asking for the password for ever.
  login.checks.remove('essential_acr');
  login.checks.remove('essential_acrs');
  // Whether a native client needs consent is our own flag's matter (first_party), not its kind's.
  consent.checks.remove('native_client_prompt');
  // Shown when an application asks for it (prompt=select_account), and somebody is signed in.
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  // An application that asks for a new account (OpenID Connect Prompt Create 1.0).
  policy.add(new Prompt({ name: 'create', requestable: true }), 0);
  policy.add(
    new Prompt(
      { name: 'mfa', requestable: false },
      new Check('second_factor', 'a second factor is needed', 'interaction_required', (ctx) => wantsFactor(ctx, deps)),
    ),
    3,
  );
  policy.add(
    new Prompt(
      { name: 'duties', requestable: false },
      new Check('duties', 'something is to be done first', 'interaction_required', (ctx) => owesDuties(ctx, deps)),
    ),
    4,
  );
  return policy;
}

async function owesDuties(ctx: KoaContextWithOIDC, { tenant, dutiesOf }: PolicyDeps): Promise<boolean> {
  const { account } = ctx.oidc;
  if (!account) return false;
  const { verifyEmail, acceptTerms } = await dutiesOf(tenant, account.accountId as UserId);
  return verifyEmail !== undefined || acceptTerms !== undefined;
}

/** @throws errors.UnmetAuthenticationRequirements where a class is asked for that this person cannot reach */
async function wantsFactor(ctx: KoaContextWithOIDC, { tenant, secondFactorOf }: PolicyDeps): Promise<boolean> {
  const { account, session } = ctx.oidc;
  if (!account) return false;
  const isReached = reaches(ctx, session?.acr);
  if (!isReached && !reaches(ctx, ACR.two)) throw unmet();
  const mfa = policyOf(tenant, ctx.oidc.client);
  const { mode } = mfa;
  const mayDemand = mode === 'required' || mode === 'required_for_roles';
  if (session?.acr === ACR.two || (isReached && !mayDemand)) return false;
  // A class that is asked for is asked for on a remembered browser too.
  const cookie = isReached ? readDeviceCookie(ctx as unknown as Context) : undefined;
  const { asked, demanded, mustEnrol } = await secondFactorOf(tenant, account.accountId as UserId, mfa, cookie);
  if (isReached) return mustEnrol || (demanded && asked);
  if (!asked && !mustEnrol) throw unmet();
  return true;
}

const unmet = () => new errors.UnmetAuthenticationRequirements('the requested authentication class cannot be reached');

/** The tenant's policy as it is for a client. */
const policyOf = ({ settings }: DirectoryTenant, client: Client | undefined) =>
  policyFor(settings.mfa, client?.['mfa'] as ClientMfa | undefined);

/** Whether a class is good enough for a client whatever it asks for. */
const isEnoughFor = (client: Client | undefined, acr: string | undefined) =>
  client?.['min_acr'] === undefined || rankOf(acr) >= rankOf(client['min_acr'] as string);

/**
 * Whether a refresh token may still be used. When the tenant or the client begins to demand a second factor, tokens of
 * sessions that have shown one go on; the others are refused, so that their person is asked at the next authorization. A
 * replay is not judged here: it is to end its family.
 *
 * @throws errors.InvalidGrant
 */
export async function assertStrongEnough(
  ctx: KoaContextWithOIDC,
  token: RefreshToken,
  { tenant, secondFactorOf }: PolicyDeps,
): Promise<void> {
  if (token.consumed || token.acr === ACR.two) return;
  const { provider, client } = ctx.oidc;
  const mfa = policyOf(tenant, client);
  const mayDemand = mfa.mode === 'required' || mfa.mode === 'required_for_roles';
  if (!mayDemand && isEnoughFor(client, token.acr)) return;
  // It came with the token, in the same statement.
  const session = token.sessionUid === undefined ? undefined : await provider.Session.findByUid(token.sessionUid);
  if (session?.acr === ACR.two) return;
  const refuse = (): never => {
    throw new errors.InvalidGrant('a second factor is needed: the user must authorize again');
  };
  if (!isEnoughFor(client, token.acr)) refuse();
  if (!mayDemand || token.amr?.includes(REMEMBERED)) return;
  if (mfa.mode === 'required') refuse();
  if ((await secondFactorOf(tenant, token.accountId as UserId, mfa, undefined)).demanded) refuse();
}

/** Whether a class is good enough for what the request asks for. */
function reaches(ctx: KoaContextWithOIDC, acr: string | undefined): boolean {
  const wanted = String(ctx.oidc.params?.['acr_values'] ?? '')
    .split(' ')
    .filter((one) => rankOf(one) >= 0);
  const essential = essentialAcr(ctx);
  const has = rankOf(acr);
  const met = (one: string) => rankOf(one) >= 0 && has >= rankOf(one);
  if (!isEnoughFor(ctx.oidc.client, acr)) return false;
  return (wanted.length === 0 || wanted.some(met)) && (essential === undefined || essential.some(met));
}

/** The values of an `acr` claim that is essential (OIDC Core §5.5.1.1); undefined where none is. */
function essentialAcr(ctx: KoaContextWithOIDC): string[] | undefined {
  const acr = ctx.oidc.claims.id_token?.['acr'];
  if (!acr?.essential) return undefined;
  const values = acr.values ?? (acr.value === undefined ? [] : [acr.value]);
  return values.length === 0 ? undefined : values.map(String);
}
