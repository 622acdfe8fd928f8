import { writeFileSync } from 'node:fs';
import { PRIVACY_EXPORT } from '../api/v1/privacy-schema.ts';
import type { Difference } from '../domain/blueprint/blueprint.ts';
import type { BlueprintService } from '../domain/blueprint/blueprint-service.ts';
import type { OperatorCall } from '../kernel/call.ts';
import { printBlueprint, readBlueprint } from './blueprint-file.ts';
import { blueprintJsonSchema } from './blueprint-schema.ts';
import { type Command, EXIT, inHouse, parse, UsageError } from './command.ts';

/**
 * Applies a file of tenants: what `gatehouse apply` and GATEHOUSE_APPLY at start do.
 *
 * @throws BadBlueprint, Failure `blueprint_invalid`; nothing is written then
 */
export async function applyFile(blueprint: BlueprintService, call: OperatorCall, file: string): Promise<Difference[]> {
  return blueprint.apply(call, readBlueprint(file));
}

const json = { json: { type: 'boolean' } } as const;

const MARK = { create: '+', change: '~', kept: ' ' };

const lineOf = ({ action, tenant, kind, name, fields }: Difference): string =>
  `${MARK[action]} ${tenant}  ${kind} ${name}${fields ? ` (${fields.join(', ')})` : ''}${action === 'kept' ? '  not in the file, left alone' : ''}`;

function countOf(differences: readonly Difference[]): string {
  const count = (action: Difference['action']) => differences.filter((one) => one.action === action).length;
  return `${count('create')} to make, ${count('change')} to change, ${count('kept')} left alone`;
}

const apply: Command = {
  usage: 'apply FILE [--json]',
  summary: 'Makes the tenants of a file as it declares them: all of it, or nothing',
  async run(args, terminal) {
    const { values, positionals } = parse(args, json, ['FILE']);
    const document = readBlueprint(positionals[0]!);
    const differences = await inHouse(terminal, ({ services, operator }) =>
      services.blueprint.apply(operator('apply'), document),
    );
    if (values.json) terminal.out(JSON.stringify(differences));
    else
      terminal.out(
        [...differences.map(lineOf), differences.length === 0 ? 'Nothing to do.' : `${differences.length} done.`].join(
          '\n',
        ),
      );
    return EXIT.done;
  },
};

const plan: Command = {
  usage: 'plan FILE [--json] [--exit-code]',
  summary: 'Shows what `apply` would do; with --exit-code, answers 2 when that is something',
  async run(args, terminal) {
    const { values, positionals } = parse(args, { ...json, 'exit-code': { type: 'boolean' } }, ['FILE']);
    const document = readBlueprint(positionals[0]!);
    const differences = await inHouse(terminal, ({ services, operator }) =>
      services.blueprint.plan(operator('plan'), document),
    );
    terminal.out(
      values.json ? JSON.stringify(differences) : [...differences.map(lineOf), countOf(differences)].join('\n'),
    );
    return values['exit-code'] && differences.some(({ action }) => action !== 'kept') ? EXIT.differences : EXIT.done;
  },
};

const exportTenants: Command = {
  usage: 'export [--tenant SLUG]... [--out FILE] [--no-passwords]',
  summary: 'Writes tenants as a file that `apply` makes again; with password hashes, so keep it as you keep a backup',
  async run(args, terminal) {
    const { values } = parse(args, {
      tenant: { type: 'string', multiple: true },
      out: { type: 'string' },
      'no-passwords': { type: 'boolean' },
    });
    const document = await inHouse(terminal, ({ services, operator }) =>
      services.blueprint.exportAll(operator('export'), { slugs: values.tenant, passwords: !values['no-passwords'] }),
    );
    const text = printBlueprint(document);
    // Readable by its owner alone: a hash can be guessed at.
    if (values.out === undefined) terminal.out(text.trimEnd());
    else writeFileSync(values.out, text, { mode: 0o600 });
    return EXIT.done;
  },
};

const SCHEMAS = new Map([
  ['blueprint', blueprintJsonSchema],
  [PRIVACY_EXPORT.name, () => PRIVACY_EXPORT.schema],
]);

const schema: Command = {
  usage: 'schema [--of blueprint|privacy-export]',
  summary: 'Prints the JSON Schema of the file, or of a copy of somebody’s data (docs/*.schema.json)',
  async run(args, terminal) {
    const { of } = parse(args, { of: { type: 'string', default: 'blueprint' } }).values;
    const write = SCHEMAS.get(of);
    if (!write) throw new UsageError(`--of is one of ${[...SCHEMAS.keys()].join(', ')}`);
    terminal.out(JSON.stringify(write(), null, 2));
    return EXIT.done;
  },
};

export const blueprintCommands: Record<string, Command> = { apply, plan, export: exportTenants, schema };
