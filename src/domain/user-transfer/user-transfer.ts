import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import type { JobFileId } from '../../kernel/ids.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { Job } from '../jobs/job.ts';
import type { JobService } from '../jobs/job-service.ts';
import type { PasswordTransfer } from '../passwords/password-transfer.ts';
import type { User } from '../users/user.ts';
import type { UserBatch } from '../users/user-batch.ts';
import { type FileFormat, TYPES } from './user-file.ts';
import type { UserImportInput } from './user-import.ts';
import { cellOf, FIELDS, type Line } from './user-line.ts';

export type UserTransferDeps = {
  users: Pick<UserBatch, 'all'>;
  access: Pick<AccessService, 'roleNamesOf'>;
  passwordTransfer: Pick<PasswordTransfer, 'hashesOf'>;
  jobs: Pick<JobService, 'create' | 'files'>;
  audit: Pick<AuditService, 'record'>;
};

/** A file that was taken in, for `startImport`. */
export type ReceivedUsers = { file: JobFileId; format: FileFormat; bytes: number };

export type ExportOptions = {
  format: FileFormat;
  /** With the hashes of passwords: for an operator who moves a tenant to another house. */
  withHashes?: boolean;
};

const HASH_FIELDS: readonly string[] = ['passwordHash', 'passwordPepper', 'passwordForm', 'mustChangePassword'];

/** The users of a tenant into a file and out of one, however many there are. */
export function createUserTransfer({ users, access, passwordTransfer, jobs, audit }: UserTransferDeps) {
  async function linesOf(call: TenantCall, part: readonly User[], withHashes: boolean): Promise<Line[]> {
    const keys = part.map(({ id: userId }) => ({ tenantId: call.tenantId, userId }));
    const { roles, hashes } = await inTransaction(call, async (tx) => ({
      roles: Map.groupBy(await access.roleNamesOf(tx, keys), ({ userId }) => userId),
      hashes: new Map(
        (withHashes ? await passwordTransfer.hashesOf(tx, keys) : []).map((hash) => [hash.userId, hash] as const),
      ),
    }));
    return part.map((user) => {
      const hash = hashes.get(user.id);
      return {
        ...user,
        createdAt: user.createdAt.toISOString(),
        roles: (roles.get(user.id) ?? []).map(({ name }) => name).sort(),
        ...(hash && {
          passwordHash: hash.stored.hash,
          passwordPepper: hash.stored.pepperId,
          passwordForm: hash.stored.normalForm,
          mustChangePassword: hash.mustChange,
        }),
      };
    });
  }

  async function* textOf(call: TenantCall, { format, withHashes = false }: ExportOptions): AsyncGenerator<string> {
    const fields = FIELDS.filter((field) => withHashes || !HASH_FIELDS.includes(field));
    if (format === 'csv') yield `${fields.join(',')}\r\n`;
    for await (const part of users.all(call)) {
      const lines = await linesOf(call, part, withHashes);
      yield lines
        .map((line) => (format === 'csv' ? rowOf(fields.map((field) => line[field])) : objectOf(fields, line)))
        .join('');
    }
  }

  return {
    /** Takes a file of users in. @throws Failure `too_large`, `job_limit`; what the source throws */
    async receive(
      call: TenantCall,
      source: AsyncIterable<Uint8Array>,
      { format, name = null }: { format: FileFormat; name?: string | null },
    ): Promise<ReceivedUsers> {
      const { id, bytes } = await jobs.files.receive(call, source, { type: TYPES[format], name });
      return { file: id, format, bytes };
    },

    /** Has the users of a received file made, on behalf of whoever asks. @throws Failure `job_limit`, `not_found` */
    startImport(call: TenantCall, { file, format, bytes }: ReceivedUsers): Promise<Job> {
      const input: UserImportInput = { format, bytes };
      return jobs.create(call, 'user-import', { input, file });
    },

    /**
     * The users of the tenant as a file that `receive` takes, by id: whoever is made or changed meanwhile may be in it or
     * not. Who is gone for good is not. The audit trail says that it was asked for.
     */
    async export(call: TenantCall, options: ExportOptions): Promise<AsyncIterable<string>> {
      const { format, withHashes = false } = options;
      await inTransaction(call, (tx) =>
        audit.record(tx, 'user.exported', { details: { format, credentials: withHashes } }),
      );
      return textOf(call, options);
    },
  };
}

export type UserTransfer = ReturnType<typeof createUserTransfer>;

const rowOf = (values: readonly unknown[]) => `${values.map(cellOf).join(',')}\r\n`;

/** What there is nothing of is left out. */
const objectOf = (fields: readonly (keyof Line)[], line: Line) =>
  `${JSON.stringify(Object.fromEntries(fields.map((field) => [field, line[field] ?? undefined])))}\n`;
