import type { Knex } from 'knex';

/** What a tenant puts into the DNS of a domain to prove that it is theirs; claims of before get theirs here. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table tenant_domains add column proof text not null default replace(gen_random_uuid()::text, '-', '');
    alter table tenant_domains alter column proof drop default;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table tenant_domains drop column proof');
}
