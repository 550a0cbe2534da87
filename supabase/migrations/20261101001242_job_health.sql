-- Whether the clock goes: cron is quiet when it fails, so somebody looks at what it should have brought about.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.job_ages()
returns table (job text, schedule text, last_done timestamptz, age_seconds bigint, missed boolean)
language sql stable
set search_path = ''
as $$
  select known.name, known.schedule, done.at, extract(epoch from old.age)::bigint,
    old.age > known.period + known.grace
  from private.jobs as known
  cross join lateral (
    select max(scheduled_for) as at from public.job_runs
    where job_runs.job = known.name and status in ('succeeded', 'partial')
  ) as done
  cross join lateral (select clock_timestamp() - coalesce(done.at, known.since) as age) as old
$$;
comment on function private.job_ages() is
'For each job, when the latest run was scheduled that is done, and whether the next one is missed.';

-- A run that no message is about, say after its queue was purged, goes nowhere any more.
create function private.end_stranded_runs() returns void
language plpgsql
set search_path = ''
as $$
declare
  stranded public.job_runs;
begin
  for stranded in
    update public.job_runs as run
    set status = 'failed', finished_at = clock_timestamp()
    where status in ('queued', 'running') and created_at < clock_timestamp() - interval '5 minutes'
      and not exists (select from pgmq.q_schedules where message ->> 'run_id' = run.id::text)
      and not exists (
        select from private.outbox where type = 'job.due' and subject ->> 'run_id' = run.id::text
      )
    returning *
  loop
    perform private.raise_alarm('job_failed', stranded.job, jsonb_build_object(
      'run_id', stranded.id, 'tasks', private.failed_tasks(stranded)));
  end loop;
end
$$;

-- The clock's own commands, as those that sweep: one failure passes, three in a row do not.
create function private.check_clock() returns void
language plpgsql
set search_path = ''
as $$
declare
  command record;
begin
  for command in
    select job.jobname as name, bool_and(run.status = 'failed') and count(*) = 3 as failing,
      max(run.return_message) as said
    from cron.job as job
    cross join lateral (
      select * from cron.job_run_details as run
      where run.jobid = job.jobid and run.status in ('succeeded', 'failed')
        and run.start_time > clock_timestamp() - interval '1 day'
      order by run.runid desc
      limit 3
    ) as run
    where job.jobname like 'orderbase-%'
    group by job.jobname
  loop
    if command.failing then
      perform private.raise_alarm(
        'job_failed', command.name, jsonb_build_object('error', left(command.said, 500)));
    else
      perform private.clear_alarm('job_failed', command.name);
    end if;
  end loop;
end
$$;

create function private.check_jobs() returns void
language plpgsql
set search_path = ''
as $$
declare
  known record;
begin
  perform private.end_stranded_runs();
  perform private.check_clock();
  for known in select * from private.job_ages()
  loop
    if not known.missed then
      perform private.clear_alarm('job_missed', known.job);
    elsif (private.start_job(known.job)).id is null and not exists (
      select from public.job_runs
      where job = known.job and created_at > clock_timestamp() - interval '4 minutes'
    ) then
      perform private.raise_alarm(
        'job_missed', known.job, jsonb_build_object('last_done', known.last_done));
    end if;
  end loop;
end
$$;
comment on function private.check_jobs() is
'Starts each run that is missed, and raises an alarm if that does not help, or if runs come to no end. Called by
the clock, and, for the day on which the clock itself stands still, by the function schedules.';
select cron.schedule('orderbase-check-jobs', '*/5 * * * *', 'select private.check_jobs()');

create function engine.check_jobs() returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.check_jobs();
  return query select to_jsonb(known) from private.job_ages() as known;
end
$$;
comment on function engine.check_jobs() is
'Check all jobs: see private.check_jobs. Each row: job, schedule, last_done, age_seconds, missed.';

create function private.job_health()
returns table (job text, schedule text, last_done timestamptz, age_seconds bigint, missed boolean)
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return query select * from private.job_ages();
end
$$;

create function public.job_health()
returns table (job text, schedule text, last_done timestamptz, age_seconds bigint, missed boolean)
language sql stable set search_path = ''
as $$ select * from private.job_health() $$;
comment on function public.job_health() is
'Staff: for each job, when the latest run was scheduled that is done, how long that is ago, and whether the next
one is missed. Refusals: staff_only.';
grant execute on function engine.check_jobs() to service_role;
grant execute on function private.job_health(), public.job_health() to authenticated, service_role;
