import { expect } from 'chai';
import { z } from 'zod';
import type { Contract } from '../../src/api/contract.ts';
import { createContracts } from '../../src/api/contracts.ts';
import { exampleOf, openapi } from '../../src/api/openapi.ts';
import { wantsCaller } from '../../src/api/operation.ts';
import { type Route, routesOf } from '../../src/api/routes.ts';
import { PERMISSIONS } from '../../src/domain/access/role.ts';
import { FAILURES, Failure, type FailureCode } from '../../src/kernel/failure.ts';
import { calledBy, servingContracts, someone } from '../support/api.ts';

/** Whoever may do everything: what is refused to them is refused for another reason than access. */
const almighty = someone({ roles: ['SUPER_ADMIN', 'TENANT_ADMIN'], permissions: [...PERMISSIONS] });

/** The contracts as they are served, with another door: here it is not asked who may come in, but what happens then. */
const contracts = createContracts({ publicHost: 'id.test' } as never);
const withDoor = (door: Partial<Contract>) =>
  contracts.map((contract): Contract => ({ ...contract, tenantOf: async () => undefined, ...door }));

/** The path of the operation's example. */
function pathOf({ operation: { path, example } }: Route): string {
  const params = (example?.params ?? {}) as Record<string, string>;
  return path.replace(/:(\w+)/g, (_, name: string) => params[name]!);
}

// biome-ignore lint/suspicious/noExplicitAny: a schema of any shape
type Schema = Record<string, any>;

/** Every object schema within a schema. */
function objectsIn(schema: Schema): Schema[] {
  const below = Object.values(schema).filter((value) => typeof value === 'object' && value !== null);
  return [...(schema['properties'] ? [schema] : []), ...below.flatMap(objectsIn)];
}

const documents = new Map<Contract, ReturnType<typeof openapi>>();

function documentOf(contract: Contract): ReturnType<typeof openapi> {
  const document = documents.get(contract) ?? openapi([contract], { version: '0', publicUrl: 'http://id.test' });
  documents.set(contract, document);
  return document;
}

describe('every operation', () => {
  const closed = servingContracts(() =>
    withDoor({ callerOf: async () => Promise.reject(new Failure('unauthenticated')) }),
  );
  const open = servingContracts(() => withDoor({ callerOf: calledBy(almighty) }));

  for (const route of routesOf(contracts)) {
    const { contract, operation, name } = route;
    const { method, path, body, example } = operation;
    const statusOf = (code: keyof typeof contract.failures) => contract.failures[code].status;
    const valid = body ? { body: example?.body ?? {} } : {};

    describe(`${contract.name} ${name}: ${method} ${path}`, () => {
      if (wantsCaller(operation)) {
        it('refuses an anonymous caller', async () => {
          expect((await closed.send(method, pathOf(route), valid)).status).to.equal(statusOf('unauthenticated'));
        });
      }

      it('refuses a query parameter that it does not know', async () => {
        const { status, text } = await open.send(method, `${pathOf(route)}?unheardOf=1`, valid);
        expect(status, text).to.equal(statusOf('invalid_input'));
        expect(text).to.include('unheardOf');
      });

      it('refuses a parameter that stands twice', async () => {
        const { status } = await open.send(method, `${pathOf(route)}?page=1&page=2`, valid);
        expect(status).to.equal(statusOf('invalid_input'));
      });

      if (method !== 'GET') {
        it('refuses what is not called JSON', async () => {
          for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16']) {
            const { status } = await open.send(method, pathOf(route), {
              raw: JSON.stringify(valid.body ?? {}),
              headers: { 'content-type': type },
            });
            expect([type, status]).to.deep.equal([type, statusOf('unsupported_media')]);
          }
        });

        if (!operation.uploads)
          it('refuses a body that is no object of its own fields', async () => {
            for (const wrong of [[], 'text', 5, null, { ...(valid.body as object), unheardOf: 1 }]) {
              const { status, text } = await open.send(method, pathOf(route), { body: wrong });
              expect([wrong, status, text.slice(0, 200)]).to.deep.equal([
                wrong,
                statusOf('invalid_input'),
                text.slice(0, 200),
              ]);
            }
          });
      }

      if (body) {
        it('has an example that is valid, and nothing but what is documented at any depth', () => {
          expect(body.safeParse(example?.body).success).to.equal(true);
          for (const schema of objectsIn(z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' })))
            expect(schema['additionalProperties']).to.equal(false);
        });
      }

      it('has examples that are what it takes and gives', () => {
        const problems = (schema: z.ZodType | null | undefined, given: unknown) =>
          schema && given !== undefined ? (schema.safeParse(given).error?.issues ?? []) : [];
        const [done] = Object.entries(operation.answers).filter(([status, schema]) => Number(status) < 300 && schema);
        expect(problems(operation.params, example?.params)).to.deep.equal([]);
        expect(problems(operation.query, example?.query)).to.deep.equal([]);
        expect(problems(done?.[1], example?.answer)).to.deep.equal([]);
        if (done) expect(example?.answer, 'the example of its answer').not.to.equal(undefined);
      });

      it('documents every status that it can answer', () => {
        const described = (documentOf(contract)['paths'] as Documented)[path.replace(/:(\w+)/g, '{$1}')]![
          method.toLowerCase()
        ]!;
        const expected = [
          ...Object.keys(operation.answers).map(Number),
          ...operation.failures.map(statusOf),
          statusOf('invalid_input'),
          statusOf('internal'),
          statusOf('busy'),
        ];
        expect(Object.keys(described.responses).map(Number)).to.include.members(expected);
      });

      if (operation.params) {
        it('has an example of its path', () => {
          expect(operation.params!.safeParse(example?.params).success).to.equal(true);
        });

        // An application may be called anything.
        const nonsense = Object.fromEntries([...path.matchAll(/:(\w+)/g)].map(([, name]) => [name, 'nonsense.']));
        if (!operation.params.safeParse(nonsense).success)
          it('answers 404 for a path that can name nothing', async () => {
            const { status, text } = await open.send(method, path.replace(/:(\w+)/g, 'nonsense.'), valid);
            expect(status, text).to.equal(404);
          });
      }
    });
  }
});

describe('every refusal', () => {
  for (const contract of contracts) {
    it(`of ${contract.name} has an example that is one, and shows no more than is documented`, () => {
      for (const code of Object.keys(FAILURES) as FailureCode[]) {
        const example = exampleOf(contract, code);
        const { status, extra, shows } = contract.failures[code];
        expect(contract.errorSchema.safeParse(example).error?.issues ?? [], code).to.deep.equal([]);
        expect(shows?.schema.safeParse(example).error?.issues ?? [], code).to.deep.equal([]);
        expect(Boolean(extra), code).to.equal(Boolean(shows));
        expect(status, code).to.be.within(400, 599);
      }
    });
  }
});

type Documented = Record<string, Record<string, { responses: object }>>;
