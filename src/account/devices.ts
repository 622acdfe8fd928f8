import type { RememberedDevice, RememberedDeviceService } from '../domain/factors/remembered-device-service.ts';
import type { ShownBrowser } from '../http/account-pages.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { Page } from '../http/pages.ts';
import { Failure } from '../kernel/failure.ts';
import type { AccountPage } from './account-page.ts';
import { baseOf, done, formOf, type Visit } from './visit.ts';

export type DevicesDeps = { page: Page; rememberedDevices: RememberedDeviceService };

/** The browsers on which no second factor is asked for: each, or all, can be forgotten. */
export function createDevicePages({ page, rememberedDevices }: DevicesDeps): AccountPage[] {
  return [
    {
      path: '/account/security/devices',
      async show(visit) {
        page(visit.ctx, 'account-confirm', {
          ...formOf(visit, 'security'),
          act: 'all_devices',
          backTo: `${baseOf(visit.issuer)}/security`,
        });
      },
      async post(visit) {
        await rememberedDevices.forgetAll(visit.call, visit.userId);
        done(visit, '/security', 'devices_forgotten');
      },
    },
    {
      path: '/account/security/devices/:id',
      async show(visit) {
        const { ctx, call, userId, params, issuer } = visit;
        const found = (await rememberedDevices.list(call, userId, readDeviceCookie(ctx))).find(
          ({ id }) => id === params['id'],
        );
        if (!found) throw new Failure('device_not_found');
        page(ctx, 'account-confirm', {
          ...formOf(visit, 'security'),
          act: 'device',
          browser: shownDevice(visit, found),
          backTo: `${baseOf(issuer)}/security`,
        });
      },
      async post(visit) {
        await rememberedDevices.forget(visit.call, visit.userId, visit.params['id']!);
        done(visit, '/security', 'device_forgotten');
      },
    },
  ];
}

export const shownDevice = ({ issuer }: Visit, device: RememberedDevice): ShownBrowser => ({
  href: `${baseOf(issuer)}/security/devices/${device.id}`,
  current: device.current,
  userAgent: device.userAgent ?? '',
  begunAt: device.createdAt,
  endsAt: device.expiresAt,
});
