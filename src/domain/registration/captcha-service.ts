import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { captchaSecret } from '../tenants/captcha-secret.ts';
import type { CaptchaKind, TenantSettings } from '../tenants/settings.ts';
import * as store from './captcha-store.ts';
import { type Challenge, newChallenge, readSolution, type SolvedChallenge } from './proof-of-work.ts';

/** One form that is posted to the outside, and its answer as text; it rejects on anything but 200. */
export type PostForm = (url: string, form: Readonly<Record<string, string>>) => Promise<string>;

export type CaptchaDeps = { keys: Pick<TenantKeyService, 'keyFor'>; postForm: PostForm };

type Rules = Pick<TenantSettings['registration'], 'captcha' | 'captchaSiteKey' | 'captchaSecret'>;

/** What is known of a registration: that no robot made it (once), or nothing, and whether an answer was given at all. */
export type CaptchaProof =
  | { kind: 'proven'; solved?: SolvedChallenge | undefined }
  | { kind: 'unproven'; wasAsked: boolean };

/** Where the services answer (Cloudflare Turnstile, hCaptcha); both take and give the same. */
const SERVICES: Record<Exclude<CaptchaKind, 'altcha' | 'off'>, string> = {
  turnstile: 'https://challenges.cloudflare.com/turnstile/v0/siteverify',
  hcaptcha: 'https://api.hcaptcha.com/siteverify',
};

/** Tells people from robots, as far as a machine can. */
export function createCaptchaService({ keys, postForm }: CaptchaDeps) {
  async function byWork(call: TenantCall, answer: string): Promise<CaptchaProof> {
    const solved = await readSolution(await keys.keyFor(call, 'captcha'), call.tenantId, answer, call.now);
    if (!solved) throw new Failure('captcha_failed');
    return { kind: 'proven', solved };
  }

  /** A service that is away, or that we have no secret for, says nothing: then nothing is proven, and nobody is turned away. */
  async function byService(
    call: TenantCall,
    kind: keyof typeof SERVICES,
    { captchaSiteKey: sitekey, captchaSecret: sealed }: Rules,
    answer: string,
  ): Promise<CaptchaProof> {
    if (sealed === undefined || sitekey === undefined) return { kind: 'unproven', wasAsked: true };
    const secret = captchaSecret.open(await keys.keyFor(call, 'seal'), call.tenantId, sealed);
    const form = { secret, sitekey, response: answer, ...(call.origin && { remoteip: call.origin.ip }) };
    const said = await postForm(SERVICES[kind], form).then(readAnswer, () => undefined);
    if (said === undefined) return { kind: 'unproven', wasAsked: true };
    if (!said) throw new Failure('captcha_failed');
    // The services take each answer once; this holds them to it.
    const expiresAt = new Date(call.now.getTime() + LIMITS.captchaSeconds * 1000);
    return { kind: 'proven', solved: { id: sha256(answer), expiresAt } };
  }

  return {
    /** A challenge of proof of work; undefined where the tenant asks for another CAPTCHA, or none. */
    challenge: async (call: TenantCall, { captcha }: Rules): Promise<Challenge | undefined> =>
      captcha === 'altcha' ? newChallenge(await keys.keyFor(call, 'captcha'), call.tenantId, call.now) : undefined,

    /**
     * Judges an answer; no answer proves nothing. What is proven is good once: `spend` it in the transaction of what it
     * is for.
     *
     * @throws Failure `captcha_failed` for a wrong answer
     */
    async judge(call: TenantCall, rules: Rules, answer: string | undefined): Promise<CaptchaProof> {
      const { captcha } = rules;
      if (captcha === 'off') return { kind: 'proven' };
      if (answer === undefined || answer === '') return { kind: 'unproven', wasAsked: false };
      if (answer.length > LIMITS.captchaChars) throw new Failure('captcha_failed');
      return captcha === 'altcha' ? byWork(call, answer) : byService(call, captcha, rules, answer);
    },

    /** Uses a proof up, in the caller's transaction. @throws Failure `captcha_failed` when it was used before */
    async spend(tx: TenantCall, proof: CaptchaProof): Promise<void> {
      if (proof.kind === 'proven' && proof.solved && !(await store.spend(tx, proof.solved)))
        throw new Failure('captcha_failed');
    },

    /** Forgets what can no longer be shown again. It may run twice at once. @returns how many went */
    async removeDead(call: OperatorCall): Promise<number> {
      for (let total = 0; ; ) {
        const gone = await store.removeDead(call, LIMITS.expiryBatchRows);
        total += gone;
        if (gone < LIMITS.expiryBatchRows) return total;
      }
    },
  };
}

export type CaptchaService = ReturnType<typeof createCaptchaService>;

/** Whether a service believes in a person; undefined for what is no answer of one, or says that it cannot tell. */
function readAnswer(text: string): boolean | undefined {
  try {
    const { success, 'error-codes': codes } = JSON.parse(text) as { success?: unknown; 'error-codes'?: unknown };
    if (success === true) return true;
    // Our own secret is wrong, or the service is broken: that is no word about the person.
    const isOurs = Array.isArray(codes) && codes.some((code) => /secret|internal-error|bad-request/.test(String(code)));
    return success === false && !isOurs ? false : undefined;
  } catch {
    return undefined;
  }
}
