-- Queues: which events go where, how a queue is worked off, and the hints that wake a worker.
-- Outbox and queues are the truth; a wake-up may be lost or doubled, and the sweeper needs none.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.queues (
  name text primary key,
  path text not null check (path like '/%'),
  active boolean not null default true,
  batch_size integer not null default 10 check (batch_size between 1 and 100),
  window_seconds numeric not null default 0 check (window_seconds between 0 and 300),
  lease_seconds integer not null default 60 check (lease_seconds between 1 and 43200),
  attempts integer not null default 3 check (attempts between 1 and 20),
  max_starts integer not null default 20 check (max_starts between 1 and 1000),
  retry_seconds integer[] not null default '{30,120,600,3600}' check (cardinality(retry_seconds) > 0),
  retention interval not null default '14 days',
  oldest_message interval not null default '15 minutes'
);
comment on table private.queues is
'Policy of each queue. path: the function that a wake-up calls. active: false until a function consumes
it; nothing is sent to it meanwhile. batch_size: messages per claim, at most. window_seconds: how long a
worker waits for a fuller batch. attempts: failed deliveries until a message is a dead letter.
max_starts: deliveries, however they ended, for messages that kill their worker. retry_seconds: pause
after the first, second, … failure. retention: of dead letters that were dealt with.
oldest_message: an alarm is raised when one waits longer.';
insert into private.queues (name, path, attempts, batch_size) values
('orders', '/orders/wake', 5, 40),
('emails', '/emails/wake', 5, 20);
insert into private.queues (name, path, attempts, batch_size, window_seconds) values
('analytics', '/analytics/wake', 5, 100, 1);
insert into private.queues (name, path, attempts, batch_size, retry_seconds) values
('webhooks', '/webhooks/wake', 10, 40, '{5,300,1800,7200,18000,36000,50400,72000,86400}');

-- A queue's table loses a row for each that it gets: vacuum must keep up, whatever its size.
create function private.create_queue(queue text) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pgmq.create(queue);
  execute format(
    'alter table pgmq.%I set (fillfactor = 70, autovacuum_vacuum_threshold = 1000,
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0,
      autovacuum_analyze_threshold = 10000, autovacuum_analyze_scale_factor = 0)',
    'q_' || queue);
end
$$;
select private.create_queue(name) from private.queues;

create table private.event_routes (
  event_type text not null,
  queue text not null references private.queues (name),
  primary key (event_type, queue)
);
comment on table private.event_routes is 'Fan-out: each event goes to each of its queues once.';
create index event_routes_queue_idx on private.event_routes (queue);
insert into private.event_routes (event_type, queue)
select
  event_type,
  unnest(targets::text[])
from (
  values
  ('order.placed', '{orders,analytics,webhooks}'),
  ('order.payment_action_required', '{emails,webhooks}'),
  ('order.payment_changed', '{orders}'),
  ('order.confirmation_expired', '{orders,analytics}'),
  ('order.paid', '{orders,emails,analytics,webhooks}'),
  ('order.payment_captured', '{analytics,webhooks}'),
  ('order.payment_failed', '{emails,analytics,webhooks}'),
  ('order.shipped', '{orders,emails,analytics,webhooks}'),
  ('order.delivered', '{analytics,webhooks}'),
  ('order.completed', '{analytics,webhooks}'),
  ('order.cancel_requested', '{orders}'),
  ('order.refund_due', '{orders}'),
  ('order.refund_completed', '{orders,emails,analytics,webhooks}'),
  ('order.cancelled', '{emails,analytics,webhooks}'),
  ('order.out_of_stock', '{emails,analytics,webhooks}'),
  ('order.shipping_failed', '{emails,analytics,webhooks}'),
  ('order.refunded', '{analytics,webhooks}'),
  ('order.needs_attention', '{analytics,webhooks}'),
  ('order.resumed', '{orders,analytics,webhooks}'),
  ('user.created', '{emails,analytics}'),
  ('alarm.raised', '{emails}'),
  ('email.resend', '{emails}')
) as route (event_type, targets);

create table private.outbox (
  id bigint generated always as identity primary key,
  type text not null,
  subject jsonb not null
)
with (
  fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_cost_delay = 0
);
comment on table private.outbox is
'Events that are committed and not yet in their queues: written in the event''s own transaction.';

create unlogged table private.drains (
  queue text primary key references private.queues (name),
  until timestamptz not null
)
with (fillfactor = 50);
comment on table private.drains is
'A worker has promised to look at its queue again until then, so that it needs no wake-up.';

alter table private.queues enable row level security;
alter table private.event_routes enable row level security;
alter table private.outbox enable row level security;
alter table private.drains enable row level security;

create function private.secret(secret_name text) returns text
language sql stable
set search_path = ''
as $$
  select decrypted_secret from vault.decrypted_secrets where name = secret_name
$$;
comment on function private.secret(text) is 'A value of the Vault: functions_url, webhook_secret.';

create function private.set_secret(secret_name text, secret text) returns void
language plpgsql
set search_path = ''
as $$
declare
  known uuid := (select id from vault.secrets where name = secret_name);
begin
  if known is null then
    perform vault.create_secret(secret, secret_name);
  else
    perform vault.update_secret(known, secret);
  end if;
end
$$;
comment on function private.set_secret(text, text) is 'Called at deployment, by postgres.';

-- The signature is that of Standard Webhooks 1.0; the key never leaves the database.
create function private.sign_webhook(id text, sent_at bigint, body text, secret text) returns text
language sql immutable
set search_path = ''
as $$
  select 'v1,' || encode(
    extensions.hmac(id || '.' || sent_at || '.' || body, secret, 'sha256'), 'base64')
$$;

create function private.post_to_functions(path text, id text, body jsonb) returns void
language plpgsql
set search_path = ''
as $$
declare
  address constant text := private.secret('functions_url') || path;
  sent_at constant bigint := extract(epoch from clock_timestamp());
  secret text;
begin
  if address is null then
    return;
  end if;
  secret := private.secret('webhook_secret');
  if secret is null then
    raise exception 'the Vault has no webhook_secret';
  end if;
  perform net.http_post(
    url := address,
    body := body,
    headers := jsonb_build_object(
      'Content-Type', 'application/json',
      'webhook-id', id,
      'webhook-timestamp', sent_at::text,
      'webhook-signature',
      private.sign_webhook(id, sent_at, body::text, secret)
    ),
    timeout_milliseconds := 5000
  );
end
$$;
comment on function private.post_to_functions(text, text, jsonb) is
'Sends a signed hint after the commit, if the Vault says where the functions are. It may be lost.';

create function private.send_wake_up(queue text) returns void
language plpgsql
set search_path = ''
as $$
declare
  called constant text := (select path from private.queues where name = queue and active);
begin
  if called is null
    or exists (select from net.http_request_queue as waiting where waiting.url like '%' || called)
  then
    return;
  end if;
  perform private.post_to_functions(called, 'wake_' || gen_random_uuid(), jsonb_build_object('queue', queue));
end
$$;

-- Definer: reads the Vault and writes to pg_net. A hint must never fail the order that it follows, and
-- nobody needs one who has promised to look again, or whose last one still waits to be sent.
create function private.wake(queue text) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (
    select from private.drains
    where drains.queue = wake.queue and until > clock_timestamp() + interval '0.5 seconds'
  ) then
    return;
  end if;
  begin
    perform private.send_wake_up(queue);
  exception
    when others then
      raise warning 'wake-up of % failed: %', queue, sqlerrm;
  end;
end
$$;

-- Moves events from the outbox into their queues. One at a time does it, so that the events of an
-- order keep their order; who comes meanwhile leaves it to them.
create function private.route_events(reader text default null) returns void
language plpgsql
set search_path = ''
as $$
declare
  target record;
begin
  if not exists (select from private.outbox)
    or not pg_try_advisory_xact_lock(hashtextextended('route events', 0))
  then
    return;
  end if;
  for target in
    with taken as (
      delete from private.outbox
      where id in (select id from private.outbox order by id limit 1000)
      returning *
    )
    select route.queue, array_agg(taken.subject || jsonb_build_object('type', taken.type) order by taken.id)
      as messages
    from taken
    join private.event_routes as route on route.event_type = taken.type
    join private.queues as policy on policy.name = route.queue and policy.active
    group by route.queue
  loop
    perform pgmq.send_batch(target.queue, target.messages);
    if target.queue is distinct from reader then
      perform private.wake(target.queue);
    end if;
  end loop;
end
$$;
comment on function private.route_events(text) is
'Called by whoever reads a queue, and by the sweeper. reader: the queue that is read next, which needs
no wake-up.';

-- Due messages of a queue, leased to the caller. looks_again: seconds for which the caller promises to
-- look again.
create function private.take_messages(queue text, wanted integer, looks_again numeric)
returns setof pgmq.message_record
language plpgsql
set search_path = ''
as $$
declare
  policy private.queues;
  promised constant timestamptz := clock_timestamp() + looks_again * interval '1 second';
begin
  select * into policy from private.queues where name = queue;
  if not exists (
    select from private.drains
    where drains.queue = take_messages.queue and until > promised - interval '1 second'
  ) then
    insert into private.drains as known (queue, until) values (take_messages.queue, promised)
    on conflict on constraint drains_pkey do update set until = excluded.until;
  end if;
  perform private.route_events(queue);
  return query
    select * from pgmq.read(queue, policy.lease_seconds, least(wanted, policy.batch_size));
end
$$;

create function private.has_due_work(queue text) returns boolean
language sql stable
set search_path = ''
as $$
  select false
$$;
comment on function private.has_due_work(text) is
'Whether a queue has something to do although no message says so. Replaced where some has.';

create function private.sweep() returns void
language plpgsql
set search_path = ''
as $$
declare
  queue text;
begin
  perform private.route_events();
  for queue in select name from private.queues where active
  loop
    if (select queue_length from pgmq.metrics(queue)) > 0 or private.has_due_work(queue) then
      perform private.wake(queue);
    end if;
  end loop;
end
$$;
comment on function private.sweep() is
'Routes what waits in the outbox and wakes every queue that holds messages, due or not, or other due work.';
select cron.schedule('orderbase-sweep', '10 seconds', 'select private.sweep()');

-- Writes an event of an order whose row the caller has locked, and puts it into the outbox.
create function private.record_event(
  subject public.orders, event_type text, event_data jsonb default '{}'
) returns public.order_events
language plpgsql
set search_path = ''
as $$
declare
  event public.order_events;
begin
  insert into public.order_events (order_id, user_id, type, status, version, data, actor, traceparent)
  values (
    subject.id, subject.user_id, event_type, subject.status, subject.version, event_data,
    auth.uid(), subject.traceparent)
  returning * into event;
  if event.version > 1 and exists (
    select from public.order_events
    where order_id = event.order_id and version = event.version - 1 and xid > event.xid
  ) then
    raise exception 'order % was not locked before writing', event.order_id
      using errcode = 'serialization_failure';
  end if;
  insert into private.outbox (type, subject)
  values (event.type, jsonb_build_object('event_id', event.id, 'order_id', event.order_id));
  perform private.wake('orders');
  return event;
end
$$;

create function private.retry_delay(policy private.queues, failures integer) returns integer
language sql immutable
set search_path = ''
as $$
  select policy.retry_seconds[least(greatest(failures, 1), cardinality(policy.retry_seconds))]
$$;
comment on function private.retry_delay(private.queues, integer) is
'Seconds until the next delivery, after so many failed ones.';

create function private.attempts_of(policy private.queues, outcome text) returns integer
language sql immutable
set search_path = ''
as $$
  select case outcome when 'broken' then least(3, policy.attempts) else policy.attempts end
$$;
comment on function private.attempts_of(private.queues, text) is
'Failed deliveries until a message is a dead letter: an error that nobody foresaw is rarely cured by time.';
