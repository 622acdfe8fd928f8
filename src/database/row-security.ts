/**
 * The statements that shut a tenant's table behind row-level security, forced, so that it holds for the table's owner
 * too. A migration appends them to its `create table`. What stands in a sub-select is asked once a statement, and not once
 * a row. The planner is told that a tenant has many rows, also where most have one: else it takes the tenant for a key.
 */
export function rowSecurity(table: string, column = 'tenant_id'): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    ${column === 'tenant_id' ? `alter table ${table} alter column tenant_id set (n_distinct = -0.01);` : ''}
    create policy tenant on ${table} using (${column} = (select gatehouse_tenant()) or (select gatehouse_operator()));`;
}

/** The trigger that tells every node that a row changed: `topic`, the tenant, and the value of `key`, with `:` between. */
export function announced(table: string, topic: string, tenant: string, key?: string): string {
  return `
    create trigger ${table}_announce after insert or update or delete on ${table}
      for each row execute function announce('${topic}', '${tenant}'${key === undefined ? '' : `, '${key}'`});`;
}
