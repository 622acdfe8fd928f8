/** What a user allowed one application, over all its grants. */
export type GrantedClient = {
  clientId: string;
  name: string;
  logoUrl: string | undefined;
  siteUrl: string | undefined;
  /** An application of the tenant's own, which asked for no consent. */
  firstParty: boolean;
  /** Scopes of OpenID Connect, and `offline_access`. */
  scopes: readonly string[];
  /** Scopes of the tenant's APIs, by the identifier of the API. */
  apis: readonly { identifier: string; scopes: readonly string[] }[];
  /** When the oldest of its grants that still count was given; to the second. */
  since: Date;
};

/** What one or more grants hold, as the core keeps it. */
export type Held = { scopes: readonly string[]; resources: readonly Readonly<Record<string, string>>[] };

const words = (scope: string): string[] => scope.split(' ').filter(Boolean);

/** The scopes of several grants as one list each, in the order in which they come. */
export function unitedScopes({ scopes, resources }: Held): Pick<GrantedClient, 'scopes' | 'apis'> {
  const byApi = Map.groupBy(
    resources.flatMap((resource) => Object.entries(resource)),
    ([identifier]) => identifier,
  );
  return {
    scopes: [...new Set(scopes.flatMap(words))],
    apis: [...byApi].map(([identifier, held]) => ({
      identifier,
      scopes: [...new Set(held.flatMap(([, scope]) => words(scope)))],
    })),
  };
}
