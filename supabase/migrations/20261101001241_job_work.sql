-- The verbs of functions/schedules: claim runs, do their tasks one by one, record what became of them.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- At most one run of a job is at work; one whose worker has died is passed by when its lease is over.
create function private.hold_job(run public.job_runs) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update private.jobs
  set held_by = run.id, held_until = clock_timestamp() + (
    select lease_seconds * interval '1 second' from private.queues where queues.name = 'schedules')
  where name = run.job and (held_by is null or held_by = run.id or held_until < clock_timestamp());
  return found;
end
$$;

-- Whether there is something to do now: not for a run that a later one replaces, nor while another holds its
-- job. Those are dealt with here.
create function private.begin_run(work private.work, run public.job_runs) returns boolean
language plpgsql
set search_path = ''
as $$
declare
  attempt private.attempts;
begin
  select * into attempt from private.attempts where queue = 'schedules' and message_id = work.message_id;
  if run.id is null then
    perform private.bury_work(attempt, work.message, 'unknown_event');
    return false;
  elsif exists (
    select from public.job_runs where job = run.job and scheduled_for > run.scheduled_for
  ) then
    update public.job_runs set status = 'skipped', finished_at = clock_timestamp()
    where id = run.id and status in ('queued', 'running');
    update private.jobs set held_by = null, held_until = null where held_by = run.id;
    perform pgmq.delete('schedules', work.message_id);
    delete from private.attempts where queue = 'schedules' and message_id = work.message_id;
    return false;
  elsif not private.hold_job(run) then
    perform private.put_back_work(
      attempt, work.message, '{"outcome": "postponed", "error": "another run", "delay_seconds": 5}');
    return false;
  end if;
  update public.job_runs
  set status = 'running', started_at = coalesce(started_at, clock_timestamp()), finished_at = null
  where id = run.id;
  return true;
end
$$;

create function private.run_of(message jsonb) returns public.job_runs
language plpgsql stable
set search_path = ''
as $$
declare
  run public.job_runs;
begin
  select * into run from public.job_runs
  where id = case when message ->> 'run_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    then (message ->> 'run_id')::uuid end;
  return run;
end
$$;

create function engine.claim_schedules(wanted integer default 10, looks_again numeric default 0)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  work private.work;
  run public.job_runs;
begin
  for work in select * from private.start_work('schedules', wanted, looks_again)
  loop
    run := private.run_of(work.message);
    if private.begin_run(work, run) then
      return next jsonb_build_object(
        'message_id', work.message_id, 'starts', work.starts, 'run_id', run.id, 'job', run.job, 'tasks', (
          select coalesce(jsonb_agg(name order by position, name), '[]')
          from private.tasks
          where job = run.job and run.summary #>> array[name, 'status'] is distinct from 'succeeded'));
    end if;
  end loop;
end
$$;
comment on function engine.claim_schedules(integer, numeric) is
'Take due runs of jobs under a lease, at most `wanted`, one of each job. looks_again: see claim_orders.
Each row: message_id, starts, run_id, job, tasks: the names of those that are not done yet, in their order.';

-- What a task did, or why not; then nothing is left of it. A time limit is no less of a failure.
create function private.try_task(task text) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  done jsonb;
begin
  execute format('select private.%I()', task) into done;
  done := coalesce(done, '{}');
  return (done - 'more') || jsonb_build_object(
    'status', case when (done ->> 'more')::boolean then 'running' else 'succeeded' end);
exception
  when query_canceled or others then
    return jsonb_build_object('status', 'failed', 'error', left(sqlerrm, 500), 'code', sqlstate);
end
$$;

create function private.add_results(so_far jsonb, more jsonb) returns jsonb
language sql immutable
set search_path = ''
as $$
  select coalesce(jsonb_object_agg(
    coalesce(new.key, old.key),
    case when jsonb_typeof(old.value) = 'number' and jsonb_typeof(new.value) = 'number'
      then to_jsonb(old.value::numeric + new.value::numeric) else coalesce(new.value, old.value) end), '{}')
  from jsonb_each(so_far - array['error', 'code']) as old
  full join jsonb_each(more) as new on new.key = old.key
$$;
comment on function private.add_results(jsonb, jsonb) is
'What a task did in several calls: numbers are added up, of the rest the last counts.';

-- Whose turn it is. A worker whose lease was taken over must do no more.
create function private.may_run(run public.job_runs, message bigint, start integer) returns boolean
language sql stable
set search_path = ''
as $$
  select exists (
      select from private.jobs where name = run.job and held_by = run.id
    ) and exists (
      select from private.attempts
      where queue = 'schedules' and message_id = message and starts = start and in_hand
    )
$$;

create function private.record_task(run public.job_runs, task text) returns text
language plpgsql
set search_path = ''
as $$
declare
  begun constant timestamptz := clock_timestamp();
  done jsonb;
begin
  done := private.try_task(task);
  done := done || jsonb_build_object(
    'milliseconds', round(1000 * extract(epoch from clock_timestamp() - begun)));
  update public.job_runs
  set summary = summary || jsonb_build_object(
    task, private.add_results(coalesce(summary -> task, '{}'), done))
  where id = run.id;
  return done ->> 'status';
end
$$;

-- PostgREST applies the time limit to the whole call; functions/kit/database.py waits a little longer.
create function engine.run_task(run_id uuid, message_id bigint, starts integer, task text)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
set statement_timeout = '12s'
set lock_timeout = '5s'
as $$
declare
  run public.job_runs;
  said text;
begin
  select * into run from public.job_runs where id = run_id;
  if not exists (select from private.tasks where job = run.job and name = task) then
    raise exception 'no such task: %', task using errcode = 'invalid_parameter_value';
  elsif not pg_try_advisory_xact_lock(hashtextextended('job ' || run.job, 0)) then
    said := 'busy';
  elsif not private.may_run(run, message_id, starts) then
    said := 'lost';
  else
    -- Read again under the lock: whoever had it may have done the task.
    select * into run from public.job_runs where id = run_id;
    said := run.summary #>> array[task, 'status'];
    if said is distinct from 'succeeded' then
      said := private.record_task(run, task);
    end if;
  end if;
  return next jsonb_build_object('task', task, 'status', said);
end
$$;
comment on function engine.run_task(uuid, bigint, integer, text) is
'Do a task, or its next batch, in a transaction of its own, and write down what it did. message_id and starts:
of the claim. Row: task, status: succeeded; running, call again; failed, and nothing of it is left; busy,
somebody is at this job right now; lost, another worker has the run.';

create function private.end_run(ended uuid) returns public.job_runs
language plpgsql
set search_path = ''
as $$
declare
  run public.job_runs;
begin
  update public.job_runs as known
  set attempts = known.attempts + 1, finished_at = clock_timestamp(), status = (
    select case
        when bool_and(coalesce(good, false)) is not false then 'succeeded'
        when bool_or(good) then 'partial'
        else 'failed'
      end
    from (
      select known.summary #>> array[name, 'status'] = 'succeeded' as good
      from private.tasks
      where job = known.job
    ) as task)
  where id = ended
  returning * into run;
  update private.jobs set held_by = null, held_until = null where held_by = ended;
  return run;
end
$$;

create function private.failed_tasks(run public.job_runs) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(jsonb_object_agg(
    name, coalesce(run.summary #>> array[name, 'error'], 'did not come to its end')), '{}')
  from private.tasks
  where job = run.job and run.summary #>> array[name, 'status'] is distinct from 'succeeded'
$$;

-- A run is no dead letter: what it leaves undone, the next one does. So it is tried again a few times, and
-- then tells the staff.
create function private.apply_schedules(message jsonb, result jsonb) returns void
language plpgsql
set search_path = ''
as $$
declare
  run public.job_runs;
  policy private.queues;
begin
  if result ->> 'outcome' not in ('succeeded', 'incomplete') then
    raise exception 'no such outcome: %', result ->> 'outcome' using errcode = 'invalid_parameter_value';
  end if;
  -- What the database has written down itself counts: an answer may have been lost on its way.
  update public.job_runs
  set summary = coalesce(result #> '{data,errors}', '{}') || summary
  where id = (private.run_of(message)).id;
  run := private.end_run((private.run_of(message)).id);
  select * into policy from private.queues where name = 'schedules';
  if run.status = 'succeeded' then
    perform private.clear_alarm('job_failed', run.job);
    perform private.clear_alarm('job_missed', run.job);
  elsif run.attempts < policy.attempts then
    perform pgmq.send('schedules', message, private.retry_delay(policy, run.attempts));
  else
    perform private.raise_alarm('job_failed', run.job, jsonb_build_object(
      'run_id', run.id, 'tasks', private.failed_tasks(run)));
  end if;
end
$$;

create function engine.finish_schedules(results jsonb) returns setof jsonb
language sql
security definer
set search_path = ''
as $$ select private.finish_work('schedules', results) $$;
comment on function engine.finish_schedules(jsonb) is
'Record what became of runs: see private.finish_work. The queue''s own outcomes: succeeded; incomplete, some
tasks did not succeed: data.errors {task: {status, error}} of those that the database may not know of.';

create function engine.renew_schedules(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return query select private.renew_work('schedules', results);
  update private.jobs
  set held_until = clock_timestamp() + (
    select lease_seconds * interval '1 second' from private.queues where queues.name = 'schedules')
  where held_by in (select (value ->> 'run_id')::uuid from jsonb_array_elements(results));
end
$$;
comment on function engine.renew_schedules(jsonb) is
'Hold on to runs: results: [{message_id, starts, run_id}]; see private.renew_work.';

grant execute on function engine.claim_schedules(integer, numeric), engine.finish_schedules(jsonb),
engine.renew_schedules(jsonb), engine.run_task(uuid, bigint, integer, text)
to service_role;
