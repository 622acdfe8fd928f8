import type { AuditService } from '../audit/audit-service.ts';
import { accessContextOf } from './access-context.ts';
import { createCatalogue } from './catalogue.ts';
import { createHolders } from './holders.ts';
import { createOwnRoles } from './own-roles.ts';
import { presentActor } from './present-actor.ts';

/** Permissions, the roles that bundle them, and who has them. */
export function createAccessService({ audit }: { audit: AuditService }) {
  const catalogue = createCatalogue({ audit });
  const own = { ...createOwnRoles({ audit, catalogue }), ...createHolders({ audit }) };
  return { ...catalogue, ...own, accessContextOf, presentActor };
}

export type AccessService = ReturnType<typeof createAccessService>;
