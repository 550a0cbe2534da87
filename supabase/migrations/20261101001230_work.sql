-- What most queues have in common: messages are handed out under a fence, tried again after failures, and
-- become dead letters. (Orders and mails keep these books in rows of their own.)
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.attempts (
  queue text not null references private.queues (name),
  message_id bigint not null,
  starts integer not null default 0,
  forgiven integer not null default 0,
  failures integer not null default 0,
  last_error text,
  history jsonb not null default '[]',
  primary key (queue, message_id)
)
with (fillfactor = 70);
comment on table private.attempts is
'How often a message was handed out (starts, also the fence of a result) and how often that failed.
forgiven: starts after which nothing was tried.';
alter table private.attempts enable row level security;

create type private.work as (message_id bigint, starts integer, message jsonb);

create function private.start_work(queue text, wanted integer, looks_again numeric)
returns setof private.work
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  policy private.queues;
  read pgmq.message_record;
  attempt private.attempts;
begin
  select * into policy from private.queues where name = queue;
  for read in select * from private.take_messages(queue, wanted, looks_again)
  loop
    insert into private.attempts as known (queue, message_id, starts)
    values (start_work.queue, read.msg_id, 1)
    on conflict on constraint attempts_pkey do update set starts = known.starts + 1
    returning * into attempt;
    if attempt.starts - attempt.forgiven > policy.max_starts then
      perform private.bury_work(attempt, read.message, 'too_many_starts');
    else
      return next row(read.msg_id, attempt.starts, read.message)::private.work;
    end if;
  end loop;
end
$$;
comment on function private.start_work(text, integer, numeric) is
'Due messages, leased to the caller; one that was handed out too often, as those that kill their worker
are, becomes a dead letter instead. looks_again: see take_messages.';

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

-- The message itself, locked before its books, as whoever reads the queue holds them.
create function private.lock_message(queue text, message_id bigint) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  message jsonb;
begin
  execute format('select message from pgmq.%I where msg_id = $1 for update', 'q_' || queue)
  into message using message_id;
  return message;
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
    and starts = (result ->> 'starts')::integer
  for update;
  return held;
end
$$;
comment on function private.hold_work(text, jsonb) is
'The books of the message that a result {message_id, starts} is about; null if another worker has it now.';

-- What becomes of a message whose work did not come to an end.
create function private.put_back_work(attempt private.attempts, message jsonb, result jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  policy private.queues;
  outcome constant text := result ->> 'outcome';
  said constant text := coalesce(result ->> 'error', outcome);
begin
  select * into policy from private.queues where name = attempt.queue;
  update private.attempts as known
  set forgiven = known.forgiven + (outcome = 'postponed')::integer,
    failures = known.failures + (outcome <> 'postponed')::integer,
    last_error = said,
    history = case outcome when 'postponed' then known.history
      else known.history || jsonb_build_object('at', clock_timestamp(), 'error', said) end
  where known.queue = attempt.queue and known.message_id = attempt.message_id
  returning * into attempt;
  if outcome = 'postponed' then
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

-- Outcomes that are the queue's own are applied by private.apply_<queue>(message jsonb, result jsonb).
create function private.finish_one(queue text, result jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  message constant jsonb := private.lock_message(queue, (result ->> 'message_id')::bigint);
  attempt constant private.attempts := private.hold_work(queue, result);
begin
  if message is null or attempt.message_id is null then
    return 'lost';
  elsif result ->> 'outcome' in ('retry', 'broken', 'postponed') then
    return private.put_back_work(attempt, message, result);
  end if;
  execute format('select private.%I($1, $2)', 'apply_' || queue) using message, result;
  perform pgmq.delete(queue, attempt.message_id);
  delete from private.attempts
  where attempts.queue = attempt.queue and message_id = attempt.message_id;
  return 'finished';
end
$$;

create function private.finish_work(queue text, results jsonb) returns setof jsonb
language plpgsql
set search_path = ''
as $$
declare
  result jsonb;
begin
  for result in
    select value from jsonb_array_elements(results) order by (value ->> 'message_id')::bigint
  loop
    begin
      return next jsonb_build_object(
        'message_id', result -> 'message_id', 'status', private.finish_one(queue, result));
    exception
      when others then
        return next jsonb_build_object(
          'message_id', result -> 'message_id', 'status', 'error', 'error', sqlerrm);
    end;
  end loop;
end
$$;
comment on function private.finish_work(text, jsonb) is
'Record what became of messages. results: [{message_id, starts, outcome, data, error?, delay_seconds?}] with
outcome retry, a passing fault; broken, an error that nobody foresaw; postponed, nothing was tried, by
delay_seconds; or one that private.apply_<queue> knows.
Each row: message_id and status: finished, retried, lost (another worker has it now), error.';

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
'Hold on to messages for another lease. results: [{message_id, starts}]. Each row: message_id and status:
renewed, lost.';
