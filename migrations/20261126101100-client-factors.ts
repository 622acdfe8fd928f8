import type { Knex } from 'knex';

/** What an application asks of second factors, beside the tenant's policy. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table clients
      -- off: nobody is made to enrol one for it; required: everybody is
      add column mfa     text not null default 'inherit' check (mfa in ('off', 'inherit', 'required')),
      -- the weakest authentication context class that is good enough for it; null: any
      add column min_acr text check (min_acr ~ '^urn:[!-~]{1,120}$');
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table clients drop column min_acr, drop column mfa;');
}
