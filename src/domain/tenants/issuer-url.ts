type Named = { slug: string; isPlatform: boolean };

/**
 * The issuer of a tenant: a path of ours, `/` for the platform tenant, or the root of a verified domain of its own.
 *
 * @param domain one of the tenant's verified domains
 */
export function issuerUrl(publicUrl: URL, { slug, isPlatform }: Named, domain?: string): string {
  if (domain !== undefined) return `${publicUrl.protocol}//${domain}${publicUrl.port && `:${publicUrl.port}`}`;
  return isPlatform ? publicUrl.origin : `${publicUrl.origin}/t/${slug}`;
}

/** Every issuer of a tenant; the one that it has without a domain first. */
export function issuerUrls(publicUrl: URL, tenant: Named & { domains: readonly string[] }): string[] {
  return [undefined, ...tenant.domains].map((domain) => issuerUrl(publicUrl, tenant, domain));
}
