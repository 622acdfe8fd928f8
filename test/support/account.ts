import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { aBrowser, type Visited } from './browser.ts';
import { type Enrolled, siteWithTotp } from './factors.ts';
import { aSite, type Site, type SiteOptions, startNode, type TestNode } from './node.ts';

export type Browser = ReturnType<typeof aBrowser>;

/** A person in a browser, signed in at their account. */
export type AtAccount = {
  site: Site;
  browser: Browser;
  /** Opens a page: `/profile`, or the account itself. */
  open(path?: string): Promise<Visited>;
};

/** A node for the tests of one `describe`, and ways into the account of a fresh tenant's user. */
export function servingAccounts(settings: Record<string, string> = {}): {
  node(): TestNode;
  site(options?: SiteOptions): Promise<Site>;
  enter(site: Site, browser?: Browser): Promise<AtAccount>;
} {
  let node: TestNode;
  before(async function () {
    this.timeout(60_000);
    node = await startNode({ settings: { RATE_LIMITS: 'false', ...settings } });
  });
  after(() => node.stop());
  afterEach(() => {
    const faults = node.logged
      .splice(0)
      .filter((line) => line.includes('"level":"error"') || line.includes('"level":50'));
    expect(faults, 'what was answered with 500').to.deep.equal([]);
  });
  return {
    node: () => node,
    site: (options) => aSite(node, options),
    async enter(site, browser = aBrowser(node)) {
      const page = await browser.signIn(`${site.issuer}/account`, site.email);
      expect([page.status, page.url.pathname]).to.deep.equal([200, new URL(`${site.issuer}/account`).pathname]);
      return { site, browser, open: (path = '') => browser.go(`${site.issuer}/account${path}`) };
    },
  };
}

/** What the page says of the last act. */
export const noteOf = ({ html }: Visited): string | undefined =>
  /role="status">[\s\S]*?<p>([^<]*)<\/p>/.exec(html)?.[1];

/** What the page says went wrong. */
export const alertOf = ({ html }: Visited): string | undefined => /role="alert"[\s\S]*?<p>([^<]*)<\/p>/.exec(html)?.[1];

export const headingOf = ({ html }: Visited): string | undefined => /<h1>(?:<bdi>)?([^<]*)/.exec(html)?.[1]?.trim();

/** The value of a field, as the page shows it. */
export const typedIn = ({ html }: Visited, field: string): string | undefined =>
  new RegExp(`<input[^>]*name="${field}"[^>]*value="([^"]*)"`).exec(html)?.[1];

/** Where a link leads that stands behind these words. */
export function linkOf({ html, url }: Visited, words: RegExp): URL {
  const found = [...html.matchAll(/<a [^>]*href="([^"]*)"[^>]*>([\s\S]*?)<\/a>/g)].find(([, , inner]) =>
    words.test(inner!.replace(/<[^>]*>/g, '')),
  );
  if (!found) throw new Error(`no link ${words} on ${url}`);
  return new URL(found[1]!.replaceAll('&amp;', '&'), url);
}

/** Lets a person's login be so many seconds older than it is. */
export async function ageLogins(
  { house }: Pick<TestNode, 'house'>,
  { tenantId, user }: Site,
  seconds: number,
): Promise<void> {
  await house.db.raw(
    `update oidc_session set payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - ?))
      where tenant_id = ? and account_id = ?`,
    [seconds, tenantId, user],
  );
}

/** A person with an authenticator application that they have had for a while. */
export async function withOldTotp(node: TestNode, site: Site): Promise<Enrolled> {
  const enrolled = await siteWithTotp(node, site);
  const confirmed_at = new Date(Date.now() - 60_000);
  await inTransaction(site.call, ({ db, tenantId }) =>
    db('factors').where({ tenant_id: tenantId }).update({ confirmed_at }),
  );
  return enrolled;
}

/** The cookies of a browser as one header. */
export const cookieHeader = (browser: Browser): string =>
  browser
    .cookies()
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
