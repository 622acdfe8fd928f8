import type { Knex } from 'knex';

/**
 * What sign-in reads brings the tenant's data key along: a refusal is written to the trail under it, and must take the
 * same statements at a tenant that a node has never met as at one that it knows. Otherwise the time of a login that names
 * no tenant would tell whether there is such an account.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`alter type sign_in_row add attribute data_key json; ${functions(DATA_KEY)}`);
}

export async function down(knex: Knex): Promise<void> {
  // The functions first: they give the rows of the type.
  await knex.raw(`alter type sign_in_row drop attribute data_key; ${functions('')}`);
}

const DATA_KEY = `, (select json_build_object('version', k.version, 'masterKeyId', k.master_key_id, 'sealed', encode(k.sealed, 'hex'))
    from tenant_data_keys k where k.tenant_id = tn.id order by k.version desc limit 1)`;

/** The three functions of 20261124100500-sign-in.ts, with `more` columns behind the others. */
const functions = (more: string) => `
  create or replace function sign_in_account_by_id(t uuid, i uuid) ${reading(`
    return query
      ${selectFrom('tenants tn left join users u on u.tenant_id = tn.id and u.id = i', more)}
      where tn.id = t;`)};

  create or replace function sign_in_account(t uuid, e text, n text) ${reading(`
    if e is not null then
      return query
        ${selectFrom('tenants tn left join users u on u.tenant_id = tn.id and u.email_canonical = e', more)}
        where tn.id = t;
    else
      return query
        ${selectFrom('tenants tn left join users u on u.tenant_id = tn.id and u.username_canonical = n', more)}
        where tn.id = t;
    end if;`)};

  create or replace function sign_in_candidates(e text, at_most integer) ${reading(`
    return query
      ${selectFrom("users u join tenants tn on tn.id = u.tenant_id and tn.status = 'active'", more)}
      where u.email_canonical = e and u.status = 'active'
      order by u.created_at, u.tenant_id
      limit at_most;`)};`;

const reading = (body: string) => `returns setof sign_in_row language plpgsql rows 1 as $$
    declare before text := coalesce(current_setting('gatehouse.operator', true), '');
    begin
      perform set_config('gatehouse.operator', 'on', true);
      ${body}
      perform set_config('gatehouse.operator', before, true);
    end $$`;

const selectFrom = (source: string, more: string) =>
  `select tn.id, tn.slug, tn.name, tn.status = 'active', tn.settings, u.id, u.email, u.username, u.status,
     u.last_sign_in_at, p.hash, p.pepper_id, p.normal_form, p.must_change${more}
   from ${source}
   left join passwords p on p.tenant_id = u.tenant_id and p.user_id = u.id`;
