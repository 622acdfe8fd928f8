import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** People who are invited: a row lives until it is accepted, revoked or replaced, or some time after its end. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table invites (
      tenant_id       uuid        not null references tenants (id) on delete cascade,
      id              uuid        not null,
      email           text        not null,
      email_canonical text        not null,
      -- who the person is, or will be: what the audit trail tells of them goes when they are erased
      user_id         uuid        not null,
      -- names, since a role is looked for anew when somebody accepts
      roles           text[]      not null,
      -- the node at which the roles are; null: in the tenant as a whole. A node that goes takes its invites along
      node_id         uuid,
      -- who may be asked again whether they may still give what they promised
      inviter_kind    text        not null check (inviter_kind in ('user', 'client', 'system')),
      inviter_id      text        not null,
      -- SHA-256 of what stands in the letter's link
      hash            bytea       not null,
      created_at      timestamptz not null,
      expires_at      timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, node_id) references nodes (tenant_id, id) on delete cascade
    );
    -- One open invite for an address: the latest counts.
    create unique index invites_email on invites (tenant_id, email_canonical);
    create unique index invites_hash on invites (hash);
    create index invites_age on invites (tenant_id, created_at, id);
    create index invites_end on invites (expires_at);
    create index invites_node on invites (tenant_id, node_id) where node_id is not null;
    ${rowSecurity('invites')}

    -- The tenant of a link, for a caller who names none.
    create function tenant_of_invite(h bytea) returns uuid language plpgsql as $$
    declare t uuid;
    begin
      perform look_past_tenants(true);
      select i.tenant_id into t from invites i where i.hash = h;
      perform look_past_tenants(false);
      return t;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function tenant_of_invite(bytea); drop table invites;');
}
