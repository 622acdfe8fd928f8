/**
 * The statements that shut a tenant's table behind row-level security, forced, so that it holds for the table's owner
 * too. A migration appends them to its `create table`. The sub-selects are for speed: what stands in one is asked once a
 * statement, and not once a row.
 */
export function rowSecurity(table: string, column = 'tenant_id'): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy tenant on ${table} using (${column} = (select gatehouse_tenant()) or (select gatehouse_operator()));`;
}

/** The trigger that tells every node that a row changed: `topic`, the tenant, and the value of `key`, with `:` between. */
export function announced(table: string, topic: string, tenant: string, key?: string): string {
  return `
    create trigger ${table}_announce after insert or update or delete on ${table}
      for each row execute function announce('${topic}', '${tenant}'${key === undefined ? '' : `, '${key}'`});`;
}
