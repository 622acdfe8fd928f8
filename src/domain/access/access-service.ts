import type { AuditService } from '../audit/audit-service.ts';
import { accessContextOf } from './access-context.ts';
import { createCatalogue } from './catalogue.ts';
import { createHolders } from './holders.ts';
import { createOwnRoles } from './own-roles.ts';

/** Permissions, the roles that bundle them, and who has them. */
export function createAccessService({ audit }: { audit: AuditService }) {
  const catalogue = createCatalogue({ audit });
  return { ...catalogue, ...createOwnRoles({ audit, catalogue }), ...createHolders({ audit }), accessContextOf };
}

export type AccessService = ReturnType<typeof createAccessService>;
