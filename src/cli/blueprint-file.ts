import { readFileSync, statSync } from 'node:fs';
import { type Document, LineCounter, parseDocument, stringify, visit } from 'yaml';
import type { Blueprint, Mistake } from '../domain/blueprint/blueprint.ts';
import { LIMITS } from '../kernel/limits.ts';
import { BLUEPRINT_SCHEMA } from './blueprint-schema.ts';

/** All that is wrong with a file, one line each. */
export class BadBlueprint extends Error {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(({ path, message }) => `  ${path}: ${message}`).join('\n'));
    this.name = 'BadBlueprint';
    this.mistakes = mistakes;
  }
}

/** @throws BadBlueprint */
export function readBlueprint(file: string): Blueprint {
  const { size } = statSync(file);
  if (size > LIMITS.applyFileBytes)
    throw new BadBlueprint([{ path: file, message: `is larger than ${LIMITS.applyFileBytes} bytes` }]);
  return parseBlueprint(readFileSync(file, 'utf8'));
}

/**
 * Reads YAML 1.2, or JSON. Aliases are bounded, a key that stands twice is a mistake, and no tag makes anything run.
 *
 * @throws BadBlueprint that names every mistake with its path in the document
 */
export function parseBlueprint(source: string): Blueprint {
  if (Buffer.byteLength(source) > LIMITS.applyFileBytes)
    throw new BadBlueprint([{ path: '(file)', message: 'is too large' }]);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, merge: false });
  if (document.errors.length > 0) {
    throw new BadBlueprint(
      document.errors.slice(0, LIMITS.applyMistakes).map(({ pos, message }) => {
        const { line, col } = lines.linePos(pos[0]);
        return { path: `line ${line}, column ${col}`, message };
      }),
    );
  }
  const result = BLUEPRINT_SCHEMA.safeParse(contentOf(document));
  if (!result.success) throw new BadBlueprint(result.error.issues.flatMap(toMistakes).slice(0, LIMITS.applyMistakes));
  return result.data;
}

/** An alias of aliases can make a small file huge, so both their number and what they grow to are bounded. */
function contentOf(document: Document): unknown {
  const tooMany = () => new BadBlueprint([{ path: '(file)', message: 'repeats itself too often by aliases' }]);
  let aliases = 0;
  visit(document, {
    Alias() {
      aliases += 1;
      return aliases > LIMITS.applyAliases ? visit.BREAK : undefined;
    },
  });
  if (aliases > LIMITS.applyAliases) throw tooMany();
  try {
    return document.toJS({ maxAliasCount: LIMITS.applyAliases });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw /excessive/i.test(error.message) ? tooMany() : new BadBlueprint([{ path: '(file)', message: error.message }]);
  }
}

type Issue = { path: readonly PropertyKey[]; message: string; code?: string; keys?: readonly string[] };

/** An unknown key is reported where it stands, each for itself. */
function toMistakes({ path, message, code, keys }: Issue): Mistake[] {
  const at = pathOf(path);
  return code === 'unrecognized_keys' && keys
    ? keys.map((key) => ({ path: at === '(file)' ? key : `${at}.${key}`, message: 'is not known here' }))
    : [{ path: at, message }];
}

/** `tenants[0].users[2].email` */
function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || '(file)';
}

/**
 * Writes a document that `parseBlueprint` reads as the same, always in the same bytes.
 *
 * @param schema where editors find the JSON Schema
 */
export function printBlueprint(blueprint: Blueprint, { schema = 'docs/blueprint.schema.json' } = {}): string {
  const yaml = stringify(blueprint, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.2' });
  return `# yaml-language-server: $schema=${schema}\n${yaml}`;
}
