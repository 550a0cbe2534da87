-- What most queues have in common: messages are handed out under a fence, tried again after failures, and
-- become dead letters. (Orders and mails keep these books in rows of their own.)
-- Everybody locks a message before its books, and several messages in the order of their ids.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.attempts (
  queue text not null references private.queues (name),
  message_id bigint not null,
  starts integer not null default 1,
  forgiven integer not null default 0,
  failures integer not null default 0,
  in_hand boolean not null default true,
  last_error text,
  history jsonb not null default '[]',
  primary key (queue, message_id)
)
with (
  fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_cost_delay = 0
);
comment on table private.attempts is
'How often a message was handed out (starts, also the fence of a result) and how often that failed.
forgiven: starts that came to a result, which have not killed their worker. in_hand: no result came yet.';
alter table private.attempts enable row level security;

create type private.work as (message_id bigint, starts integer, message jsonb);

create function private.bury_work(attempt private.attempts, message jsonb, reason text) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.bury(
    attempt.queue, attempt.message_id, message, reason,
    coalesce(attempt.last_error, 'It never ended.'), attempt.starts, null, null, attempt.history);
  delete from private.attempts
  where queue = attempt.queue and message_id = attempt.message_id;
end
$$;
comment on function private.bury_work(private.attempts, jsonb, text) is
'Make a message that was handed out a dead letter. reason: a stable code.';

create function private.start_work(queue text, wanted integer, looks_again numeric)
returns setof private.work
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  policy private.queues;
  messages pgmq.message_record [];
  started record;
  killer private.attempts;
begin
  select * into policy from private.queues where name = queue;
  messages := array(
    select taken from private.take_messages(queue, wanted, looks_again) as taken);
  for started in
    with attempt as (
      insert into private.attempts as known (queue, message_id)
      select start_work.queue, read.msg_id from unnest(messages) as read
      on conflict on constraint attempts_pkey do update
      set starts = known.starts + 1, in_hand = true
      returning *
    )
    select attempt.message_id, attempt.starts, attempt.forgiven, read.message
    from attempt
    join unnest(messages) as read on read.msg_id = attempt.message_id
    order by attempt.message_id
  loop
    if started.starts - started.forgiven > policy.max_starts then
      select * into killer from private.attempts
      where attempts.queue = start_work.queue and message_id = started.message_id;
      perform private.bury_work(killer, started.message, 'too_many_starts');
    else
      return next row(started.message_id, started.starts, started.message)::private.work;
    end if;
  end loop;
end
$$;
comment on function private.start_work(text, integer, numeric) is
'Due messages, leased to the caller; one that was handed out too often, as those that kill their worker
are, becomes a dead letter instead. looks_again: see take_messages.';

-- Whoever reads a queue holds its messages and then writes their books: a result that took the books first
-- would wait for a reader who waits for it.
create function private.lock_messages(queue text, results jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  execute format('select from pgmq.%I where msg_id = any ($1) order by msg_id for update', 'q_' || queue)
  using array(
    select (value ->> 'message_id')::bigint from jsonb_array_elements(results)
    where value ->> 'message_id' ~ '^\d{1,18}$');
end
$$;

create function private.hold_work(queue text, result jsonb) returns private.attempts
language plpgsql
set search_path = ''
as $$
declare
  held private.attempts;
begin
  select * into held
  from private.attempts
  where attempts.queue = hold_work.queue and message_id = (result ->> 'message_id')::bigint
    and starts = (result ->> 'starts')::integer and in_hand
  for update;
  return held;
end
$$;
comment on function private.hold_work(text, jsonb) is
'The books of the message that a result {message_id, starts} is about; null if another worker has it now,
or a result came before. The caller has locked the message.';

-- What becomes of a message whose work did not come to an end.
create function private.put_back_work(attempt private.attempts, message jsonb, result jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  policy private.queues;
  outcome constant text := result ->> 'outcome';
  failed constant boolean := outcome <> 'postponed';
  said constant text := coalesce(result ->> 'error', outcome);
begin
  select * into policy from private.queues where name = attempt.queue;
  update private.attempts as known
  set in_hand = false,
    forgiven = known.forgiven + 1,
    failures = known.failures + failed::integer,
    last_error = said,
    history = case when failed then known.history || jsonb_build_object(
      'at', clock_timestamp(), 'outcome', outcome, 'error', said) else known.history end
  where known.queue = attempt.queue and known.message_id = attempt.message_id
  returning * into attempt;
  if not failed then
    perform pgmq.set_vt(attempt.queue, attempt.message_id,
      greatest(1, least(3600, ceil(coalesce((result ->> 'delay_seconds')::numeric, 5))))::integer);
    return 'retried';
  elsif attempt.failures < private.attempts_of(policy, outcome) then
    perform pgmq.set_vt(
      attempt.queue, attempt.message_id, private.retry_delay(policy, attempt.failures));
    return 'retried';
  end if;
  perform private.bury_work(attempt, message,
    case outcome when 'broken' then 'unexpected_error' else 'too_many_failures' end);
  return 'finished';
end
$$;

-- Outcomes that are the queue's own are applied by private.apply_<queue>(message jsonb, result jsonb), which
-- raises for one that it does not know.
create function private.finish_one(attempt private.attempts, result jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  message jsonb;
  there integer;
begin
  execute format('select message from pgmq.%I where msg_id = $1', 'q_' || attempt.queue)
  into message using attempt.message_id;
  get diagnostics there = row_count;
  if there = 0 then
    delete from private.attempts
    where queue = attempt.queue and message_id = attempt.message_id;
    return 'lost';
  elsif result ->> 'outcome' in ('retry', 'broken', 'postponed') then
    return private.put_back_work(attempt, message, result);
  end if;
  execute format('select private.%I($1, $2)', 'apply_' || attempt.queue) using message, result;
  perform pgmq.delete(attempt.queue, attempt.message_id);
  delete from private.attempts
  where queue = attempt.queue and message_id = attempt.message_id;
  return 'finished';
end
$$;

-- One bad result must not undo its neighbours: each has a savepoint of its own.
create function private.finish_work(queue text, results jsonb) returns setof jsonb
language plpgsql
set search_path = ''
as $$
declare
  result jsonb;
  attempt private.attempts;
  said jsonb;
begin
  perform private.lock_messages(queue, results);
  for result in select value from jsonb_array_elements(results)
  loop
    attempt := null;
    begin
      attempt := private.hold_work(queue, result);
      said := jsonb_build_object('status', case
        when attempt.message_id is null then 'lost' else private.finish_one(attempt, result) end);
    exception
      when others then
        said := jsonb_build_object('status', 'error', 'error', sqlerrm);
        update private.attempts set last_error = left(sqlerrm, 500)
        where attempts.queue = attempt.queue and message_id = attempt.message_id;
    end;
    return next said || jsonb_build_object('message_id', result -> 'message_id');
  end loop;
end
$$;
comment on function private.finish_work(text, jsonb) is
'Record what became of messages. results: [{message_id, starts, outcome, data, error?, delay_seconds?}] with
outcome retry, a passing fault; broken, an error that nobody foresaw; postponed, nothing was tried, by
delay_seconds; or one that private.apply_<queue> knows.
Each row: message_id and status: finished, retried, lost (another worker has it now, or it was said
before), error: nothing was recorded, and the message comes back when its lease is over.';

create function private.renew_work(queue text, results jsonb) returns setof jsonb
language plpgsql
set search_path = ''
as $$
declare
  policy private.queues;
  result jsonb;
  attempt private.attempts;
begin
  select * into policy from private.queues where name = queue;
  perform private.lock_messages(queue, results);
  for result in select value from jsonb_array_elements(results)
  loop
    attempt := private.hold_work(queue, result);
    if attempt.message_id is not null then
      perform pgmq.set_vt(queue, attempt.message_id, policy.lease_seconds);
    end if;
    return next jsonb_build_object('message_id', result -> 'message_id', 'status',
      case when attempt.message_id is null then 'lost' else 'renewed' end);
  end loop;
end
$$;
comment on function private.renew_work(text, jsonb) is
'Hold on to messages for another lease. results: [{message_id, starts}]. Each row, in their order:
message_id and status: renewed, lost.';
