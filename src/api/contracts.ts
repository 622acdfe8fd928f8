import type { Contract } from './contract.ts';
import type { CallerDeps } from './v1/caller.ts';
import { createV1 } from './v1/contract.ts';

export type ContractDeps = CallerDeps;

/** Every documented JSON API of the house. */
export function createContracts(deps: ContractDeps): readonly Contract[] {
  return [createV1(deps)];
}
