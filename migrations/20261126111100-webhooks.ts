import type { Knex } from 'knex';
import { announced, rowSecurity } from '../src/database/row-security.ts';

/** Receivers of a tenant's events, and the log of what was sent to them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table webhooks (
      tenant_id       uuid        not null references tenants (id) on delete cascade,
      id              uuid        not null,
      url             text        not null,
      description     text,
      -- names of events, and patterns, as they were asked for
      events          text[]      not null,
      status          text        not null check (status in ('active', 'disabled')),
      -- manual: somebody switched it off; gone: the receiver answered 410; failing: nothing got through for days
      disabled_reason text        check (disabled_reason in ('manual', 'gone', 'failing')),
      -- the secret under which deliveries are signed
      sealed          bytea       not null,
      -- the one before it, which signs too until then
      previous_sealed bytea,
      previous_until  timestamptz,
      created_at      timestamptz not null,
      updated_at      timestamptz not null,
      primary key (tenant_id, id),
      check ((status = 'active') = (disabled_reason is null)),
      check ((previous_sealed is null) = (previous_until is null))
    );
    -- A file of tenants knows a receiver by its address; two of one address would be one receiver that hears all twice.
    create unique index webhooks_url on webhooks (tenant_id, url);
    ${rowSecurity('webhooks')}
    ${announced('webhooks', 'webhook', 'tenant_id')}

    -- What is told, once for all receivers: the exact bytes that are signed and sent. Sealed, for they hold personal data.
    create table webhook_messages (
      tenant_id  uuid        not null references tenants (id) on delete cascade,
      id         uuid        not null,
      event      text        not null,
      sealed     bytea       not null,
      -- whom it is about, so that an erasure finds it
      user_id    uuid,
      created_at timestamptz not null,
      primary key (tenant_id, id)
    );
    create index webhook_messages_user on webhook_messages (tenant_id, user_id) where user_id is not null;
    create index webhook_messages_age on webhook_messages (created_at);
    ${rowSecurity('webhook_messages')}

    -- One message on its way to one receiver. The row of the outbox that carries it is another one at each redelivery.
    create table webhook_deliveries (
      tenant_id       uuid        not null,
      id              uuid        not null,
      webhook_id      uuid        not null,
      message_id      uuid        not null,
      outbox_id       uuid        not null,
      state           text        not null check (state in ('pending', 'delivered', 'failed')),
      attempts        integer     not null default 0,
      -- of the last attempt: the status that was answered, or why there was none
      response_status integer,
      error           text,
      attempted_at    timestamptz,
      finished_at     timestamptz,
      created_at      timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, webhook_id) references webhooks (tenant_id, id) on delete cascade,
      foreign key (tenant_id, message_id) references webhook_messages (tenant_id, id) on delete cascade
    );
    create index webhook_deliveries_of_webhook on webhook_deliveries (tenant_id, webhook_id, id);
    create index webhook_deliveries_of_message on webhook_deliveries (tenant_id, message_id);
    ${rowSecurity('webhook_deliveries')}

    -- Sessions end in many ways, and the database writes their line of the audit trail. Where somebody wants to hear of
    -- it, it owes the event too; what is told is composed when the outbox is emptied.
    create function owe_session_ended() returns trigger language plpgsql as $$
    declare
      about jsonb := coalesce(nullif(current_setting('gatehouse.ending', true), '')::jsonb, '{}');
      before text := coalesce(current_setting('gatehouse.operator', true), '');
    begin
      perform set_config('gatehouse.operator', 'on', true);
      if exists (select from webhooks w where w.tenant_id = old.tenant_id and w.status = 'active'
          and w.events && array['*', 'session.*', 'session.ended']) then
        insert into outbox (tenant_id, id, kind, payload, created_at, due_at)
          values (old.tenant_id, new_id(), 'webhook-event', jsonb_build_object(
            'action', 'session.ended', 'target', old.uid, 'at', coalesce((about ->> 'at')::timestamptz, now()),
            'actorKind', coalesce(about ->> 'actorKind', 'system'), 'actorId', about ->> 'actorId',
            'details', jsonb_build_object('reason', coalesce(about ->> 'reason', 'removed'), 'userId', old.account_id)),
            now(), now());
        perform pg_notify('gatehouse', 'outbox:webhook-event');
      end if;
      perform set_config('gatehouse.operator', before, true);
      return null;
    end $$;
    create trigger oidc_session_over_owed after delete on oidc_session
      for each row when (old.account_id is not null) execute function owe_session_ended();
    create trigger oidc_session_switched_owed after update of account_id on oidc_session
      for each row when (old.account_id is not null and old.account_id is distinct from new.account_id)
      execute function owe_session_ended();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger oidc_session_over_owed on oidc_session; drop trigger oidc_session_switched_owed on oidc_session;
    drop function owe_session_ended();
    drop table webhook_deliveries; drop table webhook_messages; drop table webhooks;
  `);
}
