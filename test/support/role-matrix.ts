import { fileURLToPath } from 'node:url';
import { assertAccess } from '../../src/api/access.ts';
import { createContracts } from '../../src/api/contracts.ts';
import { type Operation, wantsCaller } from '../../src/api/operation.ts';
import { routesOf } from '../../src/api/routes.ts';
import { PERMISSIONS, permissionsOfRoles, SYSTEM_ROLES, type SystemRole } from '../../src/domain/access/role.ts';
import type { Actor } from '../../src/kernel/call.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { newId, type UserId } from '../../src/kernel/ids.ts';

const user = (...roles: string[]): Actor => ({
  kind: 'user',
  userId: newId<UserId>(),
  sessionUid: 'uid',
  roles,
  permissions: permissionsOfRoles(roles.map((name) => ({ name, permissions: [] }))),
});

/** Everybody who may call, from nobody to a machine that holds every permission there is. */
export const CALLERS: Readonly<Record<string, Actor>> = {
  stranger: { kind: 'anonymous' },
  user: user(),
  ...Object.fromEntries((Object.keys(SYSTEM_ROLES) as SystemRole[]).reverse().map((role) => [role, user(role)])),
  machine: { kind: 'client', clientId: 'robot', permissions: PERMISSIONS },
};

/** `+` is let in, `-` is refused (403), `?` is asked who they are (401), `i` is let in from the operator's networks. */
export type Mark = '+' | '-' | '?' | 'i';

/** Whether an operation lets somebody in. */
export function markOf(operation: Operation, actor: Actor): Mark {
  if (operation.access === 'internal') return 'i';
  try {
    if (wantsCaller(operation)) assertAccess(operation.access, actor);
    return '+';
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.code === 'unauthenticated' ? '?' : '-';
  }
}

/** Who is let in where: a line for each operation, by path. The file `test/api/role-matrix.txt` has what was reviewed. */
export function roleMatrix(): string {
  const routes = routesOf(createContracts({ publicHost: 'id.test' } as never));
  const lines = routes.map(({ contract, operation }) => {
    const marks = Object.values(CALLERS).map((actor) => markOf(operation, actor));
    return { line: `${marks.join(' ')}  ${contract.name} ${operation.method} ${operation.path}`, key: operation.path };
  });
  const head = [
    '# Who is let in where: + let in, - refused (403), ? asked who they are (401), i from the operator’s networks.',
    '# What stands here was reviewed; a change fails a test.',
    '# Written by: node test/support/role-matrix.ts > test/api/role-matrix.txt',
    `# The columns: ${Object.keys(CALLERS).join(', ')}`,
  ];
  const sorted = lines.sort((a, b) => (`${a.key} ${a.line}` < `${b.key} ${b.line}` ? -1 : 1));
  return `${[...head, ...sorted.map(({ line }) => line)].join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(roleMatrix());
