import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { auditIds } from '../api/v1/ids.ts';
import type { Checkpoint, Commitment, Point } from '../domain/audit/audit-proof.ts';
import type { ChainedRecord } from '../domain/audit/audit-record.ts';
import { createWalk, type Walk } from '../domain/audit/audit-walk.ts';

/** The file is no trail that was written here. */
export class BadTrail extends Error {}

const bytes = z.base64url().transform((text) => Buffer.from(text, 'base64url'));
const commitment = z.strictObject({ text: z.string().nullable(), salt: bytes.nullable(), digest: bytes.nullable() });
const text = z.string().nullable();

const checkpoint = z.strictObject({
  kind: z.enum(['head', 'base']),
  seq: z.int(),
  id: z.uuid(),
  hash: bytes,
  at: z.string(),
  signature: bytes,
});

const beginning = z.strictObject({
  trail: z.literal(1),
  tenantId: z.uuid(),
  slug: z.string(),
  publicKey: z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() }),
  base: checkpoint.nullable(),
  head: checkpoint,
});

const line = z.strictObject({
  seq: z.int(),
  id: z.uuid(),
  at: z.string(),
  action: z.string(),
  actorKind: z.string(),
  actorId: text,
  resource: text,
  resourceId: text,
  requestId: text,
  person: text,
  origin: commitment,
  state: commitment,
  digest: bytes,
  previous: z.uuid(),
  hash: bytes,
});

const base64 = (buffer: Buffer | null) => buffer?.toString('base64url') ?? null;
const written = ({ text: plain, salt, digest }: Commitment) => ({
  text: plain,
  salt: base64(salt),
  digest: base64(digest),
});
const point = ({ hash, signature, ...rest }: Checkpoint) => ({
  ...rest,
  hash: base64(hash),
  signature: base64(signature),
});

/** As `audit verify --json` and the API show it. */
const kept = z.object({ seq: z.int(), record: auditIds.schema, hash: z.hex().length(64) });

/** The checkpoint in a file: alone, or in what `audit verify --json` and the API answer. @throws BadTrail */
export function readCheckpoint(file: string): Point {
  try {
    const content = JSON.parse(readFileSync(file, 'utf8')) as { checkpoint?: unknown };
    const { seq, record, hash } = kept.parse(content.checkpoint ?? content);
    return { seq, id: record, hash: Buffer.from(hash, 'hex') };
  } catch (error) {
    throw (error as { code?: string }).code === 'ENOENT' ? error : new BadTrail('the file is no checkpoint');
  }
}

/** The first line of a trail that proves itself: whose it is, between which signed points, and with which key. */
export function firstLine(about: {
  tenantId: string;
  slug: string;
  publicKey: object;
  base: Checkpoint | undefined;
  head: Checkpoint;
}): string {
  const { base, head, ...rest } = about;
  return JSON.stringify({ trail: 1, ...rest, base: base ? point(base) : null, head: point(head) });
}

/** One record, with all that the chain was computed from. */
export function recordLine({ tenantId: _, mac: _mac, origin, state, digest, hash, ...record }: ChainedRecord): string {
  const proof = { digest: base64(digest), hash: base64(hash), origin: written(origin), state: written(state) };
  return JSON.stringify({ ...record, ...proof });
}

/**
 * Walks a trail that was written to a file. Without the database, and without any secret: the public key tells whether
 * the points are signed, and the hashes that nothing between them was changed.
 *
 * @param key the public key (`x` of the JWK), as somebody keeps it who does not trust the file
 * @throws BadTrail for another file
 */
export async function walkFile(
  lines: AsyncIterable<string>,
  key: string | undefined,
): Promise<{ slug: string; walk: Walk; publicKey: string; isKeyKnown: boolean }> {
  let about: z.output<typeof beginning> | undefined;
  let walk: Walk | undefined;
  for await (const one of lines) {
    if (!about) {
      about = read(beginning, one);
      const jwk = { ...about.publicKey, x: key ?? about.publicKey.x };
      walk = createWalk(about.tenantId, { signing: publicKeyOf(jwk) }, about.base ?? undefined);
    } else walk!.step({ ...read(line, one), tenantId: about.tenantId, mac: null } as ChainedRecord);
  }
  if (!about || !walk) throw new BadTrail('the file is empty');
  walk.finish(about.head);
  return { slug: about.slug, walk, publicKey: about.publicKey.x, isKeyKnown: key !== undefined };
}

function read<S extends z.ZodType>(schema: S, json: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(json));
  } catch {
    throw new BadTrail('the file is no trail that `gatehouse audit export` wrote');
  }
}

function publicKeyOf(jwk: object) {
  try {
    return createPublicKey({ key: jwk as never, format: 'jwk' });
  } catch {
    throw new BadTrail('the key is no Ed25519 public key');
  }
}
