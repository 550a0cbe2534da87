-- Jobs of the clock: what is run when, and what became of each run. The clock only puts runs into a queue, and
-- their tasks do all that is due, not what a tick stands for: so a tick may be missed, doubled or late.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.jobs (
  name text primary key check (name ~ '^[a-z_]+$'),
  schedule text not null,
  period interval not null check (period > '0'),
  origin timestamptz not null default '2000-01-01 00:00:00Z',
  grace interval not null check (grace > '0'),
  since timestamptz not null default now(),
  held_by uuid,
  held_until timestamptz
);
comment on table private.jobs is
'schedule: when pg_cron starts it, in UTC. period: one run is for each, counted from origin. grace: an alarm
is raised when a run is done later than that after its time. since: when the job itself began. held_by: the
run that is at work, while held_until is not over.';

create table private.tasks (
  job text not null references private.jobs (name),
  name text not null check (name ~ '^[a-z_]+$'),
  position integer not null,
  state jsonb,
  primary key (job, name)
);
comment on table private.tasks is
'Tasks of each job, in their order. Each is done by private.<name>(), which does all that is due and returns
jsonb: what it did, with "more": true if it has to be called again, as one that works in batches does. state:
what such a task has to know when it goes on; null: it begins.';

create table public.job_runs (
  id uuid primary key default gen_random_uuid(),
  job text not null references private.jobs (name),
  scheduled_for timestamptz not null,
  status text not null default 'queued'
  check (status in ('queued', 'running', 'succeeded', 'partial', 'failed', 'skipped')),
  attempts integer not null default 0,
  summary jsonb not null default '{}',
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (job, scheduled_for)
);
comment on table public.job_runs is
'One row per run. summary: by task {status, what it did, milliseconds, error, code}. partial: some tasks failed;
they are tried again. skipped: a later run does what this one did not. attempts: how often it came to an end.';

alter table private.jobs enable row level security;
alter table private.tasks enable row level security;
alter table public.job_runs enable row level security;
create policy "staff read job runs" on public.job_runs
for select to authenticated
using ((select private.is_staff()));
revoke all on public.job_runs from anon, authenticated, service_role;
grant select on public.job_runs to authenticated, service_role;

insert into private.queues
(name, path, attempts, batch_size, retry_seconds, oldest_message) values
('schedules', '/schedules/wake', 3, 5, '{60,300,600}', '1 hour');
select private.create_queue('schedules');
insert into private.event_routes (event_type, queue) values ('job.due', 'schedules');

-- Null: there is such a run already.
create function private.queue_run(job text, at timestamptz) returns public.job_runs
language plpgsql
set search_path = ''
as $$
declare
  run public.job_runs;
begin
  insert into public.job_runs (job, scheduled_for) values (queue_run.job, at)
  on conflict on constraint job_runs_job_scheduled_for_key do nothing
  returning * into run;
  if run.id is not null then
    insert into private.outbox (type, subject) values ('job.due', jsonb_build_object('run_id', run.id));
    perform private.wake('schedules');
  end if;
  return run;
end
$$;

create function private.job_of(called text) returns private.jobs
language plpgsql stable
set search_path = ''
as $$
declare
  job private.jobs;
begin
  select * into job from private.jobs where name = called;
  if job.name is null then
    perform private.refuse(404, 'job_not_found', 'There is no such job.');
  end if;
  return job;
end
$$;

create function private.start_job(job text, scheduled_for timestamptz default null)
returns public.job_runs
language plpgsql
set search_path = ''
as $$
declare
  known constant private.jobs := private.job_of(job);
begin
  return private.queue_run(
    known.name, date_bin(known.period, least(coalesce(scheduled_for, now()), now()), known.origin));
end
$$;
comment on function private.start_job(text, timestamptz) is
'Called by clocks: queue the run of the period in which scheduled_for (now, unless said) lies. Twice is once.';

-- The clock follows the table.
create function private.schedule_job() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform cron.schedule(
    'orderbase-' || new.name, new.schedule, format('select private.start_job(%L)', new.name));
  return null;
end
$$;
create trigger schedule after insert or update of schedule on private.jobs
for each row execute function private.schedule_job();

insert into private.jobs (name, schedule, period, origin, grace) values
('daily', '0 2 * * *', '1 day', '2000-01-01 02:00:00Z', '1 hour'),
('hourly', '5 * * * *', '1 hour', default, '20 minutes');

create function engine.start_job(job text, scheduled_for timestamptz default null) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run constant public.job_runs := private.start_job(job, scheduled_for);
begin
  return next jsonb_build_object('run_id', run.id, 'started', run.id is not null);
end
$$;
comment on function engine.start_job(text, timestamptz) is
'For clocks other than pg_cron: see private.start_job. run_id, started: false, if there is such a run already.
Refusals: job_not_found.';

create function private.run_job(job text) returns public.job_runs
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return private.queue_run((private.job_of(job)).name, clock_timestamp());
end
$$;

create function public.run_job(job text) returns public.job_runs
language sql set search_path = ''
as $$ select private.run_job(job) $$;
comment on function public.run_job(text) is
'Staff: run a job now, by hand; its row says how far it is. Refusals: staff_only, job_not_found.';
grant execute on function engine.start_job(text, timestamptz) to service_role;
grant execute on function private.run_job(text), public.run_job(text) to authenticated, service_role;
