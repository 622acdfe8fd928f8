import { expect } from 'chai';
import { readForm } from '../../src/http/form-body.ts';
import { parseUrlEncoded } from '../../src/http/url-encoded.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { sender } from '../support/api.ts';
import { serving } from '../support/http.ts';

const FORM = 'application/x-www-form-urlencoded';

describe('a form', () => {
  let served: Awaited<ReturnType<typeof serving>>;
  before(async () => {
    served = await serving([
      async (ctx) => {
        try {
          const form = await readForm(ctx);
          ctx.body = { form, inherits: Object.getPrototypeOf(form) !== null, again: (await readForm(ctx)) === form };
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          ctx.body = { code: error.code, ...error.details };
        }
      },
    ]);
  });
  after(() => served.stop());
  const send = sender(() => served.port);
  const post = async (raw: string | Buffer, type = FORM, headers: Record<string, string> = {}) =>
    (await send('POST', '/', { raw: raw as string, headers: { 'content-type': type, ...headers } })).body;

  it('gives each field, and inherits nothing', async () => {
    const body = await post('a=1&b=x+y%20z&c&d=%E2%82%AC&a.b=2&a%5Bc%5D=3');
    expect(body).to.deep.equal({
      form: { a: '1', b: 'x y z', c: '', d: '€', 'a.b': '2', 'a[c]': '3' },
      inherits: false,
      again: true,
    });
  });

  it('may be empty', async () => {
    expect((await post('')).form ?? {}).to.deep.equal({});
  });

  it('names no field twice', async () => {
    expect(await post('role=user&role=admin')).to.deep.equal({
      code: 'invalid_input',
      field: 'role',
      problem: 'stands twice',
    });
    expect((await post('a=1&%61=2')).code).to.equal('invalid_input');
  });

  it('treats names of every object as plain names', () => {
    const form = parseUrlEncoded('__proto__=1&constructor=2&toString=3');
    expect(Object.keys(form)).to.have.members(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(form)).to.equal(null);
  });

  it('is well encoded, without NUL', async () => {
    for (const text of ['a=%', 'a=%zz', 'a=%ff', '%ff=a', 'a=%00', 'a=%ED%A0%80']) {
      expect([text, (await post(text)).code]).to.deep.equal([text, 'invalid_input']);
    }
    expect((await post(Buffer.from([0x61, 0x3d, 0xff]))).code).to.equal('invalid_input');
  });

  it('is of its own type and not compressed', async () => {
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      `${FORM}; charset=utf-16`,
    ]) {
      expect([type, (await post('a=1', type)).code]).to.deep.equal([type, 'unsupported_media']);
    }
    expect((await post('a=1', FORM, { 'content-encoding': 'gzip' })).code).to.equal('unsupported_media');
    expect((await post('a=1', `${FORM};charset=UTF-8`)).form).to.deep.equal({ a: '1' });
  });

  it('has no more bytes and fields than the limits allow', async () => {
    const fields = (count: number) => Array.from({ length: count }, (_, at) => `f${at}=1`).join('&');
    expect((await post(`a=${'x'.repeat(LIMITS.formBodyBytes - 2)}`)).code).to.equal(undefined);
    expect((await post(`a=${'x'.repeat(LIMITS.formBodyBytes - 1)}`)).code).to.equal('too_large');
    expect((await post(fields(LIMITS.formFields))).code).to.equal(undefined);
    expect((await post(fields(LIMITS.formFields + 1))).code).to.equal('invalid_input');
    expect((await post(`${'&'.repeat(LIMITS.formFields * 3)}a=1`)).form).to.deep.equal({ a: '1' });
  });
});
