import { expect } from 'chai';
import { createRememberedDeviceService } from '../../../src/domain/factors/remembered-device-service.ts';
import { createDeviceCookies } from '../../../src/domain/sign-in/device-cookie.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, aUser, auditOf, NOON, rooms } from '../../support/rooms.ts';
import { factorRooms, later } from './house.ts';

describe('remembered browsers', () => {
  const cookies = () => createDeviceCookies({ keys: rooms().tenantKeys });
  const service = () => createRememberedDeviceService({ devices: cookies(), audit: rooms().audit });

  /** Remembers a browser for thirty days; gives its device cookie. */
  async function remembered(call: TenantCall, userId: UserId, userAgent = 'Firefox'): Promise<string> {
    const cookie = await cookies().remember(call, undefined, userId);
    const deviceId = (await cookies().deviceOf(call, cookie, userId))!;
    const from = { ...call, origin: { ip: '192.0.2.1', userAgent, requestId: 'r' } };
    await inTransaction(from, (tx) => factorRooms().factors.rememberDevice(tx, userId, deviceId, 30));
    return cookie;
  }

  it('are shown to their owner, the latest first, with the one that asks', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    const first = await remembered(call, ann, 'Firefox');
    await remembered(later(call, 60), ann, 'Safari');

    const [latest, oldest, ...rest] = await service().list(later(call, 120), ann, first);
    expect(rest).to.deep.equal([]);
    expect(latest).to.include({ userAgent: 'Safari', current: false });
    expect(oldest).to.include({ userAgent: 'Firefox', current: true });
    expect(oldest!.createdAt).to.deep.equal(NOON);
    expect(oldest!.expiresAt).to.deep.equal(later(call, 30 * 86_400).now);
    expect((await service().list(call, ann)).map(({ current }) => current)).to.deep.equal([false, false]);
    expect(await service().list(later(call, 31 * 86_400), ann, first), 'their time is over').to.deep.equal([]);
  });

  it('are named by something else than what the browser shows', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    const cookie = await remembered(call, ann);
    const { id } = (await service().list(call, ann))[0]!;
    expect(cookie).not.to.include(id);
    expect(id).not.to.include((await cookies().deviceOf(call, cookie, ann))!);
  });

  it('are forgotten one by one: the next sign-in there asks again', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    const [one, two] = [await remembered(call, ann), await remembered(call, ann)];
    const isRemembered = async (cookie: string) =>
      (await service().list(call, ann, cookie)).some(({ current }) => current);
    const { id } = (await service().list(call, ann, one)).find(({ current }) => current)!;

    await service().forget(call, ann, id);
    expect([await isRemembered(one), await isRemembered(two)]).to.deep.equal([false, true]);
    await expectFailure('device_not_found', service().forget(call, ann, id));
    expect((await auditOf(call)).filter((action) => action === 'device.forgotten')).to.have.length(1);
  });

  it('are forgotten all at once; where there are none, nothing is said of it', async () => {
    const call = await aTenant();
    const [ann, bob] = [await aUser(call), await aUser(call)];
    await remembered(call, ann);
    await remembered(call, ann);
    await remembered(call, bob);

    expect(await service().forgetAll(call, ann)).to.equal(2);
    expect(await service().forgetAll(call, ann)).to.equal(0);
    expect(await service().list(call, ann)).to.deep.equal([]);
    expect(await service().list(call, bob)).to.have.length(1);
    expect((await auditOf(call)).filter((action) => action === 'device.forgotten')).to.have.length(1);
  });

  it('are nobody else’s to forget, neither in this tenant nor from another', async () => {
    const call = await aTenant();
    const [ann, bob] = [await aUser(call), await aUser(call)];
    await remembered(call, ann);
    const { id } = (await service().list(call, ann))[0]!;
    await expectFailure('device_not_found', service().forget(call, bob, id));
    await expectFailure('device_not_found', service().forget(await aTenant(), ann, id));
    await expectFailure('device_not_found', service().forget(call, ann, 'no such thing'));
    expect(await service().list(call, ann)).to.have.length(1);
  });
});
