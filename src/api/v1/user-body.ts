import { z } from 'zod';
import type { User } from '../../domain/users/user.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { time } from './fields.ts';
import { tenantIds, userIds } from './ids.ts';

export const userStatus = z.enum(['pending', 'active', 'suspended', 'deactivated']);

/** A person, as every operation of this contract shows them. */
export const userBody = z.object({
  id: userIds.text,
  tenantId: tenantIds.text,
  email: z.string(),
  emailVerified: z.boolean(),
  username: z.string().nullable(),
  phone: z.string().nullable(),
  phoneVerified: z.boolean(),
  firstName: z.string().nullable(),
  lastName: z.string().nullable(),
  locale: z.string().nullable(),
  timezone: z.string().nullable(),
  status: userStatus,
  createdAt: time,
  updatedAt: time,
  lastSignInAt: time.nullable(),
});

export const presentUser = (tenantId: TenantId, user: User): z.input<typeof userBody> => ({
  ...user,
  id: userIds.encode(user.id),
  tenantId: tenantIds.encode(tenantId),
  createdAt: user.createdAt.toISOString(),
  updatedAt: user.updatedAt.toISOString(),
  lastSignInAt: user.lastSignInAt?.toISOString() ?? null,
});

export const exampleUser: z.input<typeof userBody> = {
  id: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2',
  tenantId: 'ten_01HZX3F5T8Q2M4N6P7R9S0V1W3',
  email: 'ann@example.com',
  emailVerified: true,
  username: null,
  phone: null,
  phoneVerified: false,
  firstName: 'Ann',
  lastName: 'Archer',
  locale: 'en-GB',
  timezone: 'Europe/London',
  status: 'active',
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
  lastSignInAt: '2026-01-02T09:30:00.000Z',
};
