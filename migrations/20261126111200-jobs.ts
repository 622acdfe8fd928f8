import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Long work that somebody waits for, and the files that it reads and writes. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table jobs (
      tenant_id   uuid        not null references tenants (id) on delete cascade,
      id          uuid        not null,
      kind        text        not null,
      state       text        not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
      -- who asked for it: the work is done on their behalf, with what they were allowed then
      actor       jsonb       not null,
      owner       text        not null,
      input       jsonb       not null default '{}',
      -- how far the work has come, in the words of its kind
      checkpoint  jsonb,
      done        bigint      not null default 0,
      total       bigint,
      error_count bigint      not null default 0,
      -- the first of them
      errors      jsonb       not null default '[]',
      result      jsonb,
      -- the code of what ended it
      failure     text,
      cancel      boolean     not null default false,
      -- how often a node took it: the fence, by which a node that lost it is known
      runs        integer     not null default 0,
      -- how often since it last came further
      tries       integer     not null default 0,
      -- while it is queued: not to be taken before; while it runs: the end of the node's lease
      due_at      timestamptz not null,
      created_at  timestamptz not null,
      started_at  timestamptz,
      finished_at timestamptz,
      primary key (tenant_id, id),
      check ((finished_at is null) = (state in ('queued', 'running')))
    );
    -- One job of a kind at a time in a tenant, whatever the nodes do: the others wait for their turn.
    create unique index jobs_running on jobs (tenant_id, kind) where state = 'running';
    create index jobs_due on jobs (due_at) where state in ('queued', 'running');
    create index jobs_age on jobs (finished_at) where finished_at is not null;
    ${rowSecurity('jobs')}

    create table job_files (
      tenant_id  uuid        not null references tenants (id) on delete cascade,
      id         uuid        not null,
      -- null: still being received, or received and not asked for
      job_id     uuid,
      role       text        not null check (role in ('input', 'result')),
      type       text        not null,
      name       text,
      bytes      bigint      not null default 0,
      chunks     integer     not null default 0,
      complete   boolean     not null default false,
      -- when the last of it came
      touched_at timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade
    );
    create unique index job_files_of_job on job_files (tenant_id, job_id, role) where job_id is not null;
    create index job_files_age on job_files (touched_at);
    ${rowSecurity('job_files')}

    create table job_file_chunks (
      tenant_id uuid    not null,
      file_id   uuid    not null,
      seq       integer not null,
      -- what is sealed cannot be compressed
      sealed    bytea   not null,
      primary key (tenant_id, file_id, seq),
      foreign key (tenant_id, file_id) references job_files (tenant_id, id) on delete cascade
    );
    alter table job_file_chunks alter column sealed set storage external;
    ${rowSecurity('job_file_chunks')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table job_file_chunks; drop table job_files; drop table jobs;');
}
