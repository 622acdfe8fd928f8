import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { createExpiry } from '../../../src/jobs/expiry.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { newId, type SessionId, type UserId } from '../../../src/kernel/ids.ts';
import { pool } from '../../support/database.ts';
import { aLog } from '../../support/http.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';
import { aSession, endedLines, owedLogouts, sweep } from '../../support/sessions.ts';
import { asOperator } from '../sign-in/house.ts';

const ADDRESS = 'https://app.example/logout';

/** Two applications that are told of logouts, and one that is not. */
async function applications(call: TenantCall): Promise<void> {
  const web = { kind: 'web', redirectUris: ['https://app.example/cb'] } as const;
  for (const clientId of ['mail', 'shop'])
    await rooms().clients.create(call, { ...web, clientId, backchannelLogoutUri: ADDRESS });
  await rooms().clients.create(call, { ...web, clientId: 'silent' });
}

type Ways = Record<
  string,
  { end(call: TenantCall, about: { user: UserId; uid: SessionId }): Promise<unknown>; reason: string; endsIn?: number }
>;

const begin = (call: TenantCall, user: UserId | null, uid: string, atMost: number | null = null) =>
  call.db.raw('select oidc_begin_session(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
    ...[call.tenantId, uid, randomBytes(32), user, JSON.stringify({ loginTs: Math.floor(Date.now() / 1000) })],
    ...['198.51.100.1', 'Browser/2', new Date(Date.now() + 3_600_000), atMost, new Date()],
  ]);

/** Every way in which a session ends. One that comes later belongs here. */
const WAYS: Ways = {
  'its person ends it': {
    end: (call, { user, uid }) => rooms().sessions.end(call, user, uid, 'sign_out'),
    reason: 'sign_out',
  },
  'it is revoked by its name': {
    end: (call, { uid }) => rooms().sessions.endByUid(call, uid, 'revoked'),
    reason: 'revoked',
  },
  'its person signs out everywhere': {
    end: (call, { user }) => rooms().sessions.endAll(call, user),
    reason: 'sign_out_everywhere',
  },
  'the user is suspended': {
    end: (call, { user }) => rooms().users.suspend(call, user),
    reason: 'user_suspended',
  },
  'the user is deactivated': {
    end: (call, { user }) => rooms().users.deactivate(call, user),
    reason: 'user_deactivated',
  },
  'the user gets another password': {
    end: (call, { user }) => rooms().users.setPassword(call, user, 'seven quiet rivers at dawn'),
    reason: 'password_changed',
  },
  'its time is over': {
    end: () => createExpiry({ db: pool(), log: aLog().log }).sweep(),
    endsIn: -120,
    reason: 'expired',
  },
  'somebody else signs in at the same browser': {
    end: async (call, { uid }) => begin(call, await aUser(call), uid),
    reason: 'account_switched',
  },
  'a newer one takes its place': {
    end: (call, { user }) => begin(call, user, newId<string>(), 1),
    reason: 'session_limit',
  },
  'the tenant is suspended': {
    async end(call) {
      await rooms().tenants.suspend(call);
      await sweep(call, rooms().sessionSweep.run);
    },
    reason: 'tenant_suspended',
  },
  'a statement suspends the user': {
    end: (call, { user }) =>
      asOperator(call, `update users set status = 'suspended' where tenant_id = ? and id = ?`, [call.tenantId, user]),
    reason: 'user_suspended',
  },
  'a statement removes the user': {
    end: (call, { user }) =>
      asOperator(call, 'delete from users where tenant_id = ? and id = ?', [call.tenantId, user]),
    reason: 'user_removed',
  },
  'a statement removes its row': {
    end: (call, { uid }) => call.db('oidc_session').where({ tenant_id: call.tenantId, uid }).delete(),
    reason: 'removed',
  },
};

describe('the end of a session', () => {
  for (const [way, { end, reason, endsIn }] of Object.entries(WAYS))
    it(`is told once to each of its applications, and to the audit trail, when ${way}`, async () => {
      const call = await aTenant();
      await applications(call);
      const user = await aUser(call);
      const facts = { clients: ['mail', 'shop', 'silent', 'gatehouse'], asked: ['news'], begunAgo: 60 };
      const uid = await aSession(call, user, { ...facts, ...(endsIn !== undefined && { endsIn }) });
      const other = await aSession(call, await aUser(call), { clients: ['mail'] });

      await end(call, { user, uid });

      const owed = (await owedLogouts(call)).filter(({ sid }) => !sid.endsWith(other));
      expect(owed.map(({ clientId, accountId, sid, iss }) => [clientId, accountId, sid, iss])).to.have.deep.members(
        ['mail', 'shop'].map((clientId) => [clientId, user, `${clientId}-${uid}`, 'https://id.test']),
      );
      const lines = (await endedLines(call)).filter(({ target }) => target === uid);
      expect(lines.map(({ details }) => details)).to.deep.equal([{ reason, userId: user }]);
      const left = await call.db('oidc_session').where({ tenant_id: call.tenantId, uid, account_id: user });
      expect(left).to.deep.equal([]);
    });

  it('is told with the transaction that ends it, or not at all', async () => {
    const call = await aTenant();
    await applications(call);
    const user = await aUser(call);
    const uid = await aSession(call, user, { clients: ['mail'] });
    await call.db
      .transaction(async (db) => {
        await rooms().sessions.end({ ...call, db }, user, uid);
        throw new Error('rolled back');
      })
      .catch(() => {});
    expect([await owedLogouts(call), await endedLines(call)]).to.deep.equal([[], []]);
  });

  it('says who did it, from where', async () => {
    const call = await aTenant();
    const [user, admin] = [await aUser(call), await aUser(call)];
    const uid = await aSession(call, user);
    const actor = { kind: 'user', userId: admin, sessionUid: 'x', roles: [], permissions: [] } as const;
    const origin = { ip: '203.0.113.9', userAgent: 'Console/1', requestId: 'r-1' };
    await rooms().sessions.end({ ...call, actor, origin }, user, uid);
    expect(await endedLines(call)).to.deep.equal([
      {
        ...{ target: uid, actorKind: 'user', actorId: admin, ip: '203.0.113.9' },
        details: { reason: 'revoked', userId: user },
      },
    ]);
  });

  it('comes for one of two that begin at the same moment, where a user may have one', async () => {
    const call = await aTenant();
    const user = await aUser(call);
    const [first, second] = [newId<string>(), newId<string>()];
    const late = await whileUncommitted(
      call.db,
      (hold) =>
        call.db.transaction(async (db) => {
          await begin({ ...call, db }, user, first, 1);
          await hold();
        }),
      () => begin(call, user, second, 1),
    );
    expect(late.status).to.equal('fulfilled');
    expect((await endedLines(call)).map(({ target }) => target)).to.deep.equal([first]);
    expect(await call.db('oidc_session').where({ tenant_id: call.tenantId }).pluck('uid')).to.deep.equal([second]);
  });

  it('waits for a refresh under way, and takes what that has made along', async () => {
    const call = await aTenant();
    const user = await aUser(call);
    const uid = await aSession(call, user, { clients: ['mail'], begunAgo: 120 });
    const [grantId] = await call.db('oidc_grant').where({ tenant_id: call.tenantId }).pluck('id');
    const chain = { tenant_id: call.tenantId, chain: newId<string>(), grant_id: grantId, session_uid: uid };
    const expires = new Date(Date.now() + 3_600_000);
    await call.db('oidc_refresh_chain').insert({ ...chain, generation: 0, payload: {}, expires_at: expires });
    const rotate = [call.tenantId, chain.chain, 1, '{}', null, expires, expires];
    const end = await whileUncommitted(
      call.db,
      (hold) =>
        call.db.transaction(async (db) => {
          // As oidc_rotate takes its locks, with a pause between the chain and the session.
          await db('oidc_refresh_chain').where({ tenant_id: call.tenantId }).forUpdate().select('chain');
          await hold();
          await db.raw('select oidc_rotate(?, ?, ?, ?, ?, ?, ?)', rotate);
        }),
      () => rooms().sessions.end(call, user, uid),
    );
    expect(end.status, 'no deadlock').to.equal('fulfilled');
    for (const table of ['oidc_session', 'oidc_grant', 'oidc_refresh_chain'])
      expect(await call.db(table).where({ tenant_id: call.tenantId }), table).to.deep.equal([]);
  });

  it('leaves its reason to no other that ends in the same transaction', async () => {
    const call = await aTenant();
    const user = await aUser(call);
    const [one, two] = [await aSession(call, user), await aSession(call, user)];
    await call.db.transaction(async (db) => {
      await rooms().sessions.end({ ...call, db }, user, one, 'sign_out');
      await db('oidc_session').where({ tenant_id: call.tenantId, uid: two }).delete();
    });
    expect((await endedLines(call)).map(({ target, details }) => [target, details])).to.have.deep.members([
      [one, { reason: 'sign_out', userId: user }],
      [two, { reason: 'removed', userId: user }],
    ]);
  });

  it('ends what hangs on it, and leaves offline access', async () => {
    const call = await aTenant();
    const user = await aUser(call);
    const uid = await aSession(call, user, { clients: ['mail'], offline: ['shop'] });
    await rooms().sessions.end(call, user, uid);
    expect(await call.db('oidc_grant').where({ tenant_id: call.tenantId }).pluck('client_id')).to.deep.equal(['shop']);
  });

  it('is not told of a browser where nobody was signed in', async () => {
    const call = await aTenant();
    await applications(call);
    await aSession(call, null, { clients: ['mail'] });
    await call.db('oidc_session').where({ tenant_id: call.tenantId }).delete();
    expect([await owedLogouts(call), await endedLines(call)]).to.deep.equal([[], []]);
  });

  it('is not a password change or a switch of the account that stays', async () => {
    const call = await aTenant();
    const user = await aUser(call);
    const uid = await aSession(call, user);
    await rooms().sessions.endAll(call, user, 'password_changed', uid);
    await begin(call, user, uid);
    expect(await endedLines(call)).to.deep.equal([]);
  });
});

describe('the end of an application', () => {
  for (const way of ['disable', 'remove'] as const)
    it(`is told to it once for each session that it is in (${way})`, async () => {
      const call = await aTenant();
      await applications(call);
      const user = await aUser(call);
      const uids = [
        await aSession(call, user, { clients: ['mail', 'shop'] }),
        await aSession(call, user, { clients: ['mail'] }),
      ];
      await aSession(call, user, { clients: ['shop'], asked: ['mail'] });

      await rooms().clients[way](call, 'mail');
      expect(await sweep(call, rooms().sessionSweep.run)).to.equal(1);

      expect((await owedLogouts(call)).map(({ clientId, sid }) => [clientId, sid])).to.have.deep.members(
        uids.map((uid) => ['mail', `mail-${uid}`]),
      );
      expect(await rooms().sessions.list(call, user)).to.have.length(3);
      await rooms().sessions.endAll(call, user);
      const owed = await owedLogouts(call);
      expect(
        owed.filter(({ clientId }) => clientId === 'mail'),
        'not again',
      ).to.have.length(2);
      expect(owed.filter(({ clientId }) => clientId === 'shop')).to.have.length(2);
    });

  it('does not reach what it was given since it was let in again', async () => {
    const call = await aTenant();
    await applications(call);
    const user = await aUser(call);
    const before = await aSession(call, user, { clients: ['mail'] });
    await rooms().clients.disable(call, 'mail');
    await rooms().clients.enable(call, 'mail');
    await aSession(call, user, { clients: ['mail'] });
    await sweep(call, rooms().sessionSweep.run);
    expect((await owedLogouts(call)).map(({ sid }) => sid)).to.deep.equal([`mail-${before}`]);
  });

  it('is found in more sessions than one statement goes through', async () => {
    const call = await aTenant();
    await applications(call);
    const user = await aUser(call);
    const sessions = 501;
    await call.db.raw(
      `insert into oidc_session (tenant_id, uid, id_hash, account_id, payload, expires_at)
       select ?, new_id(), decode(md5(n::text || ?), 'hex'), ?,
         jsonb_build_object('authorizations', jsonb_build_object('mail', jsonb_build_object('sid', n, 'grantId', n))), now() + interval '1 hour'
       from generate_series(1, ?) n`,
      [call.tenantId, call.tenantId, user, sessions],
    );
    await rooms().clients.disable(call, 'mail');
    await sweep(call, rooms().sessionSweep.run);
    expect(await owedLogouts(call)).to.have.length(sessions);
  });
});
