import type { Context } from 'koa';
import { type Networks, parseAddress } from '../kernel/address.ts';
import type { Actor } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import type { Access } from './operation.ts';

/** Whether a request comes from the operator's own networks: by the socket, since anyone can write a header. */
export function assertInternal({ req }: Context, internal: Networks): void {
  const peer = parseAddress(req.socket.remoteAddress ?? '');
  if (!peer || !internal.has(peer)) throw new Failure('forbidden', { reason: 'not an internal address' });
}

/**
 * Whether the caller may use an operation.
 *
 * @throws Failure `unauthenticated`, `forbidden`
 */
export function assertAccess(access: Access, actor: Actor): void {
  if (access === 'anonymous' || access === 'proof' || access === 'internal') return;
  if (actor.kind === 'anonymous') throw new Failure('unauthenticated');
  if (typeof access === 'object') {
    if (actor.kind === 'system' || !actor.permissions.includes(access.permission))
      throw new Failure('forbidden', { needs: access.permission });
    return;
  }
  if (access === 'known' && actor.kind !== 'system') return;
  // A person is asked for: neither a client nor the service itself has a profile or a session.
  if (actor.kind !== 'user') throw new Failure('forbidden', { needs: 'a user' });
  const { roles } = actor;
  const isSuper = roles.includes('SUPER_ADMIN');
  if (access === 'super' && !isSuper) throw new Failure('forbidden', { needs: 'SUPER_ADMIN' });
  if (access === 'tenant-admin' && !isSuper && !roles.includes('TENANT_ADMIN'))
    throw new Failure('forbidden', { needs: 'TENANT_ADMIN' });
}
