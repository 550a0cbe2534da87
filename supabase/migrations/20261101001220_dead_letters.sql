-- Dead letters: what no retry could help, with its cause, for people to decide.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.dead_letters (
  id bigint generated always as identity primary key,
  queue text not null references private.queues (name),
  message_id bigint not null,
  message jsonb not null,
  order_id uuid references public.orders (id) on delete set null,
  step_key text references private.order_steps (key),
  email_id uuid,
  reason text not null,
  cause text not null,
  history jsonb not null default '[]',
  attempts integer not null,
  created_at timestamptz not null default now(),
  resolution text check (resolution in ('retried', 'given_up')),
  resolved_at timestamptz,
  resolved_by uuid,
  check ((resolution is null) = (resolved_at is null))
);
comment on table private.dead_letters is
'Messages that no retry can help. reason: a stable code. cause: the last error. history: every failure.
Open while resolution is null.';
create unique index dead_letters_message_idx on private.dead_letters (queue, message_id)
where resolution is null;
create index dead_letters_order_id_idx on private.dead_letters (order_id);
create index dead_letters_step_key_idx on private.dead_letters (step_key);
alter table private.dead_letters enable row level security;

create table public.alarms (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind in ('dead_letter', 'old_message', 'refund_failed', 'ledger', 'sample_ratio', 'webhook', 'job_failed', 'job_missed')),
  subject text not null,
  detail jsonb not null default '{}',
  raised_at timestamptz not null default now(),
  cleared_at timestamptz
);
comment on table public.alarms is
'What the shop''s staff should look at. An alarm is raised once until it is cleared.';
create unique index alarms_open_idx on public.alarms (kind, subject) where cleared_at is null;
alter table public.alarms enable row level security;
create policy "staff read alarms" on public.alarms
for select to authenticated
using ((select private.is_staff()));
revoke all on public.alarms from anon, authenticated, service_role;
grant select on public.alarms to authenticated, service_role;
alter publication supabase_realtime add table public.alarms;

create function private.raise_alarm(kind text, subject text, detail jsonb default '{}') returns void
language plpgsql
set search_path = ''
as $$
declare
  raised uuid;
begin
  insert into public.alarms (kind, subject, detail)
  values (raise_alarm.kind, raise_alarm.subject, raise_alarm.detail)
  on conflict do nothing
  returning id into raised;
  -- A mail that cannot be sent raises an alarm, but no other mail.
  if raised is not null and detail ->> 'queue' is distinct from 'emails'
    and exists (select from private.shop where staff_email is not null)
  then
    insert into private.outbox (type, subject)
    values ('alarm.raised', jsonb_build_object('alarm_id', raised));
    perform private.wake('emails');
  end if;
end
$$;

create function private.clear_alarm(kind text, subject text) returns void
language sql
set search_path = ''
as $$
  update public.alarms set cleared_at = clock_timestamp()
  where alarms.kind = clear_alarm.kind and alarms.subject = clear_alarm.subject and cleared_at is null
$$;

-- Moves a message that is about no step out of its queue, keeping it and the reason.
create function private.bury(
  queue text, message_id bigint, message jsonb, reason text, cause text, attempts integer,
  ordered uuid default null, mail uuid default null, history jsonb default '[]'
) returns void
language plpgsql
set search_path = ''
as $$
declare
  buried bigint;
begin
  insert into private.dead_letters
    (queue, message_id, message, reason, cause, attempts, order_id, email_id, history)
  values (queue, message_id, coalesce(message, 'null'), reason, cause, attempts, ordered, mail, history)
  on conflict do nothing
  returning id into buried;
  perform pgmq.delete(queue, message_id);
  perform private.raise_alarm('dead_letter', 'dead letter ' || buried, jsonb_build_object(
    'dead_letter_id', buried, 'queue', queue, 'reason', reason));
end
$$;

-- A step that nobody can bring to an end: its order waits for a person. The caller removes the message.
create function private.give_to_people(
  subject public.orders, intent private.order_steps, reason text, message jsonb
) returns void
language plpgsql
set search_path = ''
as $$
declare
  buried bigint;
begin
  update private.order_steps set state = 'dead', leased_until = null where key = intent.key;
  insert into private.dead_letters
    (queue, message_id, message, order_id, step_key, reason, cause, attempts, history)
  values (
    'orders', intent.message_id, message, subject.id, intent.key, reason,
    coalesce(intent.last_error, 'It never ended.'), intent.starts, intent.history)
  on conflict do nothing
  returning id into buried;
  perform private.move_order(subject.id, 'needs_attention', jsonb_build_object(
    'failure_code', intent.step || '_' || reason, 'failure_message', coalesce(intent.last_error, reason),
    'step', intent.step));
  perform private.raise_alarm('dead_letter', 'dead letter ' || buried, jsonb_build_object(
    'dead_letter_id', buried, 'queue', 'orders', 'reason', reason, 'order_number', subject.number));
end
$$;

create function private.check_staff() returns uuid
language plpgsql stable
set search_path = ''
as $$
declare
  caller private.caller;
begin
  if current_setting('role', true) = 'service_role' then
    return auth.uid();
  end if;
  if private.is_staff() then
    caller := private.signed_in();
  end if;
  if caller.id is null or not private.works_here(caller.id) then
    perform private.refuse(403, 'staff_only', 'Only the shop''s staff can do this.');
  end if;
  return caller.id;
end
$$;
comment on function private.check_staff() is
'Who calls, if they work in the shop and are signed in at this moment; null: the shop itself.';

-- Back to where the order was, so that the step is due again with its old key.
create function private.resume_order(ordered uuid) returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
begin
  update public.orders
  set status = interrupted_status, interrupted_status = null, version = version + 1,
    failure_code = case when ending is not null then failure_code end,
    failure_message = case when ending is not null then failure_message end
  where id = ordered and status = 'needs_attention'
  returning * into subject;
  if subject.id is not null then
    perform private.record_event(subject, 'order.resumed');
  end if;
  return subject;
end
$$;

create function private.lock_dead_letter(wanted bigint) returns private.dead_letters
language plpgsql
set search_path = ''
as $$
declare
  letter private.dead_letters;
begin
  perform private.lock_orders(array(select order_id from private.dead_letters where id = wanted));
  select * into letter from private.dead_letters where id = wanted for update;
  if letter.id is null then
    perform private.refuse(404, 'dead_letter_not_found', 'There is no such dead letter.');
  end if;
  return letter;
end
$$;

create function private.resolve_dead_letter(letter private.dead_letters, how text) returns void
language plpgsql
set search_path = ''
as $$
begin
  update private.dead_letters
  set resolution = how, resolved_at = clock_timestamp(), resolved_by = auth.uid()
  where id = letter.id;
  perform private.clear_alarm('dead_letter', 'dead letter ' || letter.id);
end
$$;

-- Counters start afresh, the key of the effect stays. Only what the provider has refused for good is asked
-- for anew, under a new key: the old one would bring the old answer.
create function private.retry_step(letter private.dead_letters) returns void
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
  refused public.refunds;
begin
  if letter.reason = 'refund_refused' then
    update private.order_steps set state = 'failed' where key = letter.step_key;
    update public.refunds set status = 'failed'
    where order_id = letter.order_id and status = 'requested'
      and private.step_key(order_id, 'refund', revision) = letter.step_key
    returning * into refused;
    subject := private.resume_order(letter.order_id);
    perform private.request_refund(subject, refused.amount, refused.reason);
    return;
  end if;
  update private.order_steps
  set state = 'started', failures = 0, forgiven = starts, leased_until = null
  where key = letter.step_key and state = 'dead';
  perform private.resume_order(letter.order_id);
end
$$;

-- Definer: writes what staff may only ask for.
create function private.retry_dead_letter(wanted bigint) returns private.dead_letters
language plpgsql
security definer
set search_path = ''
as $$
declare
  letter private.dead_letters;
begin
  perform private.check_staff();
  letter := private.lock_dead_letter(wanted);
  if letter.resolution = 'retried' then
    return letter;
  elsif letter.resolution is not null then
    perform private.refuse(409, 'dead_letter_resolved', 'This dead letter was given up before.');
  end if;
  perform private.resolve_dead_letter(letter, 'retried');
  if letter.step_key is not null then
    perform private.retry_step(letter);
  else
    update public.emails set status = 'queued', failures = 0
    where id = letter.email_id and status = 'failed';
    perform pgmq.send(letter.queue, letter.message);
    perform private.wake(letter.queue);
  end if;
  select * into letter from private.dead_letters where id = wanted;
  return letter;
end
$$;

-- What giving up means: an order that never got its goods turns back; a refund is then done by hand.
create function private.give_up_step(letter private.dead_letters) returns void
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
  given_up private.order_steps;
begin
  select * into given_up from private.order_steps where key = letter.step_key;
  if given_up.step not in ('charge', 'ship') then
    perform private.refuse(409, 'cannot_give_up',
      'Money is at stake: retry, or settle it at the provider and then retry.');
  end if;
  subject := private.resume_order(letter.order_id);
  if given_up.step = 'charge' then
    update private.order_steps
    set state = 'started', failures = 0, forgiven = starts, leased_until = null
    where key = given_up.key;
    update public.orders
    set ending = 'cancelled', failure_code = 'given_up', failure_message = letter.cause
    where id = subject.id and status = 'placed';
  else
    update private.order_steps set state = 'failed' where key = given_up.key;
    perform private.compensate(subject, 'shipping_failed', 'given_up', letter.cause);
  end if;
end
$$;

create function private.give_up_dead_letter(wanted bigint) returns private.dead_letters
language plpgsql
security definer
set search_path = ''
as $$
declare
  letter private.dead_letters;
begin
  perform private.check_staff();
  letter := private.lock_dead_letter(wanted);
  if letter.resolution = 'given_up' then
    return letter;
  elsif letter.resolution is not null then
    perform private.refuse(409, 'dead_letter_resolved', 'This dead letter was retried before.');
  end if;
  if letter.step_key is not null then
    perform private.give_up_step(letter);
  end if;
  perform private.resolve_dead_letter(letter, 'given_up');
  select * into letter from private.dead_letters where id = wanted;
  return letter;
end
$$;
