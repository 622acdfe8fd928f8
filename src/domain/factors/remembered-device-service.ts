import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { equalSecrets, sha256 } from '../../kernel/secret.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { DeviceCookies } from '../sign-in/device-cookie.ts';
import * as store from './remembered-device-store.ts';

/** A browser on which a person is not asked for a second factor. */
export type RememberedDevice = {
  /** Names it to its owner; it is not what the browser shows. */
  id: string;
  /** Whether it is the browser that asks. */
  current: boolean;
  userAgent: string | undefined;
  createdAt: Date;
  expiresAt: Date;
};

export type RememberedDeviceDeps = {
  devices: Pick<DeviceCookies, 'deviceOf'>;
  audit: Pick<AuditService, 'record'>;
};

/** The browsers that people told to remember them, as their owners see and forget them. */
export function createRememberedDeviceService({ devices, audit }: RememberedDeviceDeps) {
  return {
    /** Those that are remembered now, the latest first. `deviceCookie` is that of the browser that asks. */
    async list(call: TenantCall, userId: UserId, deviceCookie?: string): Promise<RememberedDevice[]> {
      const deviceId = await devices.deviceOf(call, deviceCookie, userId);
      const own = deviceId === undefined ? undefined : sha256(deviceId);
      const rows = await inTransaction(call, (tx) => store.listOf(tx, userId));
      return rows.map((row) => ({
        id: row.device.toString('base64url'),
        current: own !== undefined && equalSecrets(own, row.device),
        userAgent: row.user_agent ?? undefined,
        createdAt: row.created_at,
        expiresAt: row.expires_at,
      }));
    },

    /**
     * Forgets a browser: the next sign-in there asks for the second factor again. Its sessions go on.
     *
     * @throws Failure `device_not_found`; a second call meets it too
     */
    async forget(call: TenantCall, userId: UserId, id: string): Promise<void> {
      await inTransaction(call, async (tx) => {
        if (!(await store.forget(tx, userId, Buffer.from(id, 'base64url')))) throw new Failure('device_not_found');
        await audit.record(tx, 'device.forgotten', { target: `user:${userId}`, details: { devices: 1 } });
      });
    },

    /** Forgets every browser of a person. @returns how many there were */
    async forgetAll(call: TenantCall, userId: UserId): Promise<number> {
      return inTransaction(call, async (tx) => {
        const count = await store.forgetAll(tx, userId);
        const note = { target: `user:${userId}`, details: { devices: count } };
        if (count > 0) await audit.record(tx, 'device.forgotten', note);
        return count;
      });
    },
  };
}

export type RememberedDeviceService = ReturnType<typeof createRememberedDeviceService>;
