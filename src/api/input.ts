import type { z } from 'zod';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';

/** What is wrong with one field; its path is written `a.b[0]`. */
export type FieldProblem = { field: string; message: string };

/**
 * What a schema makes of an input.
 *
 * @throws Failure `invalid_input` with `problems`; never with the input
 */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new Failure('invalid_input', {
    problems: result.error.issues.flatMap(problemsOf).slice(0, LIMITS.problemsShown),
  });
}

/** What may be told of a failure's details: the fields and what is wrong with them, whoever found it. */
export function fieldProblems({ code, details }: Failure): readonly FieldProblem[] | undefined {
  const { problems, field, problem } = details;
  if (code !== 'invalid_input') return undefined;
  if (Array.isArray(problems)) return problems as FieldProblem[];
  if (typeof field !== 'string' && typeof problem !== 'string') return undefined;
  return [{ field: String(field ?? ''), message: String(problem ?? 'is not valid') }];
}

function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ field: fieldOf([...issue.path, key]), message: 'is not known here' }));
  return [{ field: fieldOf(issue.path), message: issue.message }];
}

function fieldOf(path: readonly PropertyKey[]): string {
  const text = path.map((part, index) =>
    typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
  );
  return text.join('').slice(0, LIMITS.nameChars);
}
