import { expect } from 'chai';
import { z } from 'zod';
import type { Contract } from '../../src/api/contract.ts';
import { createContracts } from '../../src/api/contracts.ts';
import { exampleOf, openapi } from '../../src/api/openapi.ts';
import { absentCode, isOfWords, wantsCaller } from '../../src/api/operation.ts';
import { type Route, routesOf } from '../../src/api/routes.ts';
import { deliveryIds } from '../../src/api/v1/ids.ts';
import { PERMISSIONS } from '../../src/domain/access/role.ts';
import { FAILURES, Failure, type FailureCode } from '../../src/kernel/failure.ts';
import { calledBy, servingContracts, someone } from '../support/api.ts';
import { enrolTotp } from '../support/factors.ts';
import { aDelivery } from '../support/sessions.ts';
import { type SignedIn, servingV1 } from '../support/v1.ts';
import { aDeliveryOf, aJobOf, aWebhookOf } from '../support/v1-things.ts';
import { aClientOf, aKeyOf } from '../support/writes/machines.ts';
import { WRITES } from '../support/writes.ts';

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
        const document = openapi([contract], { version: '0', publicUrl: 'http://id.test' });
        const described = (document['paths'] as Documented)[path.replace(/:(\w+)/g, '{$1}')]![method.toLowerCase()]!;
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

/** Things of another tenant, by the failure that says that they are not there; the values of a path that names one. */
type Makers = Partial<Record<FailureCode, (owner: SignedIn) => Promise<Record<string, string>>>>;

const FOREIGN: Record<string, Makers> = {
  v1: {
    factor_not_found: async ({ as }) => ({ factorId: (await enrolTotp(as)).factorId }),
    grant_not_found: async (owner) => (await WRITES['v1']!['removeMyApplication']!.make(owner)).params!,
    device_not_found: async (owner) => (await WRITES['v1']!['forgetRememberedBrowser']!.make(owner)).params!,
    invite_not_found: async (owner) => (await WRITES['v1']!['revokeInvite']!.make(owner)).params!,
    erasure_not_found: async (owner) => (await WRITES['v1']!['keepUser']!.make(owner)).params!,
    job_not_found: async (owner) => ({ id: await aJobOf(owner) }),
    webhook_not_found: async (owner) => ({ id: await aWebhookOf(owner) }),
    webhook_delivery_not_found: aDeliveryOf,
    session_not_found: async ({ as }) => ({ id: (await as('GET', '/api/v1/me/sessions')).body.data[0].id }),
    delivery_not_found: async ({ site }) => ({ id: deliveryIds.encode(await aDelivery(site.call)) }),
    node_not_found: async ({ as, tokens }) => {
      const node = await as('POST', '/api/v1/nodes', { body: { type: 'team', name: 'Theirs' } });
      return { id: node.body.id, userId: tokens.user.id };
    },
    role_not_found: async ({ as }) => ({
      id: (await as('POST', '/api/v1/roles', { body: { name: 'theirs', displayName: 'Theirs' } })).body.id,
    }),
    permission_not_found: async ({ as }) => ({
      id: (await as('POST', '/api/v1/permissions', { body: { name: 'ward.beds:read' } })).body.id,
    }),
    api_key_not_found: async (owner) => ({ id: await aKeyOf(owner) }),
    client_not_found: async (owner) => ({ id: await aClientOf(owner) }),
    user_not_found: async ({ tokens }) => ({ id: tokens.user.id }),
    tenant_not_found: async ({ tokens }) => ({ id: tokens.user.tenantId, domain: 'theirs.example' }),
  },
};

describe('an operation on one thing', () => {
  const { signIn } = servingV1();

  for (const route of routesOf(contracts)) {
    const { contract, operation, name } = route;
    if (!operation.params || isOfWords(operation.params) || !wantsCaller(operation)) continue;
    // Nothing is foreign to an operator, and nobody else is let in.
    if (operation.access === 'super') continue;
    it(`${contract.name} ${name} does not see another tenant’s`, async () => {
      const code = absentCode(operation);
      const make = FOREIGN[contract.name]?.[code];
      if (!make) throw new Error(`FOREIGN has no ${contract.name} ${code}: say there how one is made`);
      const [mine, theirs] = [await signIn(), await signIn()];
      const foreign = await make(theirs);
      const path = operation.path.replace(/:(\w+)/g, (_, parameter: string) => foreign[parameter]!);
      const request = operation.body ? { body: operation.example?.body } : {};
      const [answer, absent] = [
        await mine.as(operation.method, path, request),
        await mine.as(operation.method, pathOf(route), request),
      ];
      expect([answer.status, answer.body.error]).to.deep.equal([contract.failures[code].status, absent.body.error]);
      expect({ ...answer.body, requestId: '', timestamp: '' }).to.deep.equal({
        ...absent.body,
        requestId: '',
        timestamp: '',
      });
    });
  }
});

type Documented = Record<string, Record<string, { responses: object }>>;
