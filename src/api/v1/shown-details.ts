import { z } from 'zod';
import { METADATA_NAMES } from '../../domain/clients/client-metadata.ts';
import { FACTOR_KINDS } from '../../domain/tenants/settings.ts';
import { FAILURES } from '../../kernel/failure.ts';
import type { ChallengeId, TenantId } from '../../kernel/ids.ts';
import type { Dress } from '../contract.ts';
import { challengeIds, tenantIds } from './ids.ts';

// What refusals show beside their code.

/** What is wrong, by field. */
export const DETAILS = z.object({ details: z.array(z.object({ field: z.string(), message: z.string() })) });

/** What the login is answered by, and with which of the person's factors. */
export const CHALLENGE: Pick<Dress, 'extra' | 'shows'> = {
  extra: ({ challengeId, factors }) => ({ challengeId: challengeIds.encode(challengeId as ChallengeId), factors }),
  shows: {
    schema: z.object({ challengeId: challengeIds.text, factors: z.array(z.enum(FACTOR_KINDS)) }),
    example: { challengeId: 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5', factors: ['totp', 'backup_code'] },
  },
};

/** The tenants that the password has opened, so that the login can be repeated at one of them. */
export const CHOICE: Pick<Dress, 'extra' | 'shows'> = {
  extra({ tenants }) {
    const opened = tenants as readonly { id: TenantId; slug: string; name: string }[];
    return { tenants: opened.map(({ id, slug, name }) => ({ id: tenantIds.encode(id), slug, name })) };
  },
  shows: {
    schema: z.object({ tenants: z.array(z.object({ id: tenantIds.text, slug: z.string(), name: z.string() })) }),
    example: { tenants: [{ id: 'ten_01HZX3F5T8Q2M4N6P7R9S0V1W3', slug: 'acme', name: 'Acme' }] },
  },
};

const PROBLEMS: Readonly<Record<string, string>> = {
  too_short: 'is too short',
  too_long: 'is too long',
  needs_uppercase: 'needs a capital letter',
  needs_lowercase: 'needs a small letter',
  needs_digit: 'needs a digit',
  needs_special: 'needs a character that is no letter or digit',
  common: 'is one that many people use',
  repeated: 'repeats itself',
  sequence: 'is a sequence',
  context: 'holds your name, address or organisation',
  reused: 'was used before',
};

export const PASSWORD_PROBLEMS: Pick<Dress, 'extra' | 'shows'> = {
  extra({ reasons }) {
    if (!Array.isArray(reasons)) return {};
    const details = reasons.map((reason) => ({
      field: 'newPassword',
      message: PROBLEMS[String(reason)] ?? FAILURES.password_policy,
    }));
    return { details };
  },
  shows: {
    schema: DETAILS,
    example: { details: [{ field: 'newPassword', message: 'is too short' }] },
  },
};

/** What the metadata of a client says that it cannot; under the name that it has on the wire. */
export const CLIENT_PROBLEM: Pick<Dress, 'extra' | 'shows'> = {
  extra({ field, problem }) {
    const name = METADATA_NAMES[field as keyof typeof METADATA_NAMES] ?? field ?? 'client';
    return { details: [{ field: String(name), message: String(problem ?? 'is not valid') }] };
  },
  shows: {
    schema: DETAILS,
    example: { details: [{ field: 'redirect_uris', message: 'http://app.example/ must be https' }] },
  },
};

/** Which limit of the tenant it is. */
export const LIMIT: Pick<Dress, 'extra' | 'shows'> = {
  extra: ({ limit, max }) => ({ details: [{ field: String(limit), message: `is ${Number(max)}` }] }),
  shows: { schema: DETAILS, example: { details: [{ field: 'maxUsers', message: 'is 50' }] } },
};

/** The roles that still have a permission. */
export const IN_USE: Pick<Dress, 'extra' | 'shows'> = {
  extra: ({ roles }) => ({ roles }),
  shows: { schema: z.object({ roles: z.array(z.string()) }), example: { roles: ['nurse'] } },
};

/** What was looked for in the DNS. */
export const UNPROVEN: Pick<Dress, 'extra' | 'shows'> = {
  extra: ({ name, problem }) => ({ details: [{ field: String(name), message: String(problem) }] }),
  shows: {
    schema: DETAILS,
    example: { details: [{ field: '_gatehouse.acme.example', message: 'has no such TXT record' }] },
  },
};
