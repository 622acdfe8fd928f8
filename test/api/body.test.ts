import { request as httpRequest } from 'node:http';
import { expect } from 'chai';
import { z } from 'zod';
import { operation } from '../../src/api/operation.ts';
import { aContract, servingContracts } from '../support/api.ts';

const take = operation({
  method: 'POST',
  path: '/tiny/items',
  summary: 'Take',
  access: 'anonymous',
  body: z.strictObject({ name: z.string().max(20) }),
  answers: { 200: z.object({ name: z.string() }) },
  failures: [],
  handle: async ({ body, answer }) => answer(200, body),
});

describe('the body of an operation', () => {
  const { send, port } = servingContracts(() => [aContract({ take })]);
  const post = (raw: NonNullable<RequestInit['body']>, headers: Record<string, string>) =>
    send('POST', '/tiny/items', { raw, headers });
  const json = { 'content-type': 'application/json' };

  it('must be called JSON', async () => {
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=utf-7',
      'application/json; charset=utf-8; charset=utf-8',
      'application/vnd.api+json',
      'application/json, text/plain',
      'text/json',
      '',
    ];
    for (const type of types) {
      const { status, body } = await post('{"name":"a"}', { 'content-type': type });
      expect([type, status, body.code]).to.deep.equal([type, 415, 'TINY_unsupported_media']);
    }
    for (const type of ['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"']) {
      expect([type, (await post('{"name":"a"}', { 'content-type': type })).status]).to.deep.equal([type, 200]);
    }
  });

  it('is never decompressed', async () => {
    for (const encoding of ['gzip', 'br', 'gzip, gzip']) {
      expect((await post('{"name":"a"}', { ...json, 'content-encoding': encoding })).status).to.equal(415);
    }
  });

  it('is counted while it comes in, not by what it says of itself', async () => {
    const big = JSON.stringify({ name: 'x'.repeat(70_000) });
    expect((await post(big, json)).status).to.equal(413);
    const chunked = await post(
      new ReadableStream({
        start(controller) {
          for (let at = 0; at < 20; at++) controller.enqueue(new TextEncoder().encode(' '.repeat(10_000)));
          controller.close();
        },
      }),
      json,
    );
    expect([chunked.status, chunked.body.code]).to.deep.equal([413, 'TINY_too_large']);
  });

  it('of any size is refused before it is read, where it says so', (done) => {
    const request = httpRequest({
      port: port(),
      method: 'POST',
      path: '/tiny/items',
      headers: { ...json, 'content-length': 5_000_000_000 },
    });
    request.on('response', (response) => {
      expect(response.statusCode).to.equal(413);
      expect(response.headers.connection).to.equal('close');
      request.destroy();
      done();
    });
    request.on('error', () => {});
    request.flushHeaders();
  });

  it('is UTF-8, or nothing', async () => {
    expect((await post(Buffer.from([0x22, 0xff, 0xfe, 0x22]), json)).status).to.equal(400);
  });

  it('is refused as JSON without being repeated', async () => {
    const { status, text } = await post('{"name":"hunter2', json);
    expect(status).to.equal(400);
    expect(text).not.to.include('hunter2');
  });
});
