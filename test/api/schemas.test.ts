import { expect } from 'chai';
import { z } from 'zod';
import { operation } from '../../src/api/operation.ts';
import { cursorFields, pageBody, pageFields, presentPage } from '../../src/api/schemas.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { pageWindow } from '../../src/kernel/page.ts';
import { aContract, calledBy, servingContracts, someone } from '../support/api.ts';

const list = operation({
  method: 'GET',
  path: '/tiny/things',
  summary: 'List',
  access: 'signed-in',
  query: z.strictObject(pageFields),
  answers: { 200: pageBody(z.string()) },
  failures: [],
  async handle({ query, answer }) {
    const { page, offset, limit } = pageWindow(query);
    const thing = { items: [offset], total: 7, page, pageSize: limit };
    return answer(
      200,
      presentPage(thing, (at) => `thing-${at}`),
    );
  },
});

describe('a page', () => {
  const { send } = servingContracts(() => [aContract({ list }, { callerOf: calledBy(someone()) })]);

  it('is the first fifty unless told', async () => {
    expect((await send('GET', '/tiny/things')).body).to.deep.equal({
      data: ['thing-0'],
      page: 1,
      pageSize: 50,
      total: 7,
    });
    expect((await send('GET', '/tiny/things?page=3&pageSize=100')).body).to.deep.equal({
      data: ['thing-200'],
      page: 3,
      pageSize: 100,
      total: 7,
    });
  });

  it('is a whole number between its bounds, written in one way', async () => {
    const wrong = [
      '0',
      '-1',
      '1e18',
      '1.5',
      '1;',
      'NaN',
      '',
      '01',
      '%201',
      '1%20',
      '+1',
      '0x1',
      '١',
      'Infinity',
      'null',
    ];
    for (const [name, most] of [
      ['page', LIMITS.pages],
      ['pageSize', LIMITS.pageSize],
    ] as const) {
      for (const value of [...wrong, String(most + 1), '99999999999999999999']) {
        const { status, body } = await send('GET', `/tiny/things?${name}=${value}`);
        expect([name, value, status, body.details[0].field]).to.deep.equal([name, value, 400, name]);
      }
      expect((await send('GET', `/tiny/things?${name}=${most}`)).status).to.equal(200);
    }
    expect((await send('GET', '/tiny/things?page=1&page=2')).status).to.equal(400);
  });

  it('is documented as a number', () => {
    const schema = z.toJSONSchema(z.strictObject({ ...pageFields, ...cursorFields }), {
      io: 'input',
      unrepresentable: 'any',
    });
    expect(schema.properties?.['pageSize']).to.deep.equal({ type: 'integer', minimum: 1, maximum: LIMITS.pageSize });
    expect(schema.properties?.['limit']).to.deep.equal({ type: 'integer', minimum: 1, maximum: LIMITS.pageSize });
  });
});
