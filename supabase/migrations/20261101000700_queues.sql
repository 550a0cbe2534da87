-- Queues: which events go where, how a queue is worked off, and the hints that wake a worker.
-- The queue is the truth; a wake-up may be lost or doubled, and the sweeper needs none.
set lock_timeout = '5s';
set statement_timeout = '60s';

select pgmq.create('orders');
select pgmq.create('emails');

create table private.queues (
  name text primary key,
  path text not null check (path like '/%'),
  batch_size integer not null default 10 check (batch_size between 1 and 100),
  lease_seconds integer not null default 60 check (lease_seconds between 1 and 43200)
);
comment on table private.queues is
'Policy of each queue: the function''s path that a wake-up calls, messages per claim, lease.';
insert into private.queues (name, path) values
('orders', '/orders/wake'),
('emails', '/emails/wake');

create table private.event_routes (
  event_type text not null,
  queue text not null references private.queues (name),
  primary key (event_type, queue)
);
comment on table private.event_routes is 'Fan-out: each event goes to each of its queues once.';
create index event_routes_queue_idx on private.event_routes (queue);
insert into private.event_routes (event_type, queue) values
('order.placed', 'orders'),
('order.paid', 'orders'),
('order.paid', 'emails'),
('order.shipped', 'emails'),
('order.payment_failed', 'emails'),
('order.cancelled', 'emails');

create table private.dead_letters (
  id bigint generated always as identity primary key,
  queue text not null references private.queues (name),
  message_id bigint not null,
  message jsonb not null,
  reason text not null,
  created_at timestamptz not null default now(),
  unique (queue, message_id)
);
comment on table private.dead_letters is 'Messages that no retry can help, with the reason.';

alter table private.queues enable row level security;
alter table private.event_routes enable row level security;
alter table private.dead_letters enable row level security;

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

-- Definer: reads the Vault and writes to pg_net. A hint must never fail the order that it follows,
-- and one hint that waits to be sent is enough.
create function private.wake(queue text) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  address text;
  id text := 'wake_' || gen_random_uuid();
  sent_at bigint := extract(epoch from clock_timestamp());
  body jsonb := jsonb_build_object('queue', queue);
  secret text;
begin
  select private.secret('functions_url') || path into address
  from private.queues
  where name = queue;
  if address is null
    or exists (select from net.http_request_queue as waiting where waiting.url = address)
  then
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
exception
  when others then
    raise warning 'wake-up of % failed: %', queue, sqlerrm;
end
$$;

create function private.sweep() returns void
language plpgsql
set search_path = ''
as $$
declare
  queue text;
begin
  for queue in select name from private.queues
  loop
    if (select queue_length from pgmq.metrics(queue)) > 0 then
      perform private.wake(queue);
    end if;
  end loop;
end
$$;
comment on function private.sweep() is 'Wakes every queue that holds messages, due or not.';
select cron.schedule('orderbase-sweep', '10 seconds', 'select private.sweep()');

-- Writes an event of an order whose row the caller has locked, and sends it to its queues.
create function private.record_event(
  subject public.orders, event_type text, event_data jsonb default '{}'
) returns public.order_events
language plpgsql
set search_path = ''
as $$
declare
  event public.order_events;
  target text;
begin
  insert into public.order_events (order_id, user_id, type, status, version, data)
  values (subject.id, subject.user_id, event_type, subject.status, subject.version, event_data)
  returning * into event;
  if exists (
    select from public.order_events
    where order_id = event.order_id and version = event.version - 1 and xid > event.xid
  ) then
    raise exception 'order % was not locked before writing', event.order_id
      using errcode = 'serialization_failure';
  end if;
  for target in select queue from private.event_routes where event_routes.event_type = event.type
  loop
    perform pgmq.send(
      target, jsonb_build_object('event_id', event.id, 'order_id', event.order_id, 'type', event.type)
    );
    perform private.wake(target);
  end loop;
  return event;
end
$$;

create function private.bury(queue text, message_id bigint, message jsonb, reason text) returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.dead_letters (queue, message_id, message, reason)
  values (queue, message_id, message, reason)
  on conflict do nothing;
  perform pgmq.archive(queue, message_id);
end
$$;
comment on function private.bury(text, bigint, jsonb, text) is
'Move a message out of the queue, keeping it and the reason.';

-- True while the caller still owns the message: nobody has read it since (`reads` counts them), and
-- its row is locked until the transaction ends.
create function private.owns_message(queue text, message_id bigint, reads integer) returns boolean
language sql
set search_path = ''
as $$
  select coalesce(
    (select read_ct = reads from pgmq.set_vt(queue, message_id, 30)), false)
$$;

create function private.retry_delay(failures integer) returns integer
language sql immutable
set search_path = ''
as $$
  select (array[2, 30, 120, 600, 3600])[least(failures, 5)]
$$;
comment on function private.retry_delay(integer) is 'Seconds until the next try, after so many failures.';
