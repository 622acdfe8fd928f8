import { expect } from 'chai';
import { Failure, type FailureCode } from '../../src/kernel/failure.ts';

/** Passes when the promise is refused with exactly this code; gives its details. */
export async function expectFailure(code: FailureCode, promise: Promise<unknown>): Promise<Record<string, unknown>> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome !== undefined && !(outcome instanceof Failure)) throw outcome;
  expect(outcome?.code).to.equal(code);
  return outcome!.details;
}
