import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { randomToken } from '../../kernel/secret.ts';

/** Words that mean something else in a URL or a host name of ours. */
const RESERVED = new Set(
  `api assets auth callback docs favicon health interaction internal login logout metrics null oauth oidc openapi ready
   saml scim static t undefined well-known www`.split(/\s+/),
);

const invalid = (problem: string): never => {
  throw new Failure('invalid_input', { field: 'slug', problem });
};

/** @throws Failure `invalid_input` when the slug is no lower-case host label, or reserved */
export function checkedSlug(slug: string): string {
  if (slug.length > LIMITS.slugChars || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(slug))
    return invalid('must be lower-case letters, digits and inner hyphens');
  return RESERVED.has(slug) ? invalid('is reserved') : slug;
}

/** How many slugs are tried for a name: all but the first end in something random. */
const TRIES = 4;
const TAIL = 5;

/**
 * Slugs for a tenant that is called so, to be tried in turn: the letters and digits of the name, then the same with a
 * random end. A name in another script gives `tenant`.
 */
export function slugsFor(name: string): string[] {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LIMITS.slugChars - TAIL - 1)
    .replace(/^-+|-+$/g, '');
  const stem = plain === '' ? 'tenant' : plain;
  const withTail = () =>
    `${stem}-${randomToken()
      .toLowerCase()
      .replace(/[^a-z0-9]/g, '')
      .slice(0, TAIL)}`;
  return [...(RESERVED.has(stem) || plain === '' ? [] : [stem]), ...Array.from({ length: TRIES }, withTail)];
}
