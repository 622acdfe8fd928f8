import { EgressError, type EgressReason } from '../../src/http/egress-url.ts';

/** Why an outbound call was refused; `none` when it was not. Any other error is a failure of the test. */
export async function reasonOf(work: Promise<unknown>): Promise<EgressReason | 'none'> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    return error.reason;
  }
}
