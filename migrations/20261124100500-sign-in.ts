import type { Knex } from 'knex';

/**
 * What sign-in reads, each in one statement: a login is one password hash and little else. A function with a `set` clause
 * looks past row-level security for the time of its run; each filters by tenant, but for the one that a login without a
 * tenant needs. Their plans are kept by the connection: one that was made while a table was small must not read all of
 * it once it has grown, so they go by a unique index from the start.
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
    create function sign_in_account_by_id(t uuid, i uuid) returns setof sign_in_row
      language plpgsql stable rows 1 set gatehouse.operator = 'on' set enable_seqscan = off as $$
    begin
      return query
        ${select('tenants tn left join users u on u.tenant_id = tn.id and u.id = i')}
        where tn.id = t;
    end $$;

    -- The same by the canonical form of the e-mail address, or else of the user name.
    create function sign_in_account(t uuid, e text, n text) returns setof sign_in_row
      language plpgsql stable rows 1 set gatehouse.operator = 'on' set enable_seqscan = off as $$
    begin
      if e is not null then
        return query
          ${select('tenants tn left join users u on u.tenant_id = tn.id and u.email_canonical = e')}
          where tn.id = t;
      else
        return query
          ${select('tenants tn left join users u on u.tenant_id = tn.id and u.username_canonical = n')}
          where tn.id = t;
      end if;
    end $$;

    -- The active accounts of an e-mail address in all active tenants.
    create function sign_in_candidates(e text, at_most integer) returns setof sign_in_row
      language plpgsql stable rows 1 set gatehouse.operator = 'on' set enable_seqscan = off as $$
    begin
      return query
        ${select("users u join tenants tn on tn.id = u.tenant_id and tn.status = 'active'")}
        where u.email_canonical = e and u.status = 'active'
        order by u.created_at, u.tenant_id
        limit at_most;
    end $$;
  `);
}

/** The columns of sign_in_row, from tenants `tn` and users `u`, and the users' passwords. */
function select(from: string): string {
  return `select tn.id, tn.slug, tn.name, tn.status = 'active', tn.settings, u.id, u.email, u.username, u.status,
            u.last_sign_in_at, p.hash, p.pepper_id, p.normal_form, p.must_change
          from ${from}
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
