import {
  inOperatorTransaction,
  inTransaction,
  type OperatorCall,
  type Origin,
  type TenantCall,
} from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type EmailTokenId, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { StoredHash } from '../passwords/hash.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import { assertPassword } from '../passwords/password-text.ts';
import { holderHash } from '../recovery/email-token.ts';
import type { RecoveryThrottle } from '../recovery/recovery-throttle.ts';
import { DEFAULT_SETTINGS } from '../tenants/settings.ts';
import type { DirectoryTenant, TenantDirectory } from '../tenants/tenant-directory.ts';
import type { User, UserValues } from '../users/user.ts';
import { hasRoom } from '../users/user-limit.ts';
import type { CaptchaProof, CaptchaService } from './captcha-service.ts';
import type { Enrolment } from './enrolment.ts';
import type { Challenge } from './proof-of-work.ts';
import { type Applicant, checkedDraft, type RegistrationDraft } from './registration.ts';
import * as store from './registration-store.ts';

export type RegistrationDeps = {
  captcha: CaptchaService;
  enrolment: Enrolment;
  passwords: Pick<PasswordService, 'prepareNew'>;
  throttle: RecoveryThrottle;
  keys: Pick<TenantKeyService, 'keyFor'>;
  audit: Pick<AuditService, 'recordAll'>;
  directory: Pick<TenantDirectory, 'byId' | 'bySlug'>;
  /** Where those register who name no tenant. */
  platformTenant(call: OperatorCall): Promise<TenantId>;
};

/** How somebody registers: from which browser, in which language, and with which proof that they are no robot. */
export type RegistrationWay = {
  /** The tenant, where the request says it beside the call. */
  slug?: string | undefined;
  captcha?: string | undefined;
  /** Whether no answer is an answer: where there is no JavaScript. Fewer are let through, and each proves the address first. */
  withoutCaptcha?: boolean | undefined;
  /** What only this browser has; the code of the letter works there. */
  holder?: string | undefined;
  languages?: readonly string[] | undefined;
  base?: string | undefined;
};

/** Who has registered. Where the address is to be proven first, there is no such user yet, and may never be. */
export type Registered = { tenantId: TenantId; user: User; verificationRequired: boolean };

/** A registration that may be taken. */
export type Prepared = {
  readonly tenantId: TenantId;
  readonly userId: UserId;
  readonly values: UserValues;
  readonly password: StoredHash;
  readonly proof: CaptchaProof;
  readonly isProvenFirst: boolean;
  readonly way: RegistrationWay;
};

type Wish = {
  applicant: Applicant | { again: string };
  holder: string | undefined;
  languages: readonly string[];
  base: string | undefined;
  origin: Origin | undefined;
};

/** A row of the outbox of kind `registration`. */
export type RegistrationRow = { id: string; payload: Record<string, unknown>; createdAt: Date };

/** A call in the tenant that was named, if any was. */
type OpenCall = OperatorCall & { tenantId?: TenantId | undefined };

/**
 * People who make their accounts themselves, where their tenant lets them. Who asks learns nothing about others: the
 * password is hashed, one sealed row is written, and the answer is the same, whoever has the address; a worker then writes
 * to whoever reads its letters. There is no user before the address is proven. Where a tenant does without that proof,
 * the account is made at once, and a taken address is told.
 */
export function createRegistrationService(deps: RegistrationDeps) {
  const { captcha, enrolment, passwords, throttle, keys, audit, directory } = deps;
  const place = (tenantId: string, id: string) => `${tenantId}/outbox/registration/${id}`;

  /** @throws Failure `cross_tenant` for a tenant that is not there, or contradicts the call; `registration_closed` */
  async function openTenant(call: OpenCall, slug?: string): Promise<{ there: TenantCall; tenant: DirectoryTenant }> {
    const isName = slug === undefined || (slug.length <= LIMITS.slugChars && /^[a-z0-9-]+$/.test(slug));
    const named = slug !== undefined && isName ? await directory.bySlug(call, slug) : undefined;
    const contradicts = call.tenantId !== undefined && named !== undefined && named.id !== call.tenantId;
    if (slug !== undefined && (!named?.isActive || contradicts)) throw new Failure('cross_tenant');
    const tenantId = named?.id ?? call.tenantId ?? (await deps.platformTenant(call));
    const tenant = await directory.byId(call, tenantId);
    if (!tenant?.isActive || !tenant.settings.registration.selfService) throw new Failure('registration_closed');
    const there = { ...call, tenantId };
    // Told before a letter goes out, whoever has the address.
    if (tenant.settings.maxUsers !== undefined && !(await hasRoom(there))) throw new Failure('registration_closed');
    return { there, tenant };
  }

  /** Puts a wish down, with the proof that it uses up. */
  async function put(call: TenantCall, wish: Omit<Wish, 'origin'>, proof?: CaptchaProof): Promise<void> {
    const id = newId();
    const key = await keys.keyFor(call, 'seal');
    const content = Buffer.from(JSON.stringify({ ...wish, origin: call.origin } satisfies Wish));
    await inTransaction(call, async (tx) => {
      if (proof) await captcha.spend(tx, proof);
      await store.addWish(tx, id, seal(key, place(call.tenantId, id), content));
    });
  }

  const wayOf = ({ holder, languages = [], base }: RegistrationWay) => ({
    holder: holder === undefined ? undefined : holderHash(holder).toString('base64url'),
    languages,
    base,
  });

  /**
   * Judges a registration and hashes its password: all that must not run inside of a transaction.
   *
   * @throws Failure `registration_closed`, `cross_tenant`, `invalid_input`, `captcha_failed`, `rate_limited`,
   *   `password_policy`, `password_breached`, `busy`
   */
  async function prepare(call: OpenCall, draft: RegistrationDraft, way: RegistrationWay = {}): Promise<Prepared> {
    const { there, tenant } = await openTenant(call, way.slug);
    const { registration: rules } = tenant.settings;
    assertPassword(draft.password);
    const values = checkedDraft(draft, rules.emailDomains);
    await throttle.takeRequest(there, 'registration');
    const proof = await captcha.judge(there, rules, way.captcha);
    if (proof.kind === 'unproven') {
      if (!proof.wasAsked && !way.withoutCaptcha) throw new Failure('captcha_failed');
      await throttle.takeUnproven(there);
    }
    await throttle.takeNames('registration', values.emailCanonical);
    const userId = newId<UserId>();
    const ready = await passwords.prepareNew(there, { userId, email: values.email }, draft.password, tenant);
    const isProvenFirst = rules.verifyEmail || proof.kind === 'unproven';
    return { tenantId: tenant.id, userId, values, password: ready.stored, proof, isProvenFirst, way };
  }

  /**
   * Takes a registration that was prepared.
   *
   * @throws Failure `captcha_failed` for an answer that was used before; `email_taken` only where addresses need not be
   *   proven
   */
  async function take(call: OpenCall, prepared: Prepared): Promise<Registered> {
    const { tenantId, userId, values, password, proof, isProvenFirst, way } = prepared;
    const there: TenantCall = { ...call, tenantId };
    const { email, firstName, lastName, locale } = values;
    const applicant: Applicant = { userId, email, firstName, lastName, locale, password };
    if (isProvenFirst) {
      await put(there, { applicant, ...wayOf(way) }, proof);
      const times = { createdAt: call.now, updatedAt: call.now, lastSignInAt: null };
      const user: User = { ...values, ...times, id: userId, status: 'pending' };
      return { tenantId, user, verificationRequired: true };
    }
    const user = await inTransaction(there, async (tx) => {
      await captcha.spend(tx, proof);
      return enrolment.make(tx, applicant, { emailVerified: false });
    });
    return { tenantId, user, verificationRequired: false };
  }

  return {
    /** Whether a tenant lets people register, and by what they show that they are no robots. */
    async rulesOf(call: TenantCall): Promise<DirectoryTenant['settings']['registration'] | undefined> {
      const tenant = await directory.byId(call, call.tenantId);
      return tenant?.settings.registration;
    },

    /**
     * A challenge of proof of work for a registration at the call's tenant, or at the platform's where it names none.
     *
     * @throws Failure `not_found` where the tenant asks for another CAPTCHA, or none
     */
    async challenge(call: OpenCall): Promise<Challenge> {
      const tenantId = call.tenantId ?? (await deps.platformTenant(call));
      const tenant = await directory.byId(call, tenantId);
      const made = tenant && (await captcha.challenge({ ...call, tenantId }, tenant.settings.registration));
      if (!made) throw new Failure('not_found');
      return made;
    },

    prepare,
    take,

    /** Both at once. @throws Failure what `prepare` and `take` throw */
    async register(call: OpenCall, draft: RegistrationDraft, way?: RegistrationWay): Promise<Registered> {
      return take(call, await prepare(call, draft, way));
    },

    /**
     * Has the letter of a registration sent again, to a browser that registered with this address within a day. Anybody
     * else gets the same answer, and no letter.
     *
     * @throws Failure `rate_limited`, `registration_closed`
     */
    async resend(
      call: TenantCall,
      { email, ...way }: RegistrationWay & { email: string; holder: string },
    ): Promise<void> {
      const { there } = await openTenant(call);
      const name = checkedDraft({ email, password: '', firstName: 'x', lastName: 'x' }, []).emailCanonical;
      await throttle.takeRequest(there, 'registration', name);
      await put(there, { applicant: { again: name }, ...wayOf(way) });
    },

    /** Carries a wish out: one letter, to whoever reads those of the address. A second call with the same row writes nothing. */
    async carryOut(call: TenantCall, { id, payload, createdAt }: RegistrationRow): Promise<void> {
      const { sealed } = payload;
      const isLate = call.now.getTime() - createdAt.getTime() > LIMITS.verifyEmailSeconds * 1000;
      if (typeof sealed !== 'string' || isLate) return;
      const key = await keys.keyFor(call, 'seal');
      const opened = unseal(key, place(call.tenantId, id), Buffer.from(sealed, 'base64url'));
      const { applicant, holder: hash, origin, ...way } = JSON.parse(opened.toString()) as Wish;
      const holder = hash === undefined ? undefined : Buffer.from(hash, 'base64url');
      await inTransaction({ ...call, ...(origin && { origin }) }, async (tx) => {
        await store.emptyWish(tx, id);
        const about = { ...way, holder, id: id as EmailTokenId };
        if ('again' in applicant) await enrolment.writeAgain(tx, applicant.again, about);
        else await enrolment.write(tx, applicant, about);
      });
    },

    /**
     * Removes accounts that people made and nobody has proven or used in the days that their tenant gives them: the
     * address is free again. It may run twice at once.
     *
     * @returns how many went
     */
    async removeUnproven(call: OperatorCall): Promise<number> {
      const most = { days: DEFAULT_SETTINGS.registration.unverifiedDays, limit: LIMITS.batchRows };
      for (let total = 0; ; ) {
        const gone = await inOperatorTransaction(call, async (tx) => {
          const users = await store.removeUnproven(tx, most);
          const details = { reason: 'unverified' };
          await audit.recordAll(
            tx,
            users.map(({ tenantId, userId }) => ({
              tenantId,
              action: 'user.removed',
              target: `user:${userId}`,
              details,
            })),
          );
          return users.length;
        });
        total += gone;
        if (gone < LIMITS.batchRows) return total;
      }
    },
  };
}

export type RegistrationService = ReturnType<typeof createRegistrationService>;
