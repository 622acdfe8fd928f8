import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { RoleId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AccessService } from '../access/access-service.ts';
import type { JobKind, JobProblem, JobRun } from '../jobs/job.ts';
import type { PasswordTransfer } from '../passwords/password-transfer.ts';
import type { UserBatch } from '../users/user-batch.ts';
import { BEGINNING, type FileFormat, type FilePlace, readFile } from './user-file.ts';
import { cellOf, type ImportedUser, readUser } from './user-line.ts';

export type UserImportDeps = {
  users: Pick<UserBatch, 'createNew'>;
  access: Pick<AccessService, 'grantable' | 'grantToNew'>;
  passwordTransfer: PasswordTransfer;
};

/** What the job is given. `bytes` is the size of its file. */
export type UserImportInput = { format: FileFormat; bytes: number };

type Checkpoint = FilePlace & { created: number; problems: number };
type Good = { line: number; user: ImportedUser };

const PROBLEMS = { type: 'text/csv', name: 'problems.csv' };

/**
 * Makes users from a file, a batch a transaction; what a line asks for is kept with the place behind it, so each line is
 * done once whatever stops. A line that cannot be done is reported by its number, in words of ours, and the rest goes on.
 * Who is there already is left as they are. It is counted in bytes of the file, and leaves a list of the problems.
 */
export function createUserImport({ users, access, passwordTransfer }: UserImportDeps): JobKind {
  /** Writes a batch. @returns what could not be done */
  async function write(tx: TenantCall, batch: readonly Good[]): Promise<{ made: number; problems: JobProblem[] }> {
    const problems: JobProblem[] = [];
    const names = [...new Set(batch.flatMap(({ user }) => user.roles))];
    const roles = names.length > 0 ? await access.grantable(tx, names) : new Map<string, RoleId | Failure>();
    const allowed = batch.filter(({ line, user }) => {
      const refused = user.roles.map((name) => roles.get(name)).find((role) => role instanceof Failure);
      if (refused) problems.push({ line, message: messageOf(refused) });
      return !refused;
    });
    const lines = new Map(allowed.map(({ line, user }) => [user, line]));
    const { created, taken } = await users.createNew(
      tx,
      allowed.map(({ user }) => user),
    );
    for (const { user, code } of taken) problems.push({ line: lines.get(user)!, message: code });
    const { tenantId } = tx;
    await passwordTransfer.addAll(
      tx,
      created.flatMap(({ id, stored, mustChange }) => (stored ? [{ tenantId, userId: id, stored, mustChange }] : [])),
    );
    await access.grantToNew(
      tx,
      created.flatMap(({ id, roles: wanted }) =>
        wanted.map((name) => ({ userId: id, roleId: roles.get(name) as RoleId })),
      ),
    );
    return { made: created.length, problems };
  }

  function check(line: number, read: object, now: Date): Good | JobProblem {
    try {
      const user = readUser(read, now);
      return { line, user: user.stored ? { ...user, stored: passwordTransfer.checkedHash(user.stored) } : user };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return { line, message: messageOf(error) };
    }
  }

  return {
    permission: 'iam.users:create',

    async run({ call, input, checkpoint, save, read, write: leave, signal }: JobRun) {
      const { format, bytes } = input as UserImportInput;
      const at: Checkpoint = { ...BEGINNING, created: 0, problems: 0, ...(checkpoint as Checkpoint | undefined) };
      let good: Good[] = [];
      let bad: JobProblem[] = [];

      async function step(isLast = false): Promise<void> {
        const next = { ...at };
        await save(async (tx) => {
          const { made, problems } = await write(tx, good);
          const all = [...bad, ...problems].sort((a, b) => a.line! - b.line!);
          next.created = at.created + made;
          next.problems = at.problems + all.length;
          const listed = all.slice(0, Math.max(0, LIMITS.importProblems - at.problems));
          if (listed.length > 0) await leave(tx, tableOf(listed, at.problems === 0), PROBLEMS);
          return { checkpoint: next, done: isLast ? bytes : next.offset, total: bytes, errors: all };
        });
        Object.assign(at, next);
        [good, bad] = [[], []];
      }

      const lines = readFile(format, read, { ...at }, (columns) => {
        at.columns = columns;
      });
      try {
        for await (const line of lines) {
          signal.throwIfAborted();
          const found = 'read' in line ? check(line.line, line.read, call.now) : refused(line);
          if ('user' in found) good.push(found);
          else bad.push(found);
          Object.assign(at, { offset: line.end, line: line.nextLine });
          if (good.length + bad.length >= LIMITS.batchRows) await step();
        }
      } catch (error) {
        if (error instanceof Failure && error.code === 'invalid_input')
          await save(async () => ({ errors: [{ line: 1, message: messageOf(error) }] }));
        throw error;
      }
      await step(true);
      return { created: at.created, problems: at.problems };
    },
  };
}

const refused = ({ line, problem }: { line: number; problem: string }): JobProblem => ({
  line,
  message: messageOf(problem),
});

/** A code and what is wrong, without anything that stood in the line. */
function messageOf(why: Failure | string): string {
  if (typeof why === 'string') return `invalid_input: the line ${why}`;
  const { field = '', problem = 'is not valid', names, missing } = why.details as Record<string, string | undefined>;
  if (why.code === 'invalid_input') return `invalid_input: ${field === '' ? 'the line' : field} ${problem}`;
  return names || missing ? `${why.code}: roles` : why.code;
}

function tableOf(problems: readonly JobProblem[], isFirst: boolean): string {
  const rows = problems.map(({ line, message }) => `${line},${cellOf(message)}\r\n`);
  return `${isFirst ? 'line,problem\r\n' : ''}${rows.join('')}`;
}
