import type { Knex } from 'knex';

/**
 * What sign-in reads, each in one statement: a login is one password hash and little else. The functions look past
 * row-level security while they read; each filters by tenant, but for the one that a login without a tenant needs.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The Unicode normal form that was hashed; null: the characters as they came (imported hashes).
    alter table passwords add column normal_form text check (normal_form in ('NFC'));
    alter table password_history add column normal_form text check (normal_form in ('NFC'));

    create type sign_in_row as (
      tenant_id uuid, slug text, tenant_name text, tenant_active boolean, settings jsonb,
      user_id uuid, email text, username text, status text, last_sign_in_at timestamptz,
      hash text, pepper_id text, normal_form text, must_change boolean
    );

    -- An account by its id. The tenant always gives its row; the user's columns are null where there is none.
    create function sign_in_account_by_id(t uuid, i uuid) ${reading(`
      return query
        ${selectFrom('tenants tn left join users u on u.tenant_id = tn.id and u.id = i')}
        where tn.id = t;`)};

    -- The same by the canonical form of the e-mail address, or else of the user name.
    create function sign_in_account(t uuid, e text, n text) ${reading(`
      if e is not null then
        return query
          ${selectFrom('tenants tn left join users u on u.tenant_id = tn.id and u.email_canonical = e')}
          where tn.id = t;
      else
        return query
          ${selectFrom('tenants tn left join users u on u.tenant_id = tn.id and u.username_canonical = n')}
          where tn.id = t;
      end if;`)};

    -- The active accounts of an e-mail address in all active tenants, the oldest first.
    create function sign_in_candidates(e text, at_most integer) ${reading(`
      return query
        ${selectFrom("users u join tenants tn on tn.id = u.tenant_id and tn.status = 'active'")}
        where u.email_canonical = e and u.status = 'active'
        order by u.created_at, u.tenant_id
        limit at_most;`)};
  `);
}

/** The rest of a function that looks past row-level security for the time of `body`, and leaves it as it was. */
const reading = (body: string) => `returns setof sign_in_row language plpgsql rows 1 as $$
    declare before text := coalesce(current_setting('gatehouse.operator', true), '');
    begin
      perform set_config('gatehouse.operator', 'on', true);
      ${body}
      perform set_config('gatehouse.operator', before, true);
    end $$`;

/** The columns of sign_in_row, from tenants `tn` and users `u`, and the users' passwords. */
function selectFrom(source: string): string {
  return `select tn.id, tn.slug, tn.name, tn.status = 'active', tn.settings, u.id, u.email, u.username, u.status,
            u.last_sign_in_at, p.hash, p.pepper_id, p.normal_form, p.must_change
          from ${source}
          left join passwords p on p.tenant_id = u.tenant_id and p.user_id = u.id`;
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function sign_in_candidates(text, integer); drop function sign_in_account(uuid, text, text);
    drop function sign_in_account_by_id(uuid, uuid); drop type sign_in_row;
    alter table password_history drop column normal_form;
    alter table passwords drop column normal_form;
  `);
}
