import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { ExternalSigningKey } from 'oidc-provider';
import type { Jwk, SigningKey } from '../domain/keys/signing-key.ts';

const signOffLoop = promisify(sign);

/**
 * A key as the core holds it: the core sees its public members and asks it to sign. So no private key is in the core's
 * hands, and a signature is one call of OpenSSL in a thread of its own: the core's own way costs a third more beside it.
 * Both halves are opened when they are first needed; most tenants that are in memory only publish theirs.
 */
class HeldKey extends ExternalSigningKey {
  readonly #key: SigningKey;
  #public: KeyObject | undefined;
  #private: KeyObject | undefined;

  constructor(key: SigningKey) {
    super();
    this.#key = key;
  }

  #member(name: string): string {
    return this.#key.publicJwk[name] as string;
  }

  override get kid(): string {
    return this.#key.kid;
  }

  override get alg(): string {
    return this.#key.alg;
  }

  override get kty(): string {
    return this.#member('kty');
  }

  override get e(): string {
    return this.#member('e');
  }

  override get n(): string {
    return this.#member('n');
  }

  override get x(): string {
    return this.#member('x');
  }

  override get y(): string {
    return this.#member('y');
  }

  override get crv(): string {
    return this.#member('crv');
  }

  override keyObject(): KeyObject {
    this.#public ??= createPublicKey({ key: this.#key.publicJwk as never, format: 'jwk' });
    return this.#public;
  }

  /** JWS signatures (RFC 7518 §3.3 and §3.4: the two halves of an ECDSA signature side by side). */
  override async sign(data: Uint8Array): Promise<Uint8Array> {
    const { privateJwk } = this.#key;
    if (!privateJwk) throw new Error('a retired key does not sign');
    this.#private ??= createPrivateKey({ key: privateJwk as never, format: 'jwk' });
    return signOffLoop('sha256', data, { key: this.#private, dsaEncoding: 'ieee-p1363' });
  }
}

const RANK = { active: 0, next: 1, retired: 2 } as const;

/** The keys in the order in which the core looks for one to sign with: the active one of each algorithm is found first. */
export function jwksOf(keys: readonly SigningKey[]): { keys: unknown[] } {
  return { keys: keys.toSorted((a, b) => RANK[a.status] - RANK[b.status]).map((key) => new HeldKey(key)) };
}

/** The JWK Set as the world sees it (RFC 7517 §5): public members only. */
export function publicJwks(keys: readonly SigningKey[]): { keys: Jwk[] } {
  return { keys: keys.map(({ publicJwk }) => publicJwk) };
}
