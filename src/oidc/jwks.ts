import { createPublicKey, type KeyObject } from 'node:crypto';
import { ExternalSigningKey } from 'oidc-provider';
import type { Jwk, SigningKey } from '../domain/keys/signing-key.ts';

/** A key that is published and verifies, and can never sign: its private half is gone. */
class RetiredKey extends ExternalSigningKey {
  readonly #key: KeyObject;
  readonly #jwk: Jwk;

  constructor(jwk: Jwk) {
    super();
    this.#jwk = jwk;
    this.#key = createPublicKey({ key: jwk as never, format: 'jwk' });
  }

  override get kid(): string {
    return this.#jwk['kid'] as string;
  }

  override get alg(): string {
    return this.#jwk['alg'] as string;
  }

  override keyObject(): KeyObject {
    return this.#key;
  }

  override sign(): never {
    throw new Error('a retired key does not sign');
  }
}

const RANK = { active: 0, next: 1, retired: 2 } as const;

/** The keys in the order in which the core looks for one to sign with: the active one of each algorithm is found first. */
export function jwksOf(keys: readonly SigningKey[]): { keys: unknown[] } {
  const ordered = keys.toSorted((a, b) => RANK[a.status] - RANK[b.status]);
  return { keys: ordered.map((key) => key.privateJwk ?? new RetiredKey(key.publicJwk)) };
}

/** The JWK Set as the world sees it (RFC 7517 §5): public members only. */
export function publicJwks(keys: readonly SigningKey[]): { keys: Jwk[] } {
  return { keys: keys.map(({ publicJwk }) => publicJwk) };
}
