-- Events become deliveries, and deliveries are handed out: in the order of each order's events, and so that no
-- endpoint keeps the places of others.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.expand(messages pgmq.message_record[]) returns void
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  read pgmq.message_record;
  known bigint[] := '{}';
  events bigint[] := '{}';
  images jsonb[] := '{}';
  event bigint;
begin
  foreach read in array messages
  loop
    if read.message ->> 'type' = 'image.processed' and read.message ->> 'image_id' is not null then
      known := known || read.msg_id;
      images := images || read.message;
      continue;
    end if;
    select id into event from public.order_events
    where id = substring(read.message ->> 'event_id' from '^\d{1,18}$')::bigint;
    if event is null then
      perform private.bury('webhooks', read.msg_id, read.message, 'unknown_event',
        'No webhook tells of this event.', read.read_ct);
    else
      known := known || read.msg_id;
      events := events || event;
    end if;
  end loop;
  insert into public.webhook_deliveries
    (webhook_id, endpoint_id, event_id, order_id, version, type, payload, due_at)
  select * from private.draft_deliveries(events, null)
  on conflict on constraint webhook_deliveries_endpoint_id_webhook_id_key do nothing;
  perform private.tell_of_images(images);
  if cardinality(known) > 0 then
    perform pgmq.delete('webhooks', known);
  end if;
end
$$;

create function private.expand_or_bury(read pgmq.message_record) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.expand(array[read]);
exception
  when others then
    perform private.bury('webhooks', read.msg_id, read.message, 'unexpected_error', sqlerrm, read.read_ct);
end
$$;

-- Messages become deliveries in the order in which they lie in the queue, and only one claim at a time does
-- this: so when a delivery is there, those of earlier events of its order are there. A message that cannot
-- become one is put aside, so that it holds up no other.
create function private.expand_messages(looks_again numeric) returns integer
language plpgsql
set search_path = ''
as $$
declare
  messages pgmq.message_record [];
  read pgmq.message_record;
begin
  messages := array(select taken from private.take_messages('webhooks', 100, looks_again) as taken);
  begin
    perform private.expand(messages);
  exception
    when others then
      foreach read in array messages
      loop
        perform private.expand_or_bury(read);
      end loop;
  end;
  return cardinality(messages);
end
$$;

create function private.tell_of_images(messages jsonb[]) returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.webhook_deliveries (webhook_id, endpoint_id, type, payload)
  select 'msg_' || replace(message ->> 'id', '-', ''), endpoint.id, 'image.processed', payload
  from unnest(messages) as message
  cross join lateral private.image_webhook_payload(message) as payload
  join public.webhook_endpoints as endpoint
    on endpoint.active and endpoint.event_types && array['*', 'image.processed']
  where payload is not null
  on conflict on constraint webhook_deliveries_endpoint_id_webhook_id_key do nothing;
end
$$;

-- What endpoints are to be told of events: of all that are active, or of one. Its webhook_id is said by the
-- order and its version, and so is the same for ever, and in no other shop. None is due before those of its
-- order that wait already.
create function private.draft_deliveries(events bigint[], wanted uuid)
returns table (
  webhook_id text, endpoint_id uuid, event_id bigint, order_id uuid, version integer, type text, payload jsonb,
  due_at timestamptz
)
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    with told as materialized (
      select event.id, event.order_id, event.version, event.type, private.webhook_payload(event) as payload
      from public.order_events as event
      where event.id = any (events) and exists (
        select from public.webhook_endpoints as endpoint
        where endpoint.active and endpoint.event_types && array['*', event.type]))
    select
      'msg_' || replace(told.order_id::text, '-', '') || '_' || told.version, endpoint.id, told.id,
      told.order_id, told.version, told.type, told.payload, greatest(now(), (
        select max(waiting.due_at) from public.webhook_deliveries as waiting
        where waiting.endpoint_id = endpoint.id and waiting.order_id = told.order_id
          and waiting.version < told.version and waiting.status = 'pending'))
    from told
    join public.webhook_endpoints as endpoint
      on endpoint.active and endpoint.event_types && array['*', told.type]
        and endpoint.id = coalesce(wanted, endpoint.id)
    order by told.id;
end
$$;

create function private.open_endpoints() returns table (id uuid, free integer)
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    select
      endpoint.id,
      (case endpoint.failures when 0 then 4 else 1 end - (
        select count(*) from public.webhook_deliveries as delivery
        where delivery.endpoint_id = endpoint.id and delivery.status = 'delivering'))::integer
    from public.webhook_endpoints as endpoint
    where endpoint.active and coalesce(endpoint.paused_until <= clock_timestamp(), true);
end
$$;
comment on function private.open_endpoints() is
'Endpoints that may be called, and how many deliveries each takes: 4 at a time, so that a slow one does not
keep the places of others; 1 while it fails, which is its trial.';

create function private.due_deliveries(endpoint uuid, most integer) returns setof bigint
language plpgsql stable
set search_path = ''
as $$
declare
  moment constant timestamptz := clock_timestamp();
begin
  return query
    select delivery.id
    from public.webhook_deliveries as delivery
    where delivery.endpoint_id = endpoint and delivery.status = 'pending' and delivery.due_at <= moment
      and not exists (
        select from public.webhook_deliveries as earlier
        where earlier.endpoint_id = endpoint and earlier.order_id = delivery.order_id
          and earlier.version < delivery.version and earlier.status in ('pending', 'delivering'))
    order by delivery.due_at, delivery.id
    limit greatest(most, 0);
end
$$;
comment on function private.due_deliveries(uuid, integer) is
'Those of an endpoint whose time has come and whose order has none before them, the first due first.';

-- Those behind a delivery cannot go out before it: were they due, each claim would read all of them in vain.
create function private.put_off_followers(delivery public.webhook_deliveries) returns void
language sql
set search_path = ''
as $$
  update public.webhook_deliveries
  set due_at = delivery.due_at
  where endpoint_id = delivery.endpoint_id and order_id = delivery.order_id
    and version > delivery.version and status = 'pending' and due_at < delivery.due_at
$$;

create function private.lease_deliveries(wanted integer, policy private.queues)
returns setof public.webhook_deliveries
language plpgsql
set search_path = ''
as $$
declare
  due constant bigint[] := array(
    select next.id
    from private.open_endpoints() as endpoint
    cross join lateral private.due_deliveries(endpoint.id, endpoint.free) with ordinality as next (id, turn)
    order by next.turn, next.id
    limit greatest(0, least(wanted, policy.batch_size)));
begin
  return query
    update public.webhook_deliveries as delivery
    set status = 'delivering', starts = delivery.starts + 1,
      leased_until = clock_timestamp() + policy.lease_seconds * interval '1 second'
    where delivery.id in (
      select free.id from public.webhook_deliveries as free
      where free.id = any (due) and free.status = 'pending'
      order by free.id
      for update skip locked)
    returning delivery.*;
end
$$;

-- Deliveries whose worker has died: the attempt may or may not have come through, so it is made again. Those
-- whose endpoint somebody is at work on are left to the next claim.
create function private.take_back_lost_deliveries(policy private.queues) returns void
language plpgsql
set search_path = ''
as $$
declare
  lost public.webhook_deliveries;
begin
  for lost in
    select delivery.*
    from public.webhook_deliveries as delivery
    join public.webhook_endpoints as endpoint on endpoint.id = delivery.endpoint_id
    where delivery.status = 'delivering' and delivery.leased_until < clock_timestamp()
    order by delivery.id
    for no key update of endpoint skip locked
    for update of delivery skip locked
  loop
    perform private.note_attempt(lost, null, 'no_result');
    perform private.delivery_failed(lost, 'no_result', null, policy);
  end loop;
end
$$;

create function engine.claim_webhooks(wanted integer default 40, looks_again numeric default 0)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  policy private.queues;
begin
  select * into policy from private.queues where name = 'webhooks';
  perform pg_advisory_xact_lock(hashtextextended('claim webhooks', 0));
  for turn in 1..20
  loop
    exit when private.expand_messages(looks_again) < policy.batch_size;
  end loop;
  perform private.take_back_lost_deliveries(policy);
  return query
    with leased as materialized (select * from private.lease_deliveries(wanted, policy)),
    secret as materialized (
      select called.endpoint_id, to_jsonb(private.webhook_secrets_of(called.endpoint_id)) as secrets
      from (select distinct endpoint_id from leased) as called)
    select jsonb_build_object(
      'message_id', delivery.id, 'starts', delivery.starts, 'webhook_id', delivery.webhook_id,
      'endpoint_id', endpoint.id, 'order_id', delivery.order_id, 'type', delivery.type,
      'url', endpoint.url, 'body', delivery.payload::text, 'secrets', secret.secrets)
    from leased as delivery
    join public.webhook_endpoints as endpoint on endpoint.id = delivery.endpoint_id
    join secret on secret.endpoint_id = endpoint.id
    order by delivery.id;
end
$$;
comment on function engine.claim_webhooks(integer, numeric) is
'Turns messages into deliveries and takes due ones under a lease, at most `wanted`. looks_again: see
claim_orders. Each row: message_id (of the delivery), starts, webhook_id, endpoint_id, order_id, type, url, body
(send just this text), secrets (each signs; the newest first).';

create or replace function private.has_due_work(queue text) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return queue = 'webhooks' and (
    exists (
      select from public.webhook_deliveries
      where status = 'delivering' and leased_until < clock_timestamp())
    or exists (
      select from private.open_endpoints() as endpoint
      cross join lateral private.due_deliveries(endpoint.id, least(endpoint.free, 1))));
end
$$;

grant execute on function engine.claim_webhooks(integer, numeric) to service_role;
