-- What the clock does, task by task. (Filled by the migrations that follow.)
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.tasks (
  job text not null,
  name text not null check (name ~ '^[a-z_]+$'),
  position integer not null,
  primary key (job, name)
);
comment on table private.tasks is
'Tasks of each job, in their order. Each is done by private.<name>(), which returns jsonb: what it did.';
alter table private.tasks enable row level security;
