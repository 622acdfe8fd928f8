import { expect } from 'chai';
import { inSeconds, opens, SECRET, web } from '../../support/client-secrets.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, auditOf, rooms } from '../../support/rooms.ts';

describe('a client secret', () => {
  it('stays good beside its successor for the overlap, and no longer', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });

    const { secret, overlapUntil } = await rooms().clients.rotateSecret(call, 'web', { overlapSeconds: 60 });

    expect(overlapUntil).to.deep.equal(inSeconds(call, 60).now);
    expect([
      await opens(inSeconds(call, 59), 'web', SECRET),
      await opens(inSeconds(call, 59), 'web', secret),
    ]).to.deep.equal([true, true]);
    expect([
      await opens(inSeconds(call, 60), 'web', SECRET),
      await opens(inSeconds(call, 60), 'web', secret),
    ]).to.deep.equal([false, true]);
    expect((await rooms().clients.findForCore(call, 'web'))!.secretsUntil).to.deep.equal(overlapUntil);
  });

  it('is dead at once when it is rotated without overlap', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });
    await rooms().clients.rotateSecret(call, 'web');
    expect(await opens(call, 'web', SECRET)).to.equal(false);
  });

  it('is not given a longer life by the next rotation', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });
    await rooms().clients.rotateSecret(call, 'web', { overlapSeconds: 10 });
    await rooms().clients.rotateSecret(call, 'web', { overlapSeconds: 1_000 });
    expect(await opens(inSeconds(call, 11), 'web', SECRET)).to.equal(false);
  });

  it('can be one of several, up to a limit, and be taken away alone', async () => {
    const call = await aTenant();
    const { clients } = rooms();
    await clients.create(call, { ...web, clientSecret: SECRET });
    const added = await clients.addSecret(call, 'web');
    for (let n = 2; n < 5; n++) await clients.addSecret(call, 'web');
    await expectFailure('conflict', clients.addSecret(call, 'web'));

    const oldest = (await clients.listSecrets(call, 'web')).at(-1)!;
    await clients.removeSecret(call, 'web', oldest.id);
    expect([await opens(call, 'web', SECRET), await opens(call, 'web', added)]).to.deep.equal([false, true]);
    await expectFailure('not_found', clients.removeSecret(call, 'web', oldest.id));
  });

  it('is not for clients without one, nor for those of another tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    await rooms().clients.create(call, { ...web, kind: 'spa' });
    await expectFailure('client_invalid', rooms().clients.addSecret(call, 'web'));
    await expectFailure('client_not_found', rooms().clients.rotateSecret(other, 'web'));
    for (const overlapSeconds of [-1, 1.5, Number.NaN, 91 * 86_400])
      await expectFailure('invalid_input', rooms().clients.rotateSecret(call, 'web', { overlapSeconds }));
  });

  it('never stands in the audit trail', async () => {
    const call = await aTenant();
    await rooms().clients.create(call, { ...web, clientSecret: SECRET });
    const { secret } = await rooms().clients.rotateSecret(call, 'web');
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'client.created', 'client.credential_rotated']);
    const rows = JSON.stringify(
      await pool().transaction(async (db) => {
        await db.raw(`select set_config('gatehouse.tenant', ?, true)`, [call.tenantId]);
        return db('audit_events').where({ tenant_id: call.tenantId });
      }),
    );
    expect(rows).not.to.include(SECRET).and.not.to.include(secret);
  });
});
