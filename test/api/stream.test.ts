import { once } from 'node:events';
import http from 'node:http';
import { expect } from 'chai';
import { z } from 'zod';
import { operation } from '../../src/api/operation.ts';
import { aContract, servingContracts } from '../support/api.ts';

/** What the rows of a test do. */
let rows: () => AsyncGenerator<string> = async function* () {};
let type = 'text/csv';

const read = operation({
  method: 'GET',
  path: '/tiny/rows',
  summary: 'Read',
  access: 'anonymous',
  answers: { 200: z.object({}) },
  failures: [],
  streams: ['text/csv'],
  handle: async ({ stream }) => stream(type, rows(), 'rows.csv'),
});

describe('a stream', () => {
  const { send, port, bugs } = servingContracts(() => [aContract({ read })]);
  beforeEach(() => {
    type = 'text/csv';
  });

  it('is sent while it is read, as a file', async () => {
    rows = async function* () {
      yield 'a\n';
      yield 'b\n';
    };
    const { status, text, headers } = await send('GET', '/tiny/rows');
    expect([status, text]).to.deep.equal([200, 'a\nb\n']);
    expect(headers.get('content-disposition')).to.equal('attachment; filename="rows.csv"');
    expect((await send('HEAD', '/tiny/rows')).text).to.equal('');
  });

  it('that fails on the way is cut off, never ended as if it were whole', async () => {
    rows = async function* () {
      yield 'a\n'.repeat(100_000);
      throw new Error('away');
    };
    const outcome = await send('GET', '/tiny/rows').catch((error: Error) => error.message);
    expect(outcome).to.equal('terminated');
  });

  it('is read no further once nobody listens', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    rows = async function* () {
      try {
        for (;;) yield 'a\n'.repeat(10_000);
      } finally {
        resolve();
      }
    };
    const request = http.get({ host: '127.0.0.1', port: port(), path: '/tiny/rows' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    await once(response, 'data');
    request.destroy();
    await ended;
  });

  it('is of a type that the operation declares', async () => {
    type = 'text/html';
    expect((await send('GET', '/tiny/rows')).status).to.equal(500);
    expect(bugs.splice(0)).to.have.length(1);
  });
});
