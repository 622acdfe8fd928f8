import { expect } from 'chai';
import type { z } from 'zod';
import { createContracts } from '../../src/api/contracts.ts';
import { outcomesOf } from '../../src/api/openapi.ts';
import { createRoutes, type Route } from '../../src/api/routes.ts';
import type { ApiAnswer } from './api.ts';

/** Their doors are not opened here. */
const routes = createRoutes(createContracts({ publicHost: 'id.test' } as never));

/** What is refused before any operation is looked for: an unknown host, headers that are too large. */
const BEFORE = [421, 431];

/**
 * Fails for an answer that the documentation does not have: its status, its refusal, or a field of its body. Every answer
 * that a test gets goes through here, so what the tests meet is documented.
 */
export function assertDocumented(method: string, path: string, answer: ApiAnswer): void {
  const found = routes.find(method, path.split('?')[0]!);
  if (found?.kind !== 'route' || BEFORE.includes(answer.status)) return;
  const { route } = found;
  const outcome = outcomesOf(route).find(({ status }) => status === answer.status);
  if (!outcome) expect.fail(`${method} ${path} answered ${answer.status}, which is documented nowhere: ${answer.text}`);
  if (method === 'HEAD') return;
  const type = answer.headers.get('content-type')?.split(';')[0];
  if (answer.status === 200 && type !== undefined && route.operation.streams?.includes(type)) return;
  if (outcome.body && answer.status < 400) {
    expect(shape(outcome.body, answer.body), `what ${route.name} answered`).to.deep.equal(answer.body);
  } else if (answer.status < 400) expect(answer.text, route.name).to.equal('');
  else assertError(route, outcome.codes, answer);
}

function assertError({ contract, name }: Route, codes: readonly string[], { body, text }: ApiAnswer): void {
  const shows = Object.values(contract.failures).filter(({ code }) => code === body?.error && codes.includes(code));
  if (shows.length === 0) expect.fail(`${name} refused with what is documented nowhere: ${text}`);
  const base = Object.keys((contract.errorSchema as z.ZodObject).shape);
  const more = shows.flatMap(({ shows: shown }) =>
    Object.keys((shown?.schema as z.ZodObject | undefined)?.shape ?? {}),
  );
  expect([...base, ...more], `fields of ${body.error}`).to.include.members(Object.keys(body));
  contract.errorSchema.parse(body);
}

const shape = (schema: z.ZodType, body: unknown): unknown => JSON.parse(JSON.stringify(schema.parse(body)));
