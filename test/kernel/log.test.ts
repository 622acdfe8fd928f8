import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { Failure } from '../../src/kernel/failure.ts';
import type { TenantId, UserId } from '../../src/kernel/ids.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { addLogFacts, currentRequestId, withLogFacts } from '../../src/kernel/log.ts';
import { redactPath } from '../../src/kernel/redact.ts';
import { pool } from '../support/database.ts';
import { aLog } from '../support/http.ts';

const CANARY = 'hunter2S3CRETcanary';
const JWT = `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.${CANARY}`;

/** Every name under which something secret travels here, in the spellings of five contracts. */
const SECRETS = [
  'authorization',
  'Authorization',
  'cookie',
  'set-cookie',
  'password',
  'newPassword',
  'current_password',
  'passwd',
  'secret',
  'client_secret',
  'clientSecret',
  'token',
  'access_token',
  'refreshToken',
  'refresh_token',
  'id_token_hint',
  'resetToken',
  'code',
  'otp',
  'totp',
  'user_code',
  'device_code',
  'code_verifier',
  'assertion',
  'client_assertion',
  'subject_token',
  'SAMLResponse',
  'RelayState',
  'api_key',
  'apiKey',
  'X-API-Key',
  'dpop',
  'DPoP',
  'private_key',
  'masterKey',
  'pepper',
  'recoveryCodes',
  'backup_codes',
  'credential',
  'credentials',
  'csrf',
  'jti',
  'state',
  'nonce',
  'pin',
  'pwd',
  'body',
  'headers',
  'query',
  'sealed',
  'bindings',
  'sql',
];

function nested(depth: number, leaf: object): object {
  return depth === 0 ? leaf : { inner: nested(depth - 1, leaf), list: [leaf] };
}

describe('the log', () => {
  it('drops what is secret by its name, at every depth', () => {
    const { log, text, lines } = aLog();
    for (const name of SECRETS)
      for (const depth of [0, 1, 3, 20]) log.info({ kept: 'kept', ...nested(depth, { [name]: CANARY }) }, 'line');
    for (const name of SECRETS) log.child({ [name]: CANARY, nested: { [name]: CANARY } }).info('child');

    expect(text()).not.to.contain(CANARY);
    expect(lines()[0]).to.include({ level: 'info', name: 'test', kept: 'kept', msg: 'line' });
  });

  it('cuts secrets out of texts, wherever the text stands', () => {
    const { log, text } = aLog();
    const texts = [
      `https://rp.example/cb?code=${CANARY}&state=x`,
      `https://rp.example/cb#access_token=${CANARY}`,
      `postgres://user:${CANARY}@host/db`,
      `Authorization: Bearer ${CANARY}`,
      `Basic ${CANARY}`,
      JWT,
      `token=${CANARY}`,
      `{"password":"${CANARY}"}`,
      `client_secret: ${CANARY}`,
      `code=${CANARY}`,
      `wrong: ${CANARY}${'x'.repeat(32)}`,
    ];
    for (const secret of texts) {
      log.info(secret);
      log.info('a message with %s', secret);
      log.info('a message with %j', { deep: { password: CANARY, note: secret } });
      log.info({ note: secret, list: [secret] }, secret);
      log.error(new Error(secret), secret);
      log.error(new Error(secret));
      log.error({ err: new Error('outer', { cause: new Error(secret) }) });
      log.child({ note: secret }).info('child');
    }
    expect(text()).not.to.contain(CANARY);
  });

  it('shows an error by name, code and place, and none of what libraries attach', () => {
    const { log, text, lines } = aLog();
    const error = Object.assign(new TypeError('no good'), {
      code: 'E_BAD',
      body: CANARY,
      parameters: [CANARY],
      detail: CANARY,
      request: { x: CANARY },
    });
    log.error({ err: error }, 'failed');
    log.error(new Failure('invalid_credentials', { userId: 'u', password: CANARY }));

    expect(text()).not.to.contain(CANARY);
    expect(lines()[0]!['err']).to.include({ type: 'TypeError', message: 'no good', code: 'E_BAD' });
    expect((lines()[0]!['err'] as { stack: string }).stack).to.match(/^at /);
    expect(lines()[1]!['err'])
      .to.include({ type: 'Failure', message: 'The e-mail address or the password is wrong.' })
      .and.have.deep.property('details', { userId: 'u' });
  });

  it('shows neither the values nor the text of a statement that failed', async () => {
    const { log, text } = aLog();
    const failures = [
      pool().raw('select ?::uuid', [CANARY]),
      pool().raw(`select '${CANARY}'::integer`),
      pool()('tenants').insert({ id: CANARY, slug: CANARY }),
      pool()('no_such_table').where({ secret: CANARY }).select('secret'),
    ];
    for (const failure of failures) {
      const error = await failure.then(
        () => expect.fail('it succeeded'),
        (reason: unknown) => reason,
      );
      log.error({ err: error }, 'statement');
      log.error(error);
    }
    expect(text()).to.contain('22P02').and.not.contain(CANARY);
  });

  it('does not repeat a body that JSON.parse could not read', () => {
    const { log, text } = aLog();
    for (const body of [CANARY, `"${CANARY}`, `{"a": ${CANARY}}`, `{"password":"${CANARY}",}`]) {
      try {
        JSON.parse(body);
        expect.fail('it was read');
      } catch (error) {
        log.error(error);
      }
    }
    expect(text()).not.to.contain('hunter2');
  });

  it('opens no object of a class, and survives circles', () => {
    const { log, text } = aLog();
    class Holder {
      secretly = CANARY;
    }
    const circle: Record<string, unknown> = { name: 'circle' };
    circle['self'] = circle;
    log.info(
      {
        holder: new Holder(),
        buffer: Buffer.from(CANARY),
        map: new Map([['a', CANARY]]),
        url: new URL(`https://x/?code=${CANARY}`),
        circle,
        big: 1n,
      },
      'line',
    );
    expect(text()).to.contain('[Holder]').and.contain('[Buffer]').and.not.contain(CANARY);
  });

  it('writes one line an event, whatever stands in it', () => {
    const { log, text, lines } = aLog();
    const agent = `x\n{"level":"fatal"}\r\n\u001b[31m\u0000"},{\u2028$\{jndi:ldap://x}`;
    log.info({ agent }, agent);
    expect(text().match(/\n/g)).to.have.length(1);
    expect(text()).not.to.match(/[\u0000-\u0009\u000b-\u001f]/);
    expect(lines()[0]).to.include({ level: 'info' });
  });

  it('is bounded: a long text, a wide object and a long list are cut', () => {
    const { log, text } = aLog();
    log.info(
      {
        long: 'a b '.repeat(1_000_000),
        wide: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`n${i}`, i])),
        list: Array.from({ length: 10_000 }, (_, i) => i),
      },
      'b c '.repeat(1_000_000),
    );
    expect(text().length).to.be.lessThan(LIMITS.logStringChars * 4);
  });

  it('carries the request, its tenant and its actor on each line, and of no other request', async () => {
    const { log, lines } = aLog();
    const one = { requestId: 'request-one-0123456789abcdef0123456789abcdef' };
    await withLogFacts(one, async () => {
      await Promise.resolve();
      addLogFacts({
        tenantId: 'acme' as TenantId,
        actor: { kind: 'user', userId: 'ann' as UserId, sessionUid: 's3cret', roles: [], permissions: [] },
      });
      log.info('inside');
      expect(currentRequestId()).to.equal(one.requestId);
    });
    addLogFacts({ tenantId: 'nobody' as TenantId });
    log.info('outside');

    expect(lines()[0]).to.include({ requestId: one.requestId, tenantId: 'acme', actor: 'user:ann', msg: 'inside' });
    expect(lines()[1]).not.to.have.any.keys('requestId', 'tenantId', 'actor');
  });

  it('does not end the process, and does not stop it, when nobody reads', async () => {
    const script = `
      import { createLog } from './src/kernel/log.ts';
      const log = createLog({ level: 'info', name: 'child' });
      process.stdin.once('data', async () => {
        for (let round = 0; round < 20; round++) {
          for (let line = 0; line < 500; line++) log.info({ round, line }, 'x y '.repeat(100));
          await new Promise((resolve) => setImmediate(resolve));
        }
        process.stderr.write('still here');
        process.exit(0);
      });
      process.stderr.write('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' });
    await once(child.stderr, 'data');
    child.stdout.destroy();
    child.stdin.write('go');
    const [said] = await once(child.stderr, 'data');
    const [code] = await once(child, 'exit');

    expect(String(said)).to.equal('still here');
    expect(code).to.equal(0);
  });
});

describe('redactPath', () => {
  for (const [given, then] of [
    ['/oauth/authorize?code=S3CRET#x', '/oauth/authorize'],
    ['/.well-known/openid-configuration', '/.well-known/openid-configuration'],
    ['/.well-known/oauth-authorization-server/t/acme', '/.well-known/oauth-authorization-server/t/acme'],
    ['/api/v1/users/usr_01J9ZQ4E4N3V8S2W7X6Y5T4R3Q/suspend', '/api/v1/users/usr_01J9ZQ4E4N3V8S2W7X6Y5T4R3Q/suspend'],
    ['/users/0193f6f0-7b1a-7c3d-8e4f-0123456789ab', '/users/0193f6f0-7b1a-7c3d-8e4f-0123456789ab'],
    ['/v1/accounts/acc_abc123def456', '/v1/accounts/acc_abc123def456'],
    ['/interaction/V1StGXR8_Z5jdHi6B-myT/login', '/interaction/:masked/login'],
    ['/reset/Zm9vYmFyYmF6cXV4', '/reset/:masked'],
    ['/by-email/ann@example.com', '/by-email/:masked'],
    ['/by-email/a%40b.c', '/by-email/:masked'],
    ['/', '/'],
  ] as const) {
    it(`${given} is logged as ${then}`, () => expect(redactPath(given)).to.equal(then));
  }
});
