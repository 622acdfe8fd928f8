import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';

/** Authentication context classes, weakest first: one factor, two factors. */
export const ACR_VALUES = ['urn:gatehouse:acr:1fa', 'urn:gatehouse:acr:2fa'] as const;

const rankOf = (acr = '') => (ACR_VALUES as readonly string[]).indexOf(acr);

/**
 * The steps between a request and its answer, in order; the first whose check asks for it becomes a page. To the core's
 * own login and consent come:
 * - a session whose user is gone asks to sign in, instead of failing for ever;
 * - an authentication class that was asked for (`acr_values`, or an essential `acr` claim) and that the session has not
 *   reached is refused, so that a token never says more than what happened.
 */
export function signInPolicy(): interactionPolicy.DefaultPolicy {
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
  policy.add(
    new Prompt(
      { name: 'step_up', requestable: false },
      new Check(
        'class_not_reached',
        'a stronger authentication is needed',
        'unmet_authentication_requirements',
        (ctx) => {
          if (!ctx.oidc.account || reaches(ctx)) return Check.NO_NEED_TO_PROMPT;
          throw new errors.UnmetAuthenticationRequirements('the requested authentication class cannot be reached');
        },
      ),
    ),
    2,
  );
  return policy;
}

function reaches(ctx: KoaContextWithOIDC): boolean {
  const wanted = String(ctx.oidc.params?.['acr_values'] ?? '')
    .split(' ')
    .filter((acr) => rankOf(acr) >= 0);
  const essential = essentialAcr(ctx);
  const session = rankOf(ctx.oidc.session?.acr);
  const met = (acr: string) => rankOf(acr) >= 0 && session >= rankOf(acr);
  return (wanted.length === 0 || wanted.some(met)) && (essential === undefined || essential.some(met));
}

/** The values of an `acr` claim that is essential (OIDC Core §5.5.1.1); undefined where none is. */
function essentialAcr(ctx: KoaContextWithOIDC): string[] | undefined {
  const acr = ctx.oidc.claims.id_token?.['acr'];
  if (!acr?.essential) return undefined;
  const values = acr.values ?? (acr.value === undefined ? [] : [acr.value]);
  return values.length === 0 ? undefined : values.map(String);
}
