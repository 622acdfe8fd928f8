import { z } from 'zod';
import type { Job } from '../../domain/jobs/job.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { time } from './fields.ts';
import { jobIds } from './ids.ts';
import { ME_RATE } from './rates.ts';

const states = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);

const jobBody = z.object({
  id: jobIds.text,
  kind: z.string(),
  state: states,
  done: z.int(),
  total: z.int().nullable(),
  errors: z.array(z.object({ line: z.int().nullable(), message: z.string() })).describe('The first hundred.'),
  errorCount: z.int(),
  result: z.record(z.string(), z.unknown()).nullable(),
  failure: z.string().nullable().describe('Why it failed as a whole.'),
  createdAt: time,
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
});

const presentJob = (job: Job): z.input<typeof jobBody> => ({
  ...job,
  id: jobIds.encode(job.id),
  errors: [...job.errors],
  result: job.result && { ...job.result },
  createdAt: job.createdAt.toISOString(),
  startedAt: job.startedAt?.toISOString() ?? null,
  finishedAt: job.finishedAt?.toISOString() ?? null,
});

const exampleJob: z.input<typeof jobBody> = {
  id: 'job_01HZX3F5T8Q2M4N6P7R9S0V1WA',
  kind: 'webhook-redelivery',
  state: 'running',
  done: 1_500,
  total: 4_210,
  errors: [],
  errorCount: 0,
  result: null,
  failure: null,
  createdAt: '2026-01-02T09:30:00.000Z',
  startedAt: '2026-01-02T09:30:01.000Z',
  finishedAt: null,
};
const one = { params: { id: exampleJob.id } };

export const jobs = operation({
  method: 'GET',
  path: '/api/v1/jobs',
  summary: 'List long work',
  description:
    'Yours, be you a person or a machine, and that of kinds whose permission you hold; the newest first, for a month.',
  access: 'known',
  query: z.strictObject({ ...pageFields, state: states.optional(), kind: z.string().max(64).optional() }),
  answers: { 200: pageBody(jobBody) },
  failures: [],
  rate: [ME_RATE],
  example: { answer: { data: [exampleJob], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, services) =>
    answer(200, presentPage(await services.jobs.list(call, query), presentJob)),
});

export const job = operation({
  method: 'GET',
  path: '/api/v1/jobs/:id',
  summary: 'See how far long work is',
  description:
    '`done` of `total`, in whatever the work counts. A problem with one line stands in `errors` and stops nothing else. Work goes on where it left off when a server dies.',
  access: 'known',
  params: z.strictObject({ id: jobIds.schema }),
  answers: { 200: jobBody },
  failures: ['job_not_found'],
  rate: [ME_RATE],
  example: { ...one, answer: exampleJob },
  handle: async ({ call, params, answer }, services) =>
    answer(200, presentJob(await services.jobs.get(call, params.id))),
});

export const cancelJob = operation({
  method: 'POST',
  path: '/api/v1/jobs/:id/cancel',
  summary: 'End long work',
  description: 'What it has done stays. One that runs ends at its next step; until then it is shown as running.',
  access: 'known',
  params: z.strictObject({ id: jobIds.schema }),
  answers: { 202: jobBody },
  failures: ['job_not_found', 'job_finished'],
  example: { ...one, answer: exampleJob },
  handle: async ({ call, params, answer }, services) =>
    answer(202, presentJob(await services.jobs.cancel(call, params.id))),
});

export const jobResult = operation({
  method: 'GET',
  path: '/api/v1/jobs/:id/result',
  summary: 'Get the file that work has left',
  description: 'For a week. 404 where there is none.',
  access: 'known',
  params: z.strictObject({ id: jobIds.schema }),
  answers: { 200: null },
  streams: ['application/x-ndjson', 'text/csv', 'application/json'],
  failures: ['job_not_found', 'not_found'],
  example: one,
  async handle({ call, params, stream }, services) {
    const { type, name, text } = await services.jobs.result(call, params.id);
    return stream(type, text, name);
  },
});
