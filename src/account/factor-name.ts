import type { FactorService } from '../domain/factors/factor-service.ts';
import type { Page } from '../http/pages.ts';
import { Failure } from '../kernel/failure.ts';
import { type FactorId, isUuid } from '../kernel/ids.ts';
import type { AccountPage } from './account-page.ts';
import { done, formOf, type Visit } from './visit.ts';

export type FactorNameDeps = { page: Page; factors: Pick<FactorService, 'list' | 'rename'> };

/** The name by which a person knows one of their factors. */
export function createFactorNamePage({ page, factors }: FactorNameDeps): AccountPage {
  async function draw(visit: Visit, typed?: string): Promise<void> {
    const { ctx, call, userId, params } = visit;
    const found = (await factors.list(call, userId)).find(({ id }) => id === params['id']);
    if (!found) throw new Failure('factor_not_found');
    const problem = typed === undefined ? undefined : 'factor_name_invalid';
    const about = { kind: found.kind, name: typed ?? found.name ?? '' };
    page(ctx, 'account-factor-name', { ...formOf(visit, 'security', problem), ...about }, problem ? 422 : 200);
  }

  return {
    path: '/account/security/factors/:id/name',
    show: (visit) => draw(visit),
    async post(visit, form) {
      const { call, userId, params } = visit;
      const [id, name] = [params['id']!, form['name'] ?? ''];
      if (!isUuid(id)) throw new Failure('factor_not_found');
      try {
        await factors.rename(call, userId, id as FactorId, name);
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'invalid_input') throw error;
        return draw(visit, name.slice(0, 200));
      }
      done(visit, '/security', 'factor_renamed');
    },
  };
}
