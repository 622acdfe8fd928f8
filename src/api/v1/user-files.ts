import { z } from 'zod';
import { TYPES } from '../../domain/user-transfer/user-file.ts';
import { operation } from '../operation.ts';
import { jobIds } from './ids.ts';
import { CREATE_USER_RATE, EXPORT_USERS_RATE } from './rates.ts';

export const importUsers = operation({
  method: 'POST',
  path: '/api/v1/users/import',
  summary: 'Make very many users from a file',
  description:
    'A line for each: as NDJSON, or as CSV whose first line names the columns. `email` must be there; `id`, `emailVerified`, `username`, `firstName`, `lastName`, `phone`, `phoneVerified`, `locale`, `timezone`, `status`, `roles`, `createdAt`, `passwordHash`, `mustChangePassword` may. A hash may be another system’s (argon2, bcrypt, scrypt, PBKDF2, phpass, SHA-crypt, `{SSHA}`); the first login replaces it. A line that cannot be done is reported by its number at `GET /api/v1/jobs/:id`, the first ten thousand of them in the job’s result; the others are done, once each. Who is there already stays as they are. `done` of the job counts bytes of the file.',
  access: { permission: 'iam.users:create' },
  uploads: [TYPES.ndjson, TYPES.csv],
  answers: { 202: z.object({ jobId: jobIds.text }) },
  failures: ['job_limit'],
  rate: [CREATE_USER_RATE],
  idempotent: 'honoured',
  example: { answer: { jobId: 'job_01HZX3F5T8Q2M4N6P7R9S0V1WA' } },
  async handle({ call, file, answer }, { userTransfer }) {
    const format = file.type === TYPES.csv ? 'csv' : 'ndjson';
    const job = await userTransfer.startImport(call, { file: file.id, format, bytes: file.bytes });
    return answer(202, { jobId: jobIds.encode(job.id) }, { location: `/api/v1/jobs/${jobIds.encode(job.id)}` });
  },
});

export const exportUsers = operation({
  method: 'GET',
  path: '/api/v1/users/export',
  summary: 'Get all users as a file',
  description:
    'In the form that an import takes, without passwords and without those who were removed: NDJSON unless `format` says `csv`. In a CSV an apostrophe stands before what a spreadsheet would compute; an import takes it off again. The audit trail has a line for each export.',
  access: { permission: 'iam.users:read' },
  query: z.strictObject({ format: z.enum(['ndjson', 'csv']).optional() }),
  answers: { 200: null },
  streams: [TYPES.ndjson, TYPES.csv],
  failures: [],
  rate: [EXPORT_USERS_RATE],
  async handle({ call, query: { format = 'ndjson' }, stream }, { userTransfer }) {
    return stream(TYPES[format], await userTransfer.export(call, { format }), `users.${format}`);
  },
});
