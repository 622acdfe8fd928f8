import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXPORTS, presentAudit } from '../api/v1/audit-body.ts';
import { auditIds } from '../api/v1/ids.ts';
import type { Verdict } from '../domain/audit/audit-chain.ts';
import type { AuditRecord } from '../domain/audit/audit-record.ts';
import type { Breach } from '../domain/audit/audit-walk.ts';
import type { AuditId } from '../kernel/ids.ts';
import { firstLine, readCheckpoint, recordLine, walkFile } from './audit-file.ts';
import { type CliHouse, type Command, callIn, EXIT, inHouse, parse, type Terminal, UsageError } from './command.ts';

const nameOf = ({ id, seq, problem }: Breach) =>
  `${auditIds.encode(id as AuditId)}${seq === null ? '' : ` (at ${seq})`} ${problem}`;

const lineOf = (slug: string, { entries, firstBroken, broken }: Pick<Verdict, 'entries' | 'firstBroken' | 'broken'>) =>
  firstBroken
    ? `${slug}  BROKEN  ${entries} records, ${broken} broken, the first ${nameOf(firstBroken)}`
    : `${slug}  intact  ${entries} records`;

/** Every tenant's slug, in order, a part at a time. */
async function* slugsOf({ services, operator }: CliHouse): AsyncGenerator<string> {
  for (let page = 1; ; page++) {
    const { items } = await services.tenants.list(operator('audit'), { page, pageSize: 100 });
    yield* items.map(({ slug }) => slug);
    if (items.length < 100) return;
  }
}

async function verifyFile(file: string, key: string | undefined, terminal: Terminal): Promise<number> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  const { slug, walk, publicKey, isKeyKnown } = await walkFile(lines, key);
  const [firstBroken] = walk.breaches;
  terminal.out(lineOf(slug, { entries: walk.entries(), firstBroken, broken: walk.breaches.length }));
  if (!isKeyKnown)
    terminal.err(
      `The key stands in the file itself. Compare it with one that you keep, or give it by --key: ${publicKey}`,
    );
  return firstBroken ? EXIT.refused : EXIT.done;
}

const verify: Command = {
  usage: 'audit verify [--tenant SLUG [--checkpoint FILE]] [--json] | --file FILE [--key X]',
  summary:
    'Walks the audit trail of every tenant, or of one, and names the first record that is broken; with a checkpoint that was kept, also whether the trail was put back since. Or, without the database, a file that `audit export` wrote',
  async run(args, terminal) {
    const { values } = parse(args, {
      tenant: { type: 'string' },
      json: { type: 'boolean' },
      checkpoint: { type: 'string' },
      file: { type: 'string' },
      key: { type: 'string' },
    });
    if (values.file !== undefined) return verifyFile(values.file, values.key, terminal);
    if (values.key !== undefined) throw new UsageError('--key is for --file');
    if (values.checkpoint !== undefined && values.tenant === undefined)
      throw new UsageError('--checkpoint is of one --tenant');
    const known = values.checkpoint === undefined ? undefined : readCheckpoint(values.checkpoint);
    return inHouse(terminal, async (house) => {
      let broken = 0;
      const slugs = values.tenant === undefined ? slugsOf(house) : [values.tenant];
      for await (const slug of slugs) {
        const { call } = await callIn(house, slug);
        const verdict = await house.services.audit.verify(call, known);
        if (!verdict.intact) broken += 1;
        terminal.out(values.json ? JSON.stringify(shown(slug, verdict)) : lineOf(slug, verdict));
      }
      return broken > 0 ? EXIT.refused : EXIT.done;
    });
  },
};

const shown = (tenant: string, { intact, entries, firstBroken, broken, head, publicKey }: Verdict) => ({
  tenant,
  intact,
  entries,
  broken,
  firstBroken: firstBroken ? { ...firstBroken, id: auditIds.encode(firstBroken.id as AuditId) } : null,
  checkpoint: head && {
    seq: head.seq,
    at: head.at,
    record: auditIds.encode(head.id as AuditId),
    hash: head.hash.toString('hex'),
    signature: head.signature.toString('base64url'),
  },
  publicKey,
});

/** The lines of an export, each with its end. */
async function linesOf(house: CliHouse, slug: string | undefined, format: string): Promise<AsyncIterable<string>> {
  const { call, tenant } = await callIn(house, slug);
  const { audit } = house.services;
  if (format === 'csv' || format === 'ndjson') {
    const records = await audit.export(call, {});
    const bodies = async function* (found: AsyncIterable<AuditRecord>) {
      for await (const record of found) yield presentAudit(tenant.id, record);
    };
    return EXPORTS[format].write(bodies(records));
  }
  await audit.link(call, { wait: true });
  const { head, base, publicKey } = await audit.points(call);
  if (!head) throw new UsageError('the tenant has no trail yet');
  return (async function* () {
    yield `${firstLine({ tenantId: tenant.id, slug: tenant.slug, publicKey, base, head })}\n`;
    for await (const record of audit.records(call, base, head)) yield `${recordLine(record)}\n`;
  })();
}

const exportTrail: Command = {
  usage: 'audit export [--tenant SLUG] [--format proof|ndjson|csv] [--out FILE]',
  summary:
    'Writes the audit trail of a tenant, the oldest record first; as proof, unless told, which `audit verify --file` can verify anywhere',
  async run(args, terminal) {
    const { values } = parse(args, {
      tenant: { type: 'string' },
      format: { type: 'string' },
      out: { type: 'string' },
    });
    const { format = 'proof', out } = values;
    if (!['proof', 'ndjson', 'csv'].includes(format)) throw new UsageError('--format must be proof, ndjson or csv');
    return inHouse(terminal, async (house) => {
      const lines = await linesOf(house, values.tenant, format);
      // Readable by its owner alone: it says where people were.
      if (out !== undefined) await pipeline(Readable.from(lines), createWriteStream(out, { mode: 0o600 }));
      else for await (const line of lines) terminal.out(line.replace(/\r?\n$/, ''));
      return EXIT.done;
    });
  },
};

export const auditCommands: Record<string, Command> = { 'audit verify': verify, 'audit export': exportTrail };
