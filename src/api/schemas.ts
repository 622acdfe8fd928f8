import { z } from 'zod';

/** What an operation without a body may be sent: nothing, or an empty object. */
export const noBody = z.strictObject({}).optional();

/** What an operation without parameters of its own may be asked. */
export const noQuery = z.strictObject({});
