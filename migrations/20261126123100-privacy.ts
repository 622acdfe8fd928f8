import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Choices about personal data, and accounts that are to be erased. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- What people have allowed and taken back, each time they did. The latest of a type counts; nothing is written over.
    create table consents (
      tenant_id  uuid        not null,
      user_id    uuid        not null,
      id         uuid        not null,
      type       text        not null check (type in ('marketing', 'analytics', 'essential', 'third_party')),
      granted    boolean     not null,
      at         timestamptz not null,
      -- where it was said, and the version of the tenant's privacy policy that was in force
      source     text        not null check (source in ('page', 'api')),
      version    text,
      ip         text,
      user_agent text,
      primary key (tenant_id, user_id, id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
      -- what the service cannot do without is not taken back
      check (type <> 'essential' or granted)
    );
    create index consents_latest on consents (tenant_id, user_id, type, id);
    ${rowSecurity('consents')}

    create function consents_stay() returns trigger language plpgsql as $$
    begin
      if (new.tenant_id, new.user_id, new.id, new.type, new.granted, new.at, new.source, new.version)
          is distinct from (old.tenant_id, old.user_id, old.id, old.type, old.granted, old.at, old.source, old.version)
        or new.ip is not null or new.user_agent is not null then
        raise exception 'a consent is not written over';
      end if;
      return new;
    end $$;
    create trigger consents_stay before update on consents for each row execute function consents_stay();

    -- Who is to be erased, and who was: what a restored backup must be told again.
    create table erasures (
      tenant_id      uuid        not null references tenants (id) on delete cascade,
      id             uuid        not null,
      user_id        uuid        not null,
      -- by themselves, or by whom else
      requested_by   text        not null,
      requested_at   timestamptz not null,
      effective_at   timestamptz not null,
      -- in the words of who asked; gone with the rest
      reason         text,
      cancelled_at   timestamptz,
      done_at        timestamptz,
      primary key (tenant_id, id),
      check (cancelled_at is null or done_at is null),
      check (done_at is null or reason is null)
    );
    create unique index erasures_open on erasures (tenant_id, user_id) where cancelled_at is null and done_at is null;
    create index erasures_due on erasures (effective_at) where cancelled_at is null and done_at is null;
    ${rowSecurity('erasures')}

    alter table users add column erased_at timestamptz;
    -- Letters and text messages say whose they are, so that an erasure finds what is sealed.
    create index outbox_user on outbox (tenant_id, (payload ->> 'user')) where (payload ->> 'user') is not null;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index outbox_user; alter table users drop column erased_at;
    drop table erasures; drop table consents; drop function consents_stay();
  `);
}
