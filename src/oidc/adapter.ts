import type { Knex } from 'knex';
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import type { ClientSource } from './client-source.ts';
import { grantModelStore } from './grant-model-store.ts';
import { housePagesAt } from './house-clients.ts';
import { type RefreshSettings, refreshChainStore } from './refresh-chain-store.ts';
import { type SessionSettings, sessionModelStore } from './session-model-store.ts';
import { tokenModelStore } from './token-model-store.ts';
import { transientModelStore } from './transient-model-store.ts';

/** Registered clients (RFC 7591): the only ones that the core itself writes. */
export type ClientRegistry = {
  save(tenant: DirectoryTenant, metadata: AdapterPayload): Promise<void>;
  remove(tenant: DirectoryTenant, clientId: string): Promise<void>;
};

export type AdapterOptions = {
  db: Knex;
  tenant: DirectoryTenant;
  issuer: string;
  clients: ClientSource;
  registry: ClientRegistry;
  refresh: Omit<RefreshSettings, 'key'>;
  session: Omit<SessionSettings, 'issuer'>;
};

/** The storage of one issuer: which model is kept where. The tenant is bound here, once; no model can reach another's. */
export function adapterFactory(options: AdapterOptions): AdapterFactory {
  const { db, tenant, issuer, clients, registry, refresh, session } = options;
  const seal = tenant.keyFor('seal');
  const tokenKeys = { seal, userCode: tenant.keyFor('user-code') };
  return (model: string): Adapter => {
    switch (model) {
      case 'Client':
        return clientAdapter({ db, tenant, issuer, clients, registry });
      case 'Grant':
        return grantModelStore(tenant.id);
      case 'Session':
        return sessionModelStore(tenant.id, { issuer, ...session });
      case 'RefreshToken':
        return refreshChainStore(tenant.id, { key: tenant.keyFor('refresh-chain'), ...refresh });
      case 'Interaction':
      case 'PushedAuthorizationRequest':
        return transientModelStore(tenant.id, model, seal);
      case 'AuthorizationCode':
      case 'AccessToken':
      case 'ClientCredentials':
      case 'DeviceCode':
      case 'RegistrationAccessToken':
      case 'InitialAccessToken':
        return tokenModelStore(tenant.id, model, tokenKeys);
      default:
        return unused(model);
    }
  };
}

function clientAdapter(options: Omit<AdapterOptions, 'refresh' | 'session'>): Adapter {
  const { db, tenant, issuer, clients, registry } = options;
  const own = housePagesAt(issuer);
  const call = () => ({ db, actor: { kind: 'system', name: 'oidc' } as const, now: new Date() });
  return {
    ...unused('Client'),
    find: async (id) => own.get(id) ?? clients.find(call(), tenant.id, id),
    upsert: (_id, metadata) => registry.save(tenant, metadata),
    destroy: (id) => registry.remove(tenant, id),
  };
}

/** A model of a feature that is not on. Using it is a bug, and says so. */
function unused(model: string): Adapter {
  const refuse = async () => {
    throw new Error(`the core stored a ${model}, whose feature is not on`);
  };
  return {
    upsert: refuse,
    find: refuse,
    findByUid: refuse,
    findByUserCode: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: async () => {},
  };
}
