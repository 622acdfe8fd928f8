import { createAccessService } from '../../src/domain/access/access-service.ts';
import { createAuditService } from '../../src/domain/audit/audit-service.ts';
import { createJobFileService } from '../../src/domain/jobs/job-file-service.ts';
import { createJobService } from '../../src/domain/jobs/job-service.ts';
import { createTenantKeyService } from '../../src/domain/keys/tenant-key-service.ts';
import { createPasswordTransfer } from '../../src/domain/passwords/password-transfer.ts';
import { createTenantService } from '../../src/domain/tenants/tenant-service.ts';
import { createUserImport } from '../../src/domain/user-transfer/user-import.ts';
import { createUserTransfer } from '../../src/domain/user-transfer/user-transfer.ts';
import { createUserBatch } from '../../src/domain/users/user-batch.ts';
import { createUserService } from '../../src/domain/users/user-service.ts';

/** The rooms that very many users pass through; nobody signs in here, and nobody is written to. */
export function benchRooms(masterKey: Buffer) {
  const tenantKeys = createTenantKeyService([masterKey]);
  const audit = createAuditService({ keys: tenantKeys });
  const access = createAccessService({ audit });
  const tenants = createTenantService({ audit, access, tenantKeys });
  const never = {} as never;
  const users = createUserService({ audit, access, sessions: never, passwords: never, letters: never });
  const many = { audit, access, passwordTransfer: createPasswordTransfer(), users: createUserBatch({ audit }) };
  const files = createJobFileService({ keys: tenantKeys });
  const kinds = { 'user-import': createUserImport(many) };
  const jobs = createJobService({ audit, access, files, kinds: () => kinds });
  return { tenants, users, jobs, userTransfer: createUserTransfer({ ...many, jobs }) };
}
