import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { createTenantKeyService } from '../../../src/domain/keys/tenant-key-service.ts';
import { createDeviceCookies } from '../../../src/domain/sign-in/device-cookie.ts';
import { inOperatorTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { anOperatorCall, aTenant, NOON } from './house.ts';

describe('a device cookie', () => {
  const keys = createTenantKeyService([randomBytes(32)]);
  const devices = createDeviceCookies({ keys });
  const later = (call: TenantCall, seconds: number) => ({ ...call, now: new Date(NOON.getTime() + seconds * 1000) });

  async function aTenantOfOurs(): Promise<TenantCall> {
    const tenant = await aTenant();
    await inOperatorTransaction(anOperatorCall(), async (tx) => {
      await tx.db('tenant_data_keys').where({ tenant_id: tenant.tenantId }).delete();
      await keys.create({ ...tx, tenantId: tenant.tenantId });
    });
    return tenant;
  }

  it('knows the browser by account, and keeps its id from one login to the next', async () => {
    const tenant = await aTenantOfOurs();
    const [ann, bob] = [newId<UserId>(), newId<UserId>()];
    const first = await devices.remember(tenant, undefined, ann);
    const second = await devices.remember(later(tenant, 60), first, bob);
    const third = await devices.remember(later(tenant, 120), second, ann);

    const id = await devices.deviceOf(tenant, first, ann);
    expect(id).to.be.a('string');
    expect(await devices.deviceOf(tenant, third, ann)).to.equal(id);
    expect(await devices.deviceOf(tenant, third, bob))
      .to.be.a('string')
      .and.not.equal(id);
    expect(await devices.deviceOf(tenant, first, bob)).to.equal(undefined);
    expect(third).to.match(/^[\w.*~-]+$/);
  });

  it('is nothing when it is forged, cut, another tenant’s or not a cookie at all', async () => {
    const [tenant, other] = [await aTenantOfOurs(), await aTenantOfOurs()];
    const [ann, mallory] = [newId<UserId>(), newId<UserId>()];
    const cookie = await devices.remember(tenant, undefined, mallory);
    const bad = [
      cookie.replace(mallory, ann),
      cookie.slice(0, -1),
      cookie.split('~')[0]!,
      `${cookie.split('~')[0]!}~`,
      `${cookie}~`,
      '',
      '~',
      'x'.repeat(100_000),
      await devices.remember(other, undefined, ann),
    ];
    for (const forged of bad)
      expect(await devices.deviceOf(tenant, forged, ann), forged.slice(0, 40)).to.equal(undefined);
    expect(await devices.deviceOf(other, cookie, mallory)).to.equal(undefined);
    expect(await devices.deviceOf(tenant, cookie, mallory)).to.be.a('string');
  });

  it('is good for a year after the last login', async () => {
    const tenant = await aTenantOfOurs();
    const ann = newId<UserId>();
    const cookie = await devices.remember(tenant, undefined, ann);
    expect(await devices.deviceOf(later(tenant, LIMITS.deviceSeconds - 1), cookie, ann)).to.be.a('string');
    expect(await devices.deviceOf(later(tenant, LIMITS.deviceSeconds + 1), cookie, ann)).to.equal(undefined);
  });

  it('names five accounts; the one that was used longest ago falls out', async () => {
    const tenant = await aTenantOfOurs();
    const users = Array.from({ length: LIMITS.deviceAccounts + 1 }, () => newId<UserId>());
    let cookie: string | undefined;
    for (const user of users) cookie = await devices.remember(tenant, cookie, user);

    expect(cookie!.length).to.be.lessThan(LIMITS.deviceCookieChars);
    const known = await Promise.all(users.map((user) => devices.deviceOf(tenant, cookie, user)));
    expect(known.map((id) => id !== undefined)).to.deep.equal([false, true, true, true, true, true]);
  });
});
