import { expect } from 'chai';
import { createContracts } from '../../src/api/contracts.ts';
import { type Route, routesOf } from '../../src/api/routes.ts';
import { auditOf } from '../support/rooms.ts';
import { type SignedIn, servingV1 } from '../support/v1.ts';
import type { Write } from '../support/writes/write.ts';
import { WRITES } from '../support/writes.ts';

/** Their doors are not opened here. */
const writes = routesOf(createContracts({ publicHost: 'id.test' } as never)).filter(
  ({ operation }) => operation.method !== 'GET',
);

const makerOf = ({ contract, name }: Route) => {
  const maker = WRITES[contract.name]?.[name];
  if (!maker)
    throw new Error(`WRITES has no ${contract.name} ${name}: say there how it is asked for, and what it leaves`);
  return maker;
};

const pathOf = ({ operation: { path } }: Route, { params = {} }: Write) =>
  path.replace(/:(\w+)/g, (_, name: string) => params[name]!);

/** What no caller may set, whatever else an answer shows. */
const NEVER = {
  id: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2',
  tenantId: 'ten_01HZX3F5T8Q2M4N6P7R9S0V1W3',
  userId: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2',
  createdAt: '2020-01-01T00:00:00.000Z',
  updatedAt: '2020-01-01T00:00:00.000Z',
  passwordHash: '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g',
  isSuperAdmin: true,
  permissions: ['iam.users:delete'],
  emailVerified: true,
  system: true,
};

/** The names that a body may have. */
function fieldsOf({ operation: { body } }: Route): readonly string[] {
  const schema = body as { shape?: object; unwrap?: () => { shape: object } } | undefined;
  return Object.keys(schema?.shape ?? schema?.unwrap?.().shape ?? {});
}

/** Every field of the answer, and every one of `NEVER`, that is none of the body's own. */
function strangeFields(route: Route): [name: string, value: unknown][] {
  const shown = (route.operation.example?.answer ?? {}) as object;
  const known = fieldsOf(route);
  return Object.entries({ ...shown, ...NEVER }).filter(([name]) => !known.includes(name));
}

describe('every write', function () {
  this.timeout(60_000);
  const { signIn, operator: signInAsOperator } = servingV1();

  const ownerOf = ({ access }: Route['operation']) => (access === 'super' ? signInAsOperator() : signIn());

  for (const route of writes) {
    const { contract, operation, name } = route;
    const send = ({ as }: SignedIn, write: Write, raw = write.raw) =>
      as(operation.method, pathOf(route, write), {
        ...(write.headers && { headers: write.headers }),
        ...(raw === undefined
          ? write.body && { body: write.body }
          : { raw, headers: { 'content-type': 'application/json', ...write.headers } }),
      });

    describe(`${contract.name} ${name}`, () => {
      it('leaves its line in the audit trail, and no other', async () => {
        const { make, leaves } = makerOf(route);
        const owner = await ownerOf(operation);
        const write = await make(owner);
        const before = await auditOf(owner.site.call);
        const answer = await send(owner, write);
        expect(answer.status, answer.text).to.be.within(200, 299);
        expect((await auditOf(owner.site.call)).slice(before.length)).to.deep.equal(leaves);
      });

      // What a file may say of a user is in test/domain/user-transfer.
      if (!operation.uploads)
        it('takes no field that is not for its caller to set', async () => {
          const owner = await ownerOf(operation);
          const write = await makerOf(route).make(owner);
          const before = await auditOf(owner.site.call);
          for (const [field, value] of strangeFields(route)) {
            const { status, body } = await send(owner, { ...write, body: { ...write.body, [field]: value } });
            expect([field, status, body.details?.[0].field]).to.deep.equal([field, 400, field]);
          }
          for (const key of ['__proto__', 'constructor', 'prototype']) {
            const own = JSON.stringify(write.body ?? {}).slice(0, -1);
            const raw = `${own}${own === '{' ? '' : ','}"${key}":{"isSuperAdmin":true}}`;
            expect([key, (await send(owner, write, raw)).status]).to.deep.equal([key, 400]);
          }
          expect(await auditOf(owner.site.call)).to.deep.equal(before);
          expect({}).not.to.have.property('isSuperAdmin');
        });
    });
  }

  it('has no request for an operation that is not there', () => {
    const named = Object.entries(WRITES).flatMap(([contract, makers]) =>
      Object.keys(makers).map((name) => `${contract} ${name}`),
    );
    expect(named.sort()).to.deep.equal(writes.map(({ contract, name }) => `${contract.name} ${name}`).sort());
  });
});
