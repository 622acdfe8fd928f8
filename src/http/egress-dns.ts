import { Resolver } from 'node:dns/promises';
import { LIMITS } from '../kernel/limits.ts';

/** The texts of a name's TXT records, each put together; none where there is no such name. Undefined: nobody answered. */
export type ResolveTexts = (name: string) => Promise<readonly string[] | undefined>;

/** Answers that say that there is nothing, which is an answer too (RFC 2308). */
const NOTHING = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * Asks the DNS for texts. Whatever it answers, it takes `LIMITS.dnsMs` at most, and of very many records the first
 * `LIMITS.dnsRecords` are looked at.
 *
 * @param server address and port of a resolver; the system's when it is not given
 */
export function createTextResolver(server?: string): ResolveTexts {
  return async (name) => {
    const resolver = new Resolver({ timeout: LIMITS.dnsMs / 4, tries: 2 });
    if (server !== undefined) resolver.setServers([server]);
    const deadline = setTimeout(() => resolver.cancel(), LIMITS.dnsMs);
    try {
      const records = await resolver.resolveTxt(name);
      return records.slice(0, LIMITS.dnsRecords).map((parts) => parts.join(''));
    } catch (error) {
      return NOTHING.has((error as { code?: string }).code ?? '') ? [] : undefined;
    } finally {
      clearTimeout(deadline);
    }
  };
}
