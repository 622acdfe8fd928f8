import { expect } from 'chai';
import { type AuditNote, changeOf, leavesOf } from '../../../src/domain/audit/audit-note.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { actor, as, aTenant, auditOf, rooms } from '../../support/rooms.ts';
import { tamper } from './trail.ts';

const eventsOf = (call: TenantCall) =>
  inTransaction(call, ({ db }) =>
    db('audit_events')
      .where({ tenant_id: call.tenantId })
      .whereNot({ action: 'tenant.created' })
      .orderBy('id')
      .select('action', 'actor_kind', 'actor_id', 'target', 'ip', 'user_agent', 'request_id', 'details', 'at'),
  );

describe('an audit event', () => {
  it('says who did what to whom, from where and when', async () => {
    const person = actor([]);
    const origin = { ip: '203.0.113.7', userAgent: 'Browser/1', requestId: 'r-1' };
    const call = { ...as(await aTenant(), person), origin };

    await inTransaction(call, (tx) =>
      rooms().audit.record(tx, 'thing.done', {
        target: 'thing:1:2',
        before: { size: 2 },
        after: { size: 3, at: call.now },
        details: { why: 'asked' },
      }),
    );

    const [event] = await eventsOf(call);
    expect(event).to.deep.equal({
      action: 'thing.done',
      actor_kind: 'user',
      actor_id: person.kind === 'user' ? person.userId : '',
      target: 'thing:1:2',
      ip: '203.0.113.7',
      user_agent: 'Browser/1',
      request_id: 'r-1',
      details: { why: 'asked' },
      at: call.now,
    });
    const [record] = await rooms().audit.list(call, { resource: 'thing' }, { limit: 1 });
    expect(record).to.deep.include({
      resource: 'thing',
      resourceId: '1:2',
      before: { size: 2 },
      after: { size: 3, at: call.now.toISOString() },
    });
    expect(record!.hash).to.match(/^[0-9a-f]{64}$/);
  });

  it('has nobody’s word for who, when and where: what a note says of it is a fact like any other', async () => {
    const call = await aTenant();
    const forged = { tenantId: newId(), actorKind: 'user', actor: { kind: 'user' }, at: new Date(0), ip: '192.0.2.1' };
    await inTransaction(call, (tx) =>
      rooms().audit.record(tx, 'thing.done', { ...forged, details: forged } as AuditNote),
    );
    const [event] = await eventsOf(call);
    expect(event).to.deep.include({ actor_kind: 'system', actor_id: 'test', ip: null, at: call.now });
    expect(event.details).to.include({ actorKind: 'user' });
  });

  it('holds no value whose name sounds like a secret, at any depth', async () => {
    const call = await aTenant();
    const details = {
      newPassword: 'canary',
      client_secret: 'canary',
      refreshToken: 'canary',
      userCode: 'canary',
      passwordHash: 'canary',
      kept: { nested: [{ token: 'canary', name: 'visible' }] },
    };

    await inTransaction(call, (tx) => rooms().audit.record(tx, 'thing.done', { details }));

    const [event] = await eventsOf(call);
    expect(event.details).to.deep.equal({ kept: { nested: [{ name: 'visible' }] } });
  });

  it('holds what a setting says of a secret', async () => {
    const call = await aTenant();
    const after = {
      'password.minLength': 12,
      'password.requireDigit': true,
      'tokens.accessTokenSeconds': 900,
      tokenEndpointAuthMethod: 'none',
      token_endpoint_auth_method: 'none',
      clientSecretExpiresAt: null,
      jwks: { keys: [{ kty: 'EC', x: 'public', d: 'canary', k: 'canary' }] },
      'smtp.password': 'canary',
      backupCodes: ['canary'],
      token: { value: 'canary' },
      code: 123_456,
    };
    await inTransaction(call, (tx) => rooms().audit.record(tx, 'thing.done', { after }));
    const [record] = await rooms().audit.list(call, { action: 'thing.done' }, { limit: 1 });
    expect(record!.after).to.deep.equal({
      'password.minLength': 12,
      'password.requireDigit': true,
      'tokens.accessTokenSeconds': 900,
      tokenEndpointAuthMethod: 'none',
      token_endpoint_auth_method: 'none',
      clientSecretExpiresAt: null,
      jwks: { keys: [{ kty: 'EC', x: 'public' }] },
    });
  });

  it('tells what changed from one state to the next, and all of the only one', () => {
    const before = { name: 'a', roles: ['x'], size: 1 as number | undefined, same: { a: 1, b: 2 } };
    expect(changeOf(before, { ...before, roles: ['x', 'y'], size: undefined, same: { b: 2, a: 1 } })).to.deep.equal({
      before: { roles: ['x'], size: 1 },
      after: { roles: ['x', 'y'], size: null },
    });
    expect(changeOf(undefined, before)).to.deep.equal({ after: before });
    expect(changeOf(before, undefined)).to.deep.equal({ before });
    expect(leavesOf({ locale: 'en', tokens: { seconds: 1, more: { deep: [1] } } })).to.deep.equal({
      locale: 'en',
      'tokens.seconds': 1,
      'tokens.more.deep': [1],
    });
  });

  it('takes any text, NUL and half surrogate pairs too, and stays short', async () => {
    const call = {
      ...(await aTenant()),
      origin: { ip: '::1', userAgent: `a\u0000b\ud800${'x'.repeat(9_000)}`, requestId: 'r' },
    };
    await inTransaction(call, (tx) =>
      rooms().audit.record(tx, 'thing.done', { details: { 'k\u0000': '\udc00\u0000' } }),
    );

    const [event] = await eventsOf(call);
    expect(event.user_agent)
      .to.have.lengthOf(512)
      .and.match(/^a\ufffdb\ufffdx/);
    expect(event.details).to.deep.equal({ 'k\ufffd': '\ufffd\ufffd' });
  });

  it('goes with the transaction that it tells of', async () => {
    const call = await aTenant();
    await inTransaction(call, async (tx) => {
      await rooms().audit.record(tx, 'thing.done');
      throw new Error('undone');
    }).catch(() => {});

    expect(await auditOf(call)).to.deep.equal(['tenant.created']);
  });
});

describe('a change whose audit event cannot be written', () => {
  /** Something in the database that is in the way of the tenant's records. */
  async function obstructed(call: TenantCall, body: string, work: () => Promise<unknown>): Promise<unknown> {
    await tamper(`create function obstruct() returns trigger language plpgsql as $$ begin ${body} end $$`);
    await tamper(
      `create trigger obstruct before insert on audit_pending for each row
        when (new.tenant_id = '${call.tenantId}') execute function obstruct()`,
    );
    try {
      return await work().catch((error: Error) => error.message);
    } finally {
      await tamper('drop trigger obstruct on audit_pending; drop function obstruct()');
    }
  }
  const email = `ann-${newId()}@example.com`;

  it('is not made when the insert fails', async () => {
    const call = await aTenant();
    const outcome = await obstructed(call, `raise exception 'the disk is full';`, () =>
      rooms().users.create(call, { email }),
    );
    expect(outcome).to.match(/the disk is full/);
    expect(await rooms().users.findByIdentifier(call, email)).to.equal(undefined);
    expect(await auditOf(call)).to.deep.equal(['tenant.created']);
  });

  it('is not made when the insert is swallowed', async () => {
    const call = await aTenant();
    const outcome = await obstructed(call, 'return null;', () => rooms().users.create(call, { email }));
    expect(outcome).to.equal('an audit record was not written');
    expect(await rooms().users.findByIdentifier(call, email)).to.equal(undefined);
  });
});

describe('the audit event of a refusal', () => {
  it('stays although the refused work is undone', async () => {
    const call = await aTenant();
    await inTransaction(call, async () => {
      await rooms().audit.recordRefusal(call, 'thing.refused', { details: { reason: 'forbidden' } });
      throw new Error('undone');
    }).catch(() => {});

    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'thing.refused']);
  });

  it('is not written into a transaction that would take it along', async () => {
    const call = await aTenant();
    const outcome = await inTransaction(call, (tx) => rooms().audit.recordRefusal(tx, 'thing.refused')).catch(
      (error: Error) => error.message,
    );
    expect(outcome).to.match(/would be rolled back/);
  });
});
