import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import { currentScope } from './request-scope.ts';
import { missCode } from './token-model-store.ts';

export type EventOptions = {
  log: {
    error(about: object, message: string): void;
    warn(about: object, message: string): void;
    debug(about: object, message: string): void;
  };
  /** An audit line of a refusal, in a transaction of its own. Must not throw. */
  auditRefusal(tenant: DirectoryTenant, action: string, details: object): void;
  metrics: { countToken(grant: string): void };
};

/**
 * Listens to one instance. The core calls listeners inside the request, so each only notes what happened: a listener
 * that threw would turn a good answer into an error.
 */
export function wireEvents(provider: Provider, tenant: DirectoryTenant, options: EventOptions): void {
  const { log, auditRefusal, metrics } = options;
  const note = (act: () => void) => {
    try {
      act();
    } catch (error) {
      log.error({ err: error }, 'an event of the core was lost');
    }
  };
  provider.on('server_error', (_ctx, error) =>
    note(() => log.error({ err: error, tenantId: tenant.id }, 'the core failed')),
  );
  provider.on('grant.success', (ctx) =>
    // Not yet: the answer goes out only when what it stands for is kept.
    note(() => currentScope().afterwards.push(() => metrics.countToken(String(ctx.oidc.params?.['grant_type'])))),
  );
  provider.on('grant.error', (ctx, error) =>
    note(() => {
      const about = {
        clientId: ctx.oidc.client?.clientId,
        grantType: ctx.oidc.params?.['grant_type'],
        reason: reasonOf(error),
      };
      log.debug(about, 'token request refused');
      if (error instanceof errors.InvalidClient || error instanceof errors.InvalidClientAuth)
        auditRefusal(tenant, 'client.refused', about);
      if (error instanceof errors.InvalidGrant) noteCodeMiss(ctx, tenant);
    }),
  );
}

const reasonOf = (error: Error & { error_detail?: string | undefined }) => error.error_detail ?? error.message;

/** A code that its own client could not redeem: a few wrong verifiers, and it is spent. */
function noteCodeMiss(ctx: KoaContextWithOIDC, tenant: DirectoryTenant): void {
  const { params, client } = ctx.oidc;
  const code = params?.['code'];
  if (params?.['grant_type'] !== 'authorization_code' || typeof code !== 'string') return;
  const scope = currentScope();
  const found = scope.loaded.get(`AuthorizationCode:${code}`);
  if (found && found.clientId === client?.clientId && !found['consumed']) scope.writes.push(missCode(tenant.id, code));
}
