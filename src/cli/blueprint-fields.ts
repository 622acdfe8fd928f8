import { z } from 'zod';
import { LIMITS } from '../kernel/limits.ts';

// Fields that several parts of a file of tenants have.

export const text = (max: number) => z.string().min(1).max(max);
export const url = text(LIMITS.redirectUriChars);
export const alg = z.enum(['RS256', 'ES256']);
export const seconds = z.int().min(0);
export const roleNames = z.array(text(64)).max(LIMITS.rolesOfHolder);
