import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Codes that are sent by e-mail or text message: as second factors, and to enrol them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Not validated: what was there before is of the old kinds, and need not be read again.
    alter table factors
      add column address text,
      drop constraint factors_kind_check,
      add constraint factors_kind_check check (kind in ('totp', 'webauthn', 'email', 'sms')) not valid,
      -- where codes go to: an e-mail address, or a number by E.164
      add constraint factors_address_check check (kind not in ('email', 'sms') or address is not null) not valid;

    -- The latest code of one challenge, or of one factor that is being enrolled. A used one is gone.
    create table sent_codes (
      tenant_id  uuid        not null,
      -- the challenge that it answers, or the factor that it confirms
      id         uuid        not null,
      user_id    uuid        not null,
      channel    text        not null check (channel in ('email', 'sms')),
      -- HMAC under a key of the tenant: six digits are soon guessed from a plain hash
      code       bytea       not null,
      sends      smallint    not null default 1,
      tries      smallint    not null default 0,
      sent_at    timestamptz not null,
      expires_at timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    create index sent_codes_user on sent_codes (tenant_id, user_id);
    ${rowSecurity('sent_codes')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table sent_codes;
    delete from factors where kind in ('email', 'sms');
    alter table factors
      drop constraint factors_address_check, drop constraint factors_kind_check, drop column address,
      add constraint factors_kind_check check (kind in ('totp', 'webauthn'));
  `);
}
