import type { UserService } from '../domain/users/user-service.ts';
import type { Page } from '../http/pages.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage } from './account-page.ts';
import { done, formOf } from './visit.ts';

export type LanguageDeps = {
  page: Page;
  users: Pick<UserService, 'updateProfile'>;
  /** The languages in which there are pages. */
  languages: readonly { code: string; name: string }[];
};

/** The language of pages and letters: kept with the person, and in this browser. */
export function createLanguagePage({ page, users, languages }: LanguageDeps): AccountPage {
  return {
    path: '/account/language',
    async show(visit) {
      const offered = languages.map(({ code, name }) => ({ code, name }));
      page(visit.ctx, 'account-language', { ...formOf(visit, 'language'), languages: offered });
    },
    async post(visit, form) {
      const chosen = languages.find(({ code }) => code === form['lang']);
      if (!chosen) throw new Failure('invalid_input', { field: 'lang' });
      await users.updateProfile(visit.call, visit.userId, { locale: chosen.code });
      done(visit, `/language?lang=${chosen.code}`, 'language_saved');
    },
  };
}
