import { ownProfile, type Profile, type User } from '../domain/users/user.ts';
import type { UserService } from '../domain/users/user-service.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage, Fields } from './account-page.ts';
import { timezonesWith } from './timezones.ts';
import { done, formOf, type Visit } from './visit.ts';

export type ProfileDeps = {
  page: Page;
  users: Pick<UserService, 'updateProfile'>;
  /** The languages in which there are pages. */
  languages: readonly { code: string; name: string }[];
};

/** Fields of the form, and what the room calls them. */
const FIELDS = {
  first_name: 'firstName',
  last_name: 'lastName',
  username: 'username',
  phone: 'phone',
  locale: 'locale',
  timezone: 'timezone',
} as const satisfies Record<string, keyof Profile>;

/** Who a person is here, in their own words. */
export function createProfilePage({ page, users, languages }: ProfileDeps): AccountPage {
  function draw(visit: Visit, said: Profile, refusal?: { field: string | undefined; problem: ProblemCode }): void {
    const { ctx, user, issuer } = visit;
    const shown = { ...user, ...withoutUndefined(said) };
    const { ownUsername } = issuer.tenant.settings.profile;
    const data = {
      ...formOf(visit, 'profile', refusal?.problem),
      email: user.email,
      emailVerified: user.emailVerified,
      firstName: shown.firstName ?? '',
      lastName: shown.lastName ?? '',
      username: user.username === null && !ownUsername ? undefined : (shown.username ?? ''),
      usernameChangeable: ownUsername,
      phone: shown.phone ?? '',
      phoneVerified: user.phoneVerified && shown.phone === user.phone,
      locale: shown.locale ?? '',
      locales: localesWith(user.locale, languages),
      zone: shown.timezone ?? '',
      zones: timezonesWith(user.timezone),
      refused: refusal?.field,
    };
    page(ctx, 'account-profile', data, refusal ? 422 : 200);
  }

  return {
    path: '/account/profile',
    async show(visit) {
      draw(visit, {});
    },
    async post(visit, form) {
      const { call, userId, issuer } = visit;
      const profile = profileOf(form);
      let changed: User;
      try {
        changed = await users.updateProfile(call, userId, ownProfile(profile, issuer.tenant.settings.profile));
      } catch (error) {
        const refusal = refusalOf(error);
        if (!refusal) throw error;
        return draw(visit, profile, refusal);
      }
      const { locale } = changed;
      const isNew = locale !== visit.user.locale && languages.some(({ code }) => code === locale);
      // The page that follows speaks it, and this browser keeps it.
      done(visit, isNew ? `/profile?lang=${locale}` : '/profile', 'profile_saved');
    },
  };
}

/** An empty field takes the value away; one that was not on the page stays out of it. */
function profileOf(form: Fields): Profile {
  const given = Object.entries(FIELDS).filter(([field]) => form[field] !== undefined);
  const profile: Profile = Object.fromEntries(given.map(([field, key]) => [key, form[field]?.trim() || null]));
  // People write numbers in groups.
  return typeof profile.phone === 'string' ? { ...profile, phone: profile.phone.replace(/[\s().-]/g, '') } : profile;
}

const withoutUndefined = (profile: Profile) =>
  Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== undefined)) as Profile;

function refusalOf(error: unknown): { field: string | undefined; problem: ProblemCode } | undefined {
  if (!(error instanceof Failure)) return undefined;
  if (error.code === 'username_taken') return { field: 'username', problem: 'username_taken' };
  if (error.code !== 'invalid_input') return undefined;
  const field = Object.entries(FIELDS).find(([, key]) => key === error.details['field'])?.[0];
  return { field, problem: field === 'phone' || field === 'username' ? `${field}_invalid` : 'profile_invalid' };
}

/** The languages of the pages, and what the person has beside them. */
function localesWith(locale: string | null, languages: ProfileDeps['languages']): ProfileDeps['languages'] {
  const isThere = locale === null || languages.some(({ code }) => code === locale);
  return isThere ? languages : [...languages, { code: locale, name: locale }];
}
