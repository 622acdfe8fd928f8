import { canonicalEmail, canonicalUsername } from '../../kernel/canonical.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { canonicalLocale, canonicalTimezone, plainName } from '../../kernel/text.ts';
import { versionOf } from '../../kernel/version.ts';
import type { TenantSettings } from '../tenants/settings.ts';

/** `pending`: invited or not yet verified, cannot sign in. `deactivated` is final. */
export type UserStatus = 'pending' | 'active' | 'suspended' | 'deactivated';

export type User = {
  id: UserId;
  /** As it was typed; letters go here. */
  email: string;
  /** As it is compared. */
  emailCanonical: string;
  emailVerified: boolean;
  username: string | null;
  /** E.164. */
  phone: string | null;
  phoneVerified: boolean;
  firstName: string | null;
  lastName: string | null;
  /** BCP 47. */
  locale: string | null;
  /** IANA name. */
  timezone: string | null;
  status: UserStatus;
  createdAt: Date;
  updatedAt: Date;
  lastSignInAt: Date | null;
};

/** What a person may say of themselves; null takes a value away, what is left out stays. */
export type Profile = {
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  locale?: string | null | undefined;
  timezone?: string | null | undefined;
  phone?: string | null | undefined;
  username?: string | null | undefined;
};

export type UserDraft = Profile & {
  email: string;
  emailVerified?: boolean | undefined;
  phoneVerified?: boolean | undefined;
  status?: 'pending' | 'active' | 'suspended' | undefined;
};

/** The columns of a user that are derived from a draft or profile. */
export type UserValues = Omit<User, 'id' | 'createdAt' | 'updatedAt' | 'lastSignInAt'> & {
  usernameCanonical: string | null;
};

/** An identifier in the form in which users are found: an e-mail address or a user name. */
export type Identifier = { kind: 'email' | 'username'; canonical: string };

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/** Deactivation is final; any other status may change. @throws Failure `user_deactivated` */
export function assertChangeable(user: User): void {
  if (user.status === 'deactivated') throw new Failure('user_deactivated', { userId: user.id });
}

/** The version of a user: all of them but when they changed, and when they were here last, which is no change. */
export function versionOfUser({ lastSignInAt: _, updatedAt: _at, ...user }: User): string {
  return versionOf(user);
}

/** What the audit trail tells of a user. */
export const auditedUser = (user: Omit<UserValues, 'usernameCanonical'>) => ({
  email: user.email,
  emailVerified: user.emailVerified,
  username: user.username,
  phone: user.phone,
  phoneVerified: user.phoneVerified,
  firstName: user.firstName,
  lastName: user.lastName,
  locale: user.locale,
  timezone: user.timezone,
  status: user.status,
});

/** What somebody typed as who they are; undefined when no user can be found under it. */
export function identifierOf(raw: string): Identifier | undefined {
  const kind = raw.includes('@') ? 'email' : 'username';
  const canonical =
    raw.length > LIMITS.emailChars + 66 ? undefined : kind === 'email' ? canonicalEmail(raw) : canonicalUsername(raw);
  return canonical === undefined ? undefined : { kind, canonical };
}

/** @throws Failure `invalid_input` */
export function checkedEmail(raw: string): Pick<UserValues, 'email' | 'emailCanonical'> {
  const email = raw.length > 320 ? '' : raw.trim().normalize('NFKC');
  // A host name is read as a URL's would be, which ends at a slash; letters would go to what stands here.
  const plain = /@[\p{L}\p{N}\p{M}.-]+$/u.test(email);
  const emailCanonical = (plain ? canonicalEmail(raw) : undefined) ?? invalid('email', 'must be one plain address');
  return { email, emailCanonical };
}

type Checked = Partial<Omit<UserValues, 'email' | 'emailCanonical' | 'emailVerified' | 'phoneVerified' | 'status'>>;

/** The given parts of a profile in the form in which they are stored. @throws Failure `invalid_input` */
export function checkedProfile(profile: Profile): Checked {
  const checked: Checked = {};
  const { firstName, lastName, locale, timezone, phone, username } = profile;
  if (firstName !== undefined) checked.firstName = nameOf('firstName', firstName);
  if (lastName !== undefined) checked.lastName = nameOf('lastName', lastName);
  if (locale !== undefined)
    checked.locale =
      locale === null ? null : (canonicalLocale(locale) ?? invalid('locale', 'must be a BCP 47 language tag'));
  if (timezone !== undefined)
    checked.timezone =
      timezone === null ? null : (canonicalTimezone(timezone) ?? invalid('timezone', 'must be an IANA time zone'));
  if (phone !== undefined) checked.phone = phone === null ? null : phoneOf(phone);
  if (username !== undefined) {
    checked.usernameCanonical =
      username === null
        ? null
        : (canonicalUsername(username) ?? invalid('username', 'must be letters, digits and . _ -'));
    checked.username = username === null ? null : username.trim().normalize('NFKC');
  }
  return checked;
}

/** @throws Failure `invalid_input` */
export function checkedUser(draft: UserDraft): UserValues {
  const profile = checkedProfile(draft);
  return {
    ...checkedEmail(draft.email),
    emailVerified: draft.emailVerified ?? false,
    username: profile.username ?? null,
    usernameCanonical: profile.usernameCanonical ?? null,
    phone: profile.phone ?? null,
    phoneVerified: profile.phone ? (draft.phoneVerified ?? false) : false,
    firstName: profile.firstName ?? null,
    lastName: profile.lastName ?? null,
    locale: profile.locale ?? null,
    timezone: profile.timezone ?? null,
    status: draft.status ?? 'active',
  };
}

/**
 * What a person may say of themselves in their tenant.
 *
 * @throws Failure `forbidden` for a user name where the tenant gives it
 */
export function ownProfile(profile: Profile, { ownUsername }: TenantSettings['profile']): Profile {
  if (profile.username !== undefined && !ownUsername) throw new Failure('forbidden', { field: 'username' });
  return profile;
}

function nameOf(field: string, raw: string | null): string | null {
  if (raw === null || raw.trim() === '') return null;
  return plainName(raw, LIMITS.nameChars) ?? invalid(field, `must have at most ${LIMITS.nameChars} plain characters`);
}

/** E.164 with its plus; shorter numbers are service numbers of one country, not a person's. */
function phoneOf(raw: string): string {
  return raw.length <= 16 && /^\+[1-9][0-9]{6,14}$/.test(raw)
    ? raw
    : invalid('phone', 'must be E.164, as +15551234567');
}
