import type { Context } from 'koa';
import type { IdempotencyService } from '../domain/idempotency/idempotency-service.ts';
import { valuesOf } from '../http/header-values.ts';
import { networkOf } from '../kernel/address.ts';
import { nameOfActor, type Origin } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { stableJson } from '../kernel/text.ts';
import type { OpenCall, Operation } from './operation.ts';
import type { Reply } from './reply.ts';
import type { Route } from './routes.ts';

const FIELD = 'Idempotency-Key';
const KEY = new RegExp(`^[\\x20-\\x7e]{1,${LIMITS.idempotencyKeyChars}}$`);

/**
 * The key under which a request may be sent again; undefined where it has none or the operation takes none.
 *
 * @throws Failure `idempotency_key_required`; `invalid_input` for what is no key
 */
export function keyOf({ req }: Context, { idempotent }: Operation): string | undefined {
  if (!idempotent) return undefined;
  const values = valuesOf(req, 'idempotency-key');
  const [key] = values;
  if (key === undefined) {
    if (idempotent === 'required') throw new Failure('idempotency_key_required');
    return undefined;
  }
  if (values.length > 1 || !KEY.test(key))
    throw new Failure('invalid_input', {
      field: FIELD,
      problem: `must be 1 to ${LIMITS.idempotencyKeyChars} printable ASCII characters, once`,
    });
  return key;
}

export type Keyed<Ready> = {
  key: string;
  /** As it was asked: path, query and body before any transform. */
  asked: { params: object; query: object; body: unknown };
  prepare: () => Promise<Ready>;
  work: (call: OpenCall, ready: Ready) => Promise<Reply>;
};

/** Answers a request that carries a key: by its first answer, or by doing the work and keeping the answer with it. */
export async function replyOnce<Ready>(
  { contract, name }: Route,
  call: OpenCall,
  { key, asked, prepare, work }: Keyed<Ready>,
  idempotency: IdempotencyService,
): Promise<Reply> {
  const scope = `${contract.name} ${name}\n${nameOfActor(call.actor)}${strangerOf(call)}`;
  const { kept, isReplay } = await idempotency.once(call, { scope, key, request: stableJson(asked) }, prepare, work);
  return isReplay ? { ...kept, headers: { ...kept.headers, 'Idempotency-Replayed': 'true' } } : kept;
}

/** Strangers are told apart by their network, so that nobody is answered with what another one was told. */
function strangerOf({ actor, origin }: { actor: OpenCall['actor']; origin?: Origin }): string {
  return actor.kind === 'anonymous' ? `@${origin ? networkOf(origin.ip) : ''}` : '';
}
