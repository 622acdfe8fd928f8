import type { z } from 'zod';
import type { TenantKeyService } from '../domain/keys/tenant-key-service.ts';
import type { TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { seal, sha256, unseal } from '../kernel/secret.ts';
import { stableJson } from '../kernel/text.ts';

/** The list that a cursor is a place in. */
export type List = { operation: string; filter: object };

const placeOf = ({ tenantId }: TenantCall, { operation, filter }: List) =>
  `${tenantId}/cursor/${operation}/${sha256(stableJson(filter)).toString('base64url')}`;

/**
 * Where a list goes on, for the caller to come back with. It is sealed, so it tells nothing and nobody can make one, and it
 * opens in the same tenant for the same list with the same filter only.
 */
export async function writeCursor(
  call: TenantCall,
  keys: Pick<TenantKeyService, 'keyFor'>,
  list: List,
  position: object,
): Promise<string> {
  const key = await keys.keyFor(call, 'cursor');
  return seal(key, placeOf(call, list), Buffer.from(JSON.stringify(position))).toString('base64url');
}

/** The position that a cursor stands for. @throws Failure `invalid_input` for any other text */
export async function readCursor<Position extends z.ZodType>(
  call: TenantCall,
  keys: Pick<TenantKeyService, 'keyFor'>,
  list: List,
  text: string,
  position: Position,
): Promise<z.output<Position>> {
  const key = await keys.keyFor(call, 'cursor');
  const sealed = Buffer.from(text, 'base64url');
  try {
    // One spelling: the last letter has bits that no byte holds.
    if (sealed.toString('base64url') !== text) throw new SyntaxError('not base64url');
    return position.parse(JSON.parse(unseal(key, placeOf(call, list), sealed).toString()));
  } catch {
    throw new Failure('invalid_input', { field: 'cursor', problem: 'is not one of this list' });
  }
}
