import type { Knex } from 'knex';

/**
 * All that a user may do and where they belong, in one statement. What is out of use counts nowhere: a node that is
 * archived, or below one that is. Names come in code-unit order, so that the answer is the same on every database.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function access_context(t uuid, u uuid)
      returns table (roles text[], permissions text[], memberships json) language plpgsql as $$
    begin
      perform look_past_tenants(true);
      return query
        with recursive held as (
          select r.name, r.permissions from user_roles ur join roles r on r.tenant_id = ur.tenant_id and r.id = ur.role_id
            where ur.tenant_id = $1 and ur.user_id = $2
        ), above as (
          select m.node_id as member_of, n.parent_id, n.status
            from node_members m join nodes n on n.tenant_id = m.tenant_id and n.id = m.node_id
            where m.tenant_id = $1 and m.user_id = $2
          union all
          select a.member_of, n.parent_id, n.status from above a join nodes n on n.tenant_id = $1 and n.id = a.parent_id
        )
        select array(select h.name from held h order by h.name collate "C"),
          array(select distinct p collate "C" from held h, unnest(h.permissions) p order by 1),
          (select coalesce(json_agg(json_build_object('nodeId', n.id, 'nodeType', n.type, 'name', n.name, 'roles', array(
              select r.name from node_member_roles mr join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
                where mr.tenant_id = $1 and mr.node_id = n.id and mr.user_id = $2 order by r.name collate "C"
            )) order by n.name_key, n.id), '[]')
            from node_members m join nodes n on n.tenant_id = m.tenant_id and n.id = m.node_id
            where m.tenant_id = $1 and m.user_id = $2
              and m.node_id <> all (array(select a.member_of from above a where a.status = 'archived')));
      perform look_past_tenants(false);
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function access_context(uuid, uuid);');
}
