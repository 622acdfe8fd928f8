import { isPlain } from '../kernel/text.ts';
import type { Visit } from './visit.ts';

export type Fields = Readonly<Record<string, string | undefined>>;

/** One page of the account. Its path is one whole literal; `:name` takes one segment, which `visit.params` has decoded. */
export type AccountPage = {
  path: `/account${string}`;
  show(visit: Visit): Promise<void>;
  /** Does what its form asks; absent where it has none. */
  post?(visit: Visit, form: Fields): Promise<void>;
};

type Compiled = { page: AccountPage; pattern: RegExp; names: readonly string[] };

/** Finds pages by the path of a request below the issuer. */
export function createPageTable(pages: readonly AccountPage[]) {
  const table = pages.map(compiled);
  return (path: string): { page: AccountPage; params: Record<string, string> } | undefined => {
    for (const { page, pattern, names } of table) {
      const found = pattern.exec(path);
      const params = found && decoded(names, found.slice(1));
      if (params) return { page, params };
    }
    return undefined;
  };
}

function compiled(page: AccountPage): Compiled {
  const names = [...page.path.matchAll(/:(\w+)/g)].map(([, name]) => name!);
  return { page, names, pattern: new RegExp(`^${page.path.replace(/:\w+/g, '([^/]{1,400})')}$`) };
}

function decoded(names: readonly string[], values: readonly string[]): Record<string, string> | undefined {
  try {
    const texts = values.map(decodeURIComponent);
    // What no database holds names nothing.
    return texts.every(isPlain) ? Object.fromEntries(names.map((name, at) => [name, texts[at]!])) : undefined;
  } catch {
    return undefined;
  }
}
