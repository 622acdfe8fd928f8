import { resolve } from 'node:path';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

/** A function in a file: where it begins, and how many lines of code are its own. */
export type MeasuredFunction = { file: string; at: number; lines: number };

const FUNCTIONS = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
]);

/**
 * Every function of the files, by TypeScript's own parser. A line belongs to the innermost function around it; blank
 * lines and comments belong to nobody.
 */
export function functionsOf(files: readonly string[]): MeasuredFunction[] {
  const api = new API({ cwd: process.cwd() });
  try {
    const [project] = api.updateSnapshot({ openProjects: ['tsconfig.json'] }).getProjects();
    return files.flatMap((file) => {
      const source = project?.program.getSourceFile(resolve(file));
      if (!source) throw new Error(`${file} is not part of the project`);
      return measure(file, source);
    });
  } finally {
    api.close();
  }
}

function measure(file: string, source: SourceFile): MeasuredFunction[] {
  const found: MeasuredFunction[] = [];
  const text = source.text.split('\n');
  const line = (position: number) => source.getLineAndCharacterOfPosition(position).line;
  const owners: (MeasuredFunction | undefined)[] = [];
  const visit = (node: Node): void => {
    if (FUNCTIONS.has(node.kind)) {
      const [first, last] = [line(node.getStart(source)), line(node.end)];
      // Its first and last line are those of the function around it too.
      const one = { file, at: first + 1, lines: 2 };
      found.push(one);
      for (let at = first + 1; at < last; at++) owners[at] = one;
    }
    node.forEachChild(visit);
  };
  visit(source);
  for (const [at, owner] of owners.entries()) if (owner && !/^\s*($|\/\/|\/?\*)/.test(text[at] ?? '')) owner.lines += 1;
  return found;
}
