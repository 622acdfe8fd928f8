import type { Knex } from 'knex';

/** What a client may do by itself, for the check of its access tokens at our own API. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Whether an access token's client and tenant are alive now, and what the client may do.
    create function live_client(t uuid, c text)
      returns table (roles text[], permissions text[]) language plpgsql as $$
    begin
      perform look_past_tenants(true);
      return query
        with held as (
          select r.name, r.permissions from client_roles g join roles r on r.tenant_id = g.tenant_id and r.id = g.role_id
            where g.tenant_id = $1 and g.client_id = $2
        )
        select array(select h.name from held h order by h.name collate "C"),
          array(select distinct p from held h, unnest(h.permissions) p)
        from clients cl join tenants te on te.id = cl.tenant_id and te.status = 'active'
        where cl.tenant_id = $1 and cl.client_id = $2 and cl.status = 'active';
      perform look_past_tenants(false);
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function live_client(uuid, text);');
}
