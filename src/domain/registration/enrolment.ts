import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { canonicalEmail } from '../../kernel/canonical.ts';
import { Failure } from '../../kernel/failure.ts';
import type { EmailTokenId, TenantId } from '../../kernel/ids.ts';
import { equalSecrets, seal, unseal } from '../../kernel/secret.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { asciiDigits } from '../factors/code-text.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { shownName } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import { assertPassword } from '../passwords/password-text.ts';
import { type EmailToken, holderHash } from '../recovery/email-token.ts';
import type { EmailTokenService } from '../recovery/email-token-service.ts';
import type { RecoveryThrottle } from '../recovery/recovery-throttle.ts';
import type { VerificationService } from '../recovery/verification-service.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import type { User } from '../users/user.ts';
import type { UserService } from '../users/user-service.ts';
import { type Applicant, assertDomain } from './registration.ts';
import * as store from './registration-store.ts';

export type EnrolmentDeps = {
  tokens: EmailTokenService;
  verification: Pick<VerificationService, 'confirm'>;
  letters: LetterService;
  passwords: Pick<PasswordService, 'set' | 'verify'>;
  users: Pick<UserService, 'create' | 'findByIdentifier'>;
  throttle: Pick<RecoveryThrottle, 'takeTry'>;
  keys: Pick<TenantKeyService, 'keyFor'>;
  audit: Pick<AuditService, 'record'>;
  directory: Pick<TenantDirectory, 'byId'>;
};

/** Where a letter goes out from, and where its code works. */
type LetterAbout = {
  id: EmailTokenId;
  holder: Buffer | undefined;
  languages: readonly string[];
  base: string | undefined;
};

/** An account that was made just now. */
export type Made = { tenantId: TenantId; user: User };

/** From an applicant to a user: the letter that proves the address, and the account that is made with it. */
export function createEnrolment(deps: EnrolmentDeps) {
  const { tokens, verification, letters, passwords, users, throttle, keys, audit, directory } = deps;
  const place = (tenantId: string, id: string) => `${tenantId}/email_tokens/sealed/${id}`;

  async function applicantOf(
    call: TenantCall,
    { id, sealed }: { id: EmailTokenId; sealed: Buffer },
  ): Promise<Applicant> {
    const key = await keys.keyFor(call, 'seal');
    return JSON.parse(unseal(key, place(call.tenantId, id), sealed).toString()) as Applicant;
  }

  /** Makes the account, in the caller's transaction. @throws Failure `email_taken`; `registration_closed` without room */
  async function make(
    tx: TenantCall,
    { userId, password, ...draft }: Applicant,
    { emailVerified }: { emailVerified: boolean },
  ): Promise<User> {
    const user = await users
      .create(tx, { ...draft, id: userId, emailVerified, status: 'active' })
      .catch((error: unknown) => {
        throw error instanceof Failure && error.code === 'tenant_limit' ? new Failure('registration_closed') : error;
      });
    await passwords.set(tx, userId, { userId, stored: password });
    await store.noteRegistered(tx, userId);
    await audit.record(tx, 'user.registered', { target: `user:${userId}` });
    await letters.toUser(tx, userId, 'welcome', { link: { path: '/' } });
    return user;
  }

  /**
   * Writes to the address: the proof for whoever wants an account; or, where somebody has one, a word to its owner. Both
   * are one row and one letter. The name that a stranger has typed does not stand in it.
   */
  async function write(
    tx: TenantCall,
    applicant: Applicant,
    { id, holder, languages, base }: LetterAbout,
  ): Promise<void> {
    const { email } = applicant;
    const emailCanonical = canonicalEmail(email) as string;
    const owner = await users.findByIdentifier(tx, email);
    const key = await keys.keyFor(tx, 'seal');
    const sealed = seal(key, place(tx.tenantId, id), Buffer.from(JSON.stringify(applicant)));
    const made = await tokens.mint(tx, 'register', { id, email, emailCanonical, holder, sealed });
    if (!made) return;
    const action = owner ? 'registration.address_known' : 'registration.requested';
    await audit.record(tx, action, owner && { target: `user:${owner.id}` });
    const { token, code, minutes, expiresAt } = made;
    const reader = owner ?? { email, firstName: null, lastName: null, locale: applicant.locale };
    const letter = {
      to: { name: shownName(reader.firstName, reader.lastName), address: reader.email },
      languages: reader.locale === null ? languages : [reader.locale, ...languages],
      base,
      until: expiresAt.toISOString(),
    };
    const link = { path: '/register/confirm', query: { token } } as const;
    await letters.queue(
      tx,
      owner
        ? { ...letter, template: 'account-exists', values: { link: { path: '/' }, recovery: { path: '/recovery' } } }
        : { ...letter, template: 'verify-email', values: { link, minutes, ...(holder && { code }) } },
      reader === owner ? owner.id : applicant.userId,
    );
  }

  async function finish(call: TenantCall, token: EmailToken<'register'>): Promise<Made> {
    const tenant = await directory.byId(call, call.tenantId);
    const applicant = await applicantOf(call, token);
    if (!tenant?.settings.registration.selfService) throw new Failure('registration_closed');
    assertDomain(canonicalEmail(applicant.email) as string, tenant.settings.registration.emailDomains);
    const user = await inTransaction(call, async (tx) => {
      if (!(await tokens.consume(tx, 'register', token.id))) throw new Failure('token_invalid');
      return make(tx, applicant, { emailVerified: true });
    }).catch((error: unknown) => {
      // Another letter of the same address was faster by the breadth of a hair.
      throw error instanceof Failure && error.code === 'email_taken' ? new Failure('token_invalid') : error;
    });
    return { tenantId: call.tenantId, user };
  }

  const isHeld = ({ isHeldBy }: EmailToken<'register'>, holder: string): boolean =>
    isHeldBy !== undefined && equalSecrets(isHeldBy, holderHash(holder));

  /** @throws Failure `invalid_credentials`; `token_invalid` after five tries; `rate_limited` */
  async function assertPasswordOf(call: TenantCall, token: EmailToken<'register'>, password = ''): Promise<void> {
    if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
    assertPassword(password);
    await throttle.takeTry(call);
    if (!(await inTransaction(call, (tx) => tokens.takeTry(tx, token.id)))) throw new Failure('token_invalid');
    const { password: stored } = await applicantOf(call, token);
    if (!(await passwords.verify(stored, password))) throw new Failure('invalid_credentials');
  }

  return {
    make,
    write,

    /** Writes once more what a browser was written before about an address; nothing where it never was. */
    async writeAgain(tx: TenantCall, emailCanonical: string, about: LetterAbout): Promise<void> {
      if (!about.holder) return;
      const { holder } = about;
      const before = await tokens.findLatest(tx, { purpose: 'register', holder, emailCanonical });
      if (before) await write(tx, await applicantOf(tx, before), about);
    },

    /**
     * What a link would make, as long as it is good. To look uses nothing up.
     *
     * @param holder the browser's; on another than the one that registered, the password is needed too
     */
    async find(
      call: TenantCall,
      token: string,
      holder: string,
    ): Promise<{ email: string; needsPassword: boolean } | undefined> {
      const found = await tokens.find(call, 'register', token);
      return found && { email: found.email, needsPassword: !isHeld(found, holder) };
    },

    /**
     * Makes the account by the link of the letter. On the browser that registered the link is enough; on any other the
     * password that was chosen must be shown too: whoever opens a letter that they did not ask for shall not make an
     * account for a stranger who knows its password.
     *
     * @throws Failure `token_invalid`; `invalid_credentials` for a wrong password; `rate_limited`, `registration_closed`
     */
    async confirm(
      call: TenantCall,
      { token, holder, password }: { token: string; holder: string; password?: string | undefined },
    ): Promise<Made> {
      const found = await tokens.find(call, 'register', token);
      if (!found) throw new Failure('token_invalid');
      if (!isHeld(found, holder)) await assertPasswordOf(call, found, password);
      return finish(call, found);
    },

    /**
     * The same by the code of the letter, on the browser that registered; five tries.
     *
     * @throws Failure `token_invalid`, `rate_limited`, `registration_closed`
     */
    async confirmByCode(call: TenantCall, { holder, code }: { holder: string; code: string }): Promise<Made> {
      if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
      await throttle.takeTry(call);
      const typed = { holder, code: asciiDigits(code) };
      const found = await inTransaction(call, (tx) => tokens.findByCode(tx, 'register', typed));
      if (!found) throw new Failure('token_invalid');
      return finish(call, found);
    },

    /**
     * Takes the token of any letter that proves an address: of a registration, or of a user. For programs, which pass on
     * what their user has opened. The tenant may be left out.
     *
     * @throws Failure `token_invalid`; a second call meets it too
     */
    async verifyEmail(call: OperatorCall & { tenantId?: TenantId | undefined }, token: string): Promise<void> {
      const tenantId = call.tenantId ?? (await tokens.tenantOf(call, token));
      if (tenantId === undefined) throw new Failure('token_invalid');
      const there: TenantCall = { ...call, tenantId };
      const found = await tokens.find(there, 'register', token);
      if (found) await finish(there, found);
      else await verification.confirm(there, token);
    },
  };
}

export type Enrolment = ReturnType<typeof createEnrolment>;
