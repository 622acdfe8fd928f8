import { webhooksOfOneTenant } from './limit-attempts.ts';

const file = (path: string, title?: string) => ({ file: `test/${path}`, ...(title && { title }) });
const sizes = (path: string) => ({ sizes: `src/${path}` });

/** Where the limits of webhooks and of long work are shown to hold. */
export const OUTSIDE_PROOFS = {
  // Webhooks
  webhooks: { upTo: (n: number) => webhooksOfOneTenant(n) },
  webhookEvents: file('api/v1/webhooks.test.ts', 'more events than there may be'),
  webhookPayloadBytes: file('domain/webhooks/publisher.test.ts', 'without its data where that would be too large'),
  webhookTimeoutMs: sizes('http/receiver-calls.ts'),
  webhookHands: file('jobs/outbox-lanes.test.ts', 'leave hands to other tenants'),
  webhookHandsOfTenant: file('jobs/outbox-lanes.test.ts', 'leave hands to other tenants'),
  webhookHandsOfReceiver: file('jobs/outbox-lanes.test.ts', 'have so many rows under way at once'),
  webhookBusyMs: file('domain/webhooks/delivery-service.test.ts'),
  webhookRetryAfterMs: file('domain/webhooks/delivery-service.test.ts'),
  webhookFailingMs: file('domain/webhooks/delivery-service.test.ts'),
  webhookBacklog: file('domain/webhooks/delivery-service.test.ts'),
  webhookLogDays: file('domain/webhooks/delivery-log.test.ts'),
  webhookInterestMs: sizes('domain/webhooks/interest.ts'),
  // Files of users
  importLineBytes: file('domain/user-transfer/user-file.test.ts'),
  importProblems: file('domain/user-transfer/user-import.test.ts'),
  uploadIdleMs: file('http/upload.test.ts', 'for as long as'),
  uploadMs: file('http/upload.test.ts', 'for as long as'),
  // Long work
  jobs: file('domain/jobs/job-service.test.ts'),
  jobLeaseMs: file('domain/jobs/job-node.test.ts', 'a node that was stopped and comes back'),
  jobHeartbeatMs: file('domain/jobs/job-run.test.ts', 'hears of it by itself'),
  jobHands: sizes('background.ts'),
  jobTries: file('domain/jobs/job-run.test.ts'),
  jobRuns: file('domain/jobs/job-run.test.ts'),
  jobErrors: file('domain/jobs/job-service.test.ts'),
  jobErrorChars: file('domain/jobs/job-service.test.ts'),
  jobDays: file('domain/jobs/job-file.test.ts'),
  jobResultDays: file('domain/jobs/job-file.test.ts'),
  jobFiles: file('domain/jobs/job-file.test.ts'),
  jobFileBytes: file('domain/jobs/job-file.test.ts', 'larger than it may be'),
  jobChunkBytes: file('domain/jobs/job-file.test.ts'),
  jobChunksRemoved: sizes('domain/jobs/job-file-service.ts'),
};
