import { expect } from 'chai';
import pg from 'pg';
import type { Route } from '../../src/api/routes.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { changesOf, NOT_HERE, readerOf, WITH } from '../support/changes.ts';
import { superuserUrl } from '../support/database.ts';
import { fieldsOf, strangersOf } from '../support/fields.ts';
import { digestOf } from '../support/tenant-rows.ts';
import { type SignedIn, servingV1 } from '../support/v1.ts';
import { everyWrite, makerOf, ownerOf, sendWrite } from '../support/write-requests.ts';
import type { Write } from '../support/writes/write.ts';

/** What every change of a thing changes of itself. */
const ALWAYS = ['updatedAt', 'version'];

const inGroups = (names: readonly string[], size: number) =>
  Array.from({ length: Math.ceil(names.length / size) }, (_, at) => names.slice(at * size, (at + 1) * size));

describe('a field that is not for the caller to set', function () {
  this.timeout(60_000);
  const people = servingV1();
  let superuser: pg.Client;
  before(async () => {
    superuser = new pg.Client(superuserUrl());
    await superuser.connect();
  });
  after(() => superuser.end());

  async function assertRefused(owner: SignedIn, route: Route, write: Write, names: readonly string[]): Promise<void> {
    const strange = Object.fromEntries(names.map((name) => [name, 'x']));
    const { status, body } = await sendWrite(owner, route, { ...write, body: { ...write.body, ...strange } });
    expect([names, status, body.error]).to.deep.equal([names, 400, 'IDENT_VALIDATION']);
    expect(body.details.map(({ field }: { field: string }) => field)).to.have.members(names);
  }

  // What a file may say of a user is in test/domain/user-transfer.
  for (const route of everyWrite.filter(({ operation }) => !operation.uploads)) {
    it(`is refused by ${route.contract.name} ${route.name}, and nothing happens`, async () => {
      const owner = await ownerOf(people, route);
      const write = await makerOf(route).make(owner);
      const before = await digestOf(superuser, owner.site.tenantId);
      const { near, far } = strangersOf(route);
      for (const name of near) await assertRefused(owner, route, write, [name]);
      for (const names of inGroups(far, LIMITS.problemsShown)) await assertRefused(owner, route, write, names);
      for (const name of ['__proto__', 'constructor', 'prototype']) {
        const own = JSON.stringify(write.body ?? {}).slice(0, -1);
        const raw = `${own}${own === '{' ? '' : ','}"${name}":{"isSuperAdmin":true}}`;
        const { status, body } = await sendWrite(owner, route, write, raw);
        expect([name, status, body.error]).to.deep.equal([name, 400, 'IDENT_VALIDATION']);
        expect(body.details).to.have.length(1);
      }
      expect(await digestOf(superuser, owner.site.tenantId)).to.deep.equal(before);
      expect({}).not.to.have.property('isSuperAdmin');
    });
  }
});

describe('a field that is for the caller to set', function () {
  this.timeout(60_000);
  const people = servingV1();

  for (const route of everyWrite.filter(({ operation }) => operation.method === 'PATCH')) {
    const { contract, name } = route;
    it(`changes itself and no other thing, at ${contract.name} ${name}`, async () => {
      const owner = await ownerOf(people, route);
      const write = await makerOf(route).make(owner);
      const read = readerOf(owner, route, write);
      const changed: string[] = [];
      for (const [field, schema] of Object.entries(fieldsOf(route))) {
        const before = await read();
        const value = (await changesOf(owner, route, field, schema, before[field])) as never;
        const answer = await sendWrite(owner, route, { ...write, body: { [field]: value } });
        const after = await read();
        const different = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
          (key) => !ALWAYS.includes(key) && JSON.stringify(before[key]) !== JSON.stringify(after[key]),
        );
        if (answer.status >= 400) {
          const known = NOT_HERE[name]?.includes(field);
          if (!known)
            expect.fail(
              `${name} ${field} ${JSON.stringify(value)}: ${answer.text}; say in test/support/changes.ts how it changes`,
            );
          expect([field, ...different]).to.deep.equal([field]);
          continue;
        }
        // What is not shown can be seen to change nothing else.
        const own = field in before || field in after ? [field] : [];
        expect([field, ...different]).to.have.members([field, ...own, ...(WITH[name]?.[field] ?? [])]);
        changed.push(field);
      }
      expect([...changed, ...(NOT_HERE[name] ?? [])]).to.have.members(Object.keys(fieldsOf(route)));
    });
  }
});
