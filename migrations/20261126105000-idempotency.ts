import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** What was answered to requests that carried a key, for a day: the same request again gets the same answer. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table idempotency_keys (
      tenant_id  uuid        not null references tenants (id) on delete cascade,
      -- HMAC of actor, operation and the caller's key under a key of the tenant
      key        bytea       not null,
      -- HMAC of what was asked: a request may hold a password, which a plain hash would let somebody guess
      request    bytea       not null,
      -- the answer, sealed under the tenant's key: it may hold a secret that is shown once
      sealed     bytea       not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      primary key (tenant_id, key)
    );
    create index idempotency_keys_end on idempotency_keys (expires_at);
    ${rowSecurity('idempotency_keys')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table idempotency_keys');
}
