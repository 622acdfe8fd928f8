import { ADMINISTRATION_WRITES } from './writes/administration.ts';
import { FACTOR_WRITES } from './writes/factors.ts';
import { MACHINE_WRITES } from './writes/machines.ts';
import { OWN_WRITES } from './writes/own.ts';
import { SIGN_IN_WRITES } from './writes/sign-in.ts';
import { TENANT_WRITES } from './writes/tenants.ts';
import { USER_WRITES } from './writes/users.ts';
import type { Maker } from './writes/write.ts';

/**
 * A request for every operation that writes, by contract and name. An operation that is not here fails
 * `test/api/every-write.test.ts`, and so does one that leaves other lines in the audit trail.
 */
export const WRITES: Record<string, Record<string, Maker>> = {
  v1: {
    ...SIGN_IN_WRITES,
    ...FACTOR_WRITES,
    ...OWN_WRITES,
    ...ADMINISTRATION_WRITES,
    ...USER_WRITES,
    ...MACHINE_WRITES,
    ...TENANT_WRITES,
  },
};
