-- The verbs of the shop's staff about webhooks: endpoints, their secrets, and sending again.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- The endpoint, locked, for one of the staff.
create function private.endpoint_for_staff(wanted uuid, must_be_active boolean)
returns public.webhook_endpoints
language plpgsql
set search_path = ''
as $$
declare
  endpoint public.webhook_endpoints;
begin
  perform private.check_staff();
  select * into endpoint from public.webhook_endpoints
  where id = wanted and disabled_reason is distinct from 'deleted'
  for no key update;
  if endpoint.id is null then
    perform private.refuse(404, 'webhook_endpoint_not_found', 'There is no such endpoint.');
  elsif must_be_active and not endpoint.active then
    perform private.refuse(409, 'webhook_endpoint_disabled', 'Enable the endpoint first.',
      jsonb_build_object('reason', endpoint.disabled_reason));
  end if;
  return endpoint;
end
$$;

create function private.check_event_types(wanted text[]) returns text[]
language plpgsql stable
set search_path = ''
as $$
declare
  sorted constant text[] := array(select distinct unnest(wanted) as type order by type);
  unknown constant text[] := array(
    select type from unnest(sorted) as type
    where type is distinct from '*' and type not in (select private.webhook_event_types()) or type is null);
begin
  if cardinality(sorted) = 0 or cardinality(unknown) > 0 then
    perform private.refuse(422, 'unknown_event_type', 'Say which events, of those that webhook_event_types lists.',
      jsonb_build_object('event_types', unknown));
  end if;
  return sorted;
end
$$;

create function private.check_description(description text) returns void
language plpgsql
set search_path = ''
as $$
begin
  if not private.is_text(to_jsonb(description), 0, 500) then
    perform private.refuse(422, 'invalid_description', 'A description has 500 characters at most.');
  end if;
end
$$;

create function private.list_webhook_event_types() returns setof text
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return query select private.webhook_event_types();
end
$$;

create function private.create_webhook_endpoint(url text, event_types text[], description text)
returns table (endpoint_id uuid, secret text)
language plpgsql
security definer
set search_path = ''
as $$
declare
  wanted text[];
  created uuid;
begin
  perform private.check_staff();
  perform private.check_webhook_url(url);
  perform private.check_description(description);
  wanted := private.check_event_types(event_types);
  insert into public.webhook_endpoints (url, event_types, description, created_by)
  values (url, wanted, description, auth.uid())
  returning id into created;
  return query select created, private.add_webhook_secret(created);
end
$$;

create function private.update_webhook_endpoint(
  wanted uuid, new_url text, new_event_types text[], new_description text
) returns public.webhook_endpoints
language plpgsql
security definer
set search_path = ''
as $$
declare
  endpoint public.webhook_endpoints := private.endpoint_for_staff(wanted, false);
begin
  new_url := coalesce(new_url, endpoint.url);
  new_description := coalesce(new_description, endpoint.description);
  perform private.check_webhook_url(new_url);
  perform private.check_description(new_description);
  update public.webhook_endpoints
  set url = new_url, description = new_description,
    event_types = private.check_event_types(coalesce(new_event_types, endpoint.event_types))
  where id = wanted
  returning * into endpoint;
  return endpoint;
end
$$;

-- Two secrets at most are live: the one before goes on signing for a while, those before it end now.
create function private.rotate_webhook_secret(wanted uuid, overlap_hours integer) returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  endpoint constant public.webhook_endpoints := private.endpoint_for_staff(wanted, false);
  known constant uuid[] := array(
    select id from private.webhook_secrets where endpoint_id = endpoint.id order by created_at desc);
begin
  if overlap_hours is null or overlap_hours not between 0 and 168 then
    perform private.refuse(422, 'invalid_overlap', 'Two secrets are live for 0 to 168 hours.');
  end if;
  perform private.remove_webhook_secrets(known[case overlap_hours when 0 then 1 else 2 end:]);
  update private.webhook_secrets set expires_at = clock_timestamp() + overlap_hours * interval '1 hour'
  where endpoint_id = endpoint.id;
  return private.add_webhook_secret(endpoint.id);
end
$$;

create function private.set_webhook_endpoint(wanted uuid, enabled boolean) returns public.webhook_endpoints
language plpgsql
security definer
set search_path = ''
as $$
declare
  endpoint public.webhook_endpoints := private.endpoint_for_staff(wanted, false);
begin
  if enabled = endpoint.active then
    return endpoint;
  end if;
  update public.webhook_endpoints
  set active = enabled, disabled_reason = case when not enabled then 'staff' end,
    failures = 0, failing_since = null, failed_attempts = 0, paused_until = null
  where id = wanted
  returning * into endpoint;
  if enabled then
    update public.webhook_deliveries set due_at = now(), failures = 0
    where endpoint_id = wanted and status = 'pending';
    perform private.clear_alarm('webhook', 'webhook endpoint ' || wanted);
    perform private.wake('webhooks');
  end if;
  return endpoint;
end
$$;

create function private.delete_webhook_endpoint(wanted uuid) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  endpoint constant public.webhook_endpoints := private.endpoint_for_staff(wanted, false);
begin
  update public.webhook_endpoints set active = false, disabled_reason = 'deleted' where id = endpoint.id;
  update public.webhook_deliveries set status = 'discarded'
  where endpoint_id = endpoint.id and status = 'pending';
  perform private.remove_webhook_secrets(array(
    select id from private.webhook_secrets where endpoint_id = endpoint.id));
  perform private.clear_alarm('webhook', subject)
  from unnest(array['webhook endpoint ' || wanted, 'webhooks to ' || wanted]) as subject;
end
$$;

-- The endpoint of a delivery, locked before it.
create function private.delivery_for_staff(wanted bigint, must_be_active boolean)
returns public.webhook_deliveries
language plpgsql
set search_path = ''
as $$
declare
  delivery public.webhook_deliveries;
begin
  perform private.check_staff();
  select * into delivery from public.webhook_deliveries where id = wanted;
  if delivery.id is null then
    perform private.refuse(404, 'webhook_delivery_not_found', 'There is no such delivery.');
  end if;
  perform private.endpoint_for_staff(delivery.endpoint_id, must_be_active);
  return delivery;
end
$$;

-- Due at once, as if it had never been tried; one that is on its way stays so.
create function private.send_again(wanted bigint[]) returns integer
language plpgsql
set search_path = ''
as $$
declare
  many integer;
begin
  update public.webhook_deliveries
  set status = 'pending', due_at = now(), failures = 0, delivered_at = null
  where id = any (wanted) and status <> 'delivering';
  get diagnostics many = row_count;
  perform private.wake('webhooks');
  return many;
end
$$;

create function private.redeliver_webhook(wanted bigint) returns public.webhook_deliveries
language plpgsql
security definer
set search_path = ''
as $$
declare
  delivery public.webhook_deliveries := private.delivery_for_staff(wanted, true);
begin
  perform private.send_again(array[wanted]);
  select * into delivery from public.webhook_deliveries where id = wanted;
  return delivery;
end
$$;

create function private.redeliver_webhooks(wanted uuid, since timestamptz, until timestamptz, only_failed boolean)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  endpoint constant public.webhook_endpoints := private.endpoint_for_staff(wanted, true);
begin
  return private.send_again(array(
    select id from public.webhook_deliveries
    where endpoint_id = endpoint.id and created_at between since and coalesce(until, 'infinity')
      and status in ('failed', case when not only_failed then 'delivered' end)));
end
$$;

create function private.discard_webhook(wanted bigint) returns public.webhook_deliveries
language plpgsql
security definer
set search_path = ''
as $$
declare
  delivery public.webhook_deliveries := private.delivery_for_staff(wanted, false);
begin
  update public.webhook_deliveries set status = 'discarded' where id = wanted and status = 'pending';
  if found then
    update public.webhook_deliveries set due_at = least(due_at, now())
    where endpoint_id = delivery.endpoint_id and order_id = delivery.order_id
      and version > delivery.version and status = 'pending';
  end if;
  perform private.wake('webhooks');
  select * into delivery from public.webhook_deliveries where id = wanted;
  return delivery;
end
$$;

create function private.test_webhook_endpoint(wanted uuid) returns public.webhook_deliveries
language plpgsql
security definer
set search_path = ''
as $$
declare
  endpoint constant public.webhook_endpoints := private.endpoint_for_staff(wanted, true);
  delivery public.webhook_deliveries;
begin
  insert into public.webhook_deliveries (webhook_id, endpoint_id, type, payload)
  values (
    'msg_' || replace(gen_random_uuid()::text, '-', ''), endpoint.id, 'webhook.test', jsonb_build_object(
      'type', 'webhook.test', 'timestamp', private.rfc3339(clock_timestamp()),
      'data', jsonb_build_object('endpoint_id', endpoint.id)))
  returning * into delivery;
  perform private.wake('webhooks');
  return delivery;
end
$$;

create function private.feed_position(written text, out xid xid8, out id bigint)
language plpgsql immutable
set search_path = ''
as $$
begin
  if written is null or written !~ '^\d{1,19}-\d{1,18}$' then
    perform private.refuse(422, 'invalid_position', 'This is not a position of the feed.');
  end if;
  xid := split_part(written, '-', 1)::xid8;
  id := split_part(written, '-', 2)::bigint;
end
$$;

create function private.replay_webhooks(wanted uuid, after text, until text) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  endpoint constant public.webhook_endpoints := private.endpoint_for_staff(wanted, true);
  begins constant record := private.feed_position(after);
  ends constant record := private.feed_position(coalesce(until, '9223372036854775807-0'));
  events constant bigint[] := array(
    select event.id from public.order_events as event
    where (event.xid, event.id) > (begins.xid, begins.id) and (event.xid, event.id) <= (ends.xid, ends.id)
      and event.xid < pg_snapshot_xmin(pg_current_snapshot())
      and endpoint.event_types && array['*', event.type]
      and event.type in (select private.webhook_event_types())
    order by event.xid, event.id
    limit 10001);
begin
  if cardinality(events) > 10000 then
    perform private.refuse(422, 'range_too_large', 'Replay at most 10000 events at a time: say until where.');
  end if;
  insert into public.webhook_deliveries
    (webhook_id, endpoint_id, event_id, order_id, version, type, payload, due_at)
  select * from private.draft_deliveries(events, endpoint.id)
  on conflict on constraint webhook_deliveries_endpoint_id_webhook_id_key do nothing;
  return private.send_again(array(
    select id from public.webhook_deliveries where endpoint_id = endpoint.id and event_id = any (events)));
end
$$;

create function public.create_webhook_endpoint(url text, event_types text[], description text default '')
returns table (endpoint_id uuid, secret text)
language sql set search_path = ''
as $$ select * from private.create_webhook_endpoint(url, event_types, description) $$;
comment on function public.create_webhook_endpoint(text, text[], text) is
'Staff: register who is told of events. event_types: see webhook_event_types; "*" is all. The secret is shown
this once. Refusals: staff_only, invalid_webhook_url, unknown_event_type, invalid_description.';

create function public.update_webhook_endpoint(
  endpoint_id uuid, url text default null, event_types text[] default null, description text default null
) returns public.webhook_endpoints
language sql set search_path = ''
as $$ select private.update_webhook_endpoint(endpoint_id, url, event_types, description) $$;
comment on function public.update_webhook_endpoint(uuid, text, text[], text) is
'Staff: change an endpoint; what is null stays. Deliveries that wait go to the new address.
Refusals: as create_webhook_endpoint; webhook_endpoint_not_found.';

create function public.rotate_webhook_secret(endpoint_id uuid, overlap_hours integer default 24) returns text
language sql set search_path = ''
as $$ select private.rotate_webhook_secret(endpoint_id, overlap_hours) $$;
comment on function public.rotate_webhook_secret(uuid, integer) is
'Staff: a new secret, shown this once. The one before signs too, for overlap_hours (0 to 168).
Refusals: staff_only, webhook_endpoint_not_found, invalid_overlap.';

create function public.enable_webhook_endpoint(endpoint_id uuid) returns public.webhook_endpoints
language sql set search_path = ''
as $$ select private.set_webhook_endpoint(endpoint_id, true) $$;
comment on function public.enable_webhook_endpoint(uuid) is
'Staff: send again; what waits is due at once. Events of the time in between: see replay_webhooks.
Refusals: staff_only, webhook_endpoint_not_found.';

create function public.disable_webhook_endpoint(endpoint_id uuid) returns public.webhook_endpoints
language sql set search_path = ''
as $$ select private.set_webhook_endpoint(endpoint_id, false) $$;
comment on function public.disable_webhook_endpoint(uuid) is
'Staff: send nothing; what waits goes on waiting. Refusals: staff_only, webhook_endpoint_not_found.';

create function public.delete_webhook_endpoint(endpoint_id uuid) returns void
language sql set search_path = ''
as $$ select private.delete_webhook_endpoint(endpoint_id) $$;
comment on function public.delete_webhook_endpoint(uuid) is
'Staff: send nothing any more, and forget its secrets. Its deliveries stay for a month.
Refusals: staff_only, webhook_endpoint_not_found.';

create function public.redeliver_webhook(delivery_id bigint) returns public.webhook_deliveries
language sql set search_path = ''
as $$ select private.redeliver_webhook(delivery_id) $$;
comment on function public.redeliver_webhook(bigint) is
'Staff: deliver once more, with the same webhook-id and content.
Refusals: staff_only, webhook_delivery_not_found, webhook_endpoint_not_found, webhook_endpoint_disabled.';

create function public.redeliver_webhooks(
  endpoint_id uuid, since timestamptz, until timestamptz default null, only_failed boolean default true
) returns integer
language sql set search_path = ''
as $$ select private.redeliver_webhooks(endpoint_id, since, until, only_failed) $$;
comment on function public.redeliver_webhooks(uuid, timestamptz, timestamptz, boolean) is
'Staff: deliver once more what failed, or everything, of a time range; how many.
Refusals: staff_only, webhook_endpoint_not_found, webhook_endpoint_disabled.';

create function public.discard_webhook(delivery_id bigint) returns public.webhook_deliveries
language sql set search_path = ''
as $$ select private.discard_webhook(delivery_id) $$;
comment on function public.discard_webhook(bigint) is
'Staff: give up a delivery that waits, so that the next of its order goes out.
Refusals: staff_only, webhook_delivery_not_found, webhook_endpoint_not_found.';

create function public.test_webhook_endpoint(endpoint_id uuid) returns public.webhook_deliveries
language sql set search_path = ''
as $$ select private.test_webhook_endpoint(endpoint_id) $$;
comment on function public.test_webhook_endpoint(uuid) is
'Staff: send the event webhook.test. Refusals: staff_only, webhook_endpoint_not_found,
webhook_endpoint_disabled.';

create function public.replay_webhooks(endpoint_id uuid, after text, until text default null) returns integer
language sql set search_path = ''
as $$ select private.replay_webhooks(endpoint_id, after, until) $$;
comment on function public.replay_webhooks(uuid, text, text) is
'Staff: deliver all events after a position of the feed, up to and with another, whether they were delivered or
not; how many. Each has the webhook-id that it always has. At most 10000.
Refusals: staff_only, webhook_endpoint_not_found, webhook_endpoint_disabled, invalid_position,
range_too_large.';

create function public.webhook_event_types() returns setof text
language sql stable set search_path = ''
as $$ select private.list_webhook_event_types() $$;
comment on function public.webhook_event_types() is
'Staff: the events that endpoints can be told of. Refusals: staff_only.';

do $$
declare
  verb regprocedure;
begin
  foreach verb in array array[
    'private.create_webhook_endpoint(text, text[], text)', 'public.create_webhook_endpoint(text, text[], text)',
    'private.update_webhook_endpoint(uuid, text, text[], text)',
    'public.update_webhook_endpoint(uuid, text, text[], text)',
    'private.rotate_webhook_secret(uuid, integer)', 'public.rotate_webhook_secret(uuid, integer)',
    'private.set_webhook_endpoint(uuid, boolean)',
    'public.enable_webhook_endpoint(uuid)', 'public.disable_webhook_endpoint(uuid)',
    'private.delete_webhook_endpoint(uuid)', 'public.delete_webhook_endpoint(uuid)',
    'private.redeliver_webhook(bigint)', 'public.redeliver_webhook(bigint)',
    'private.redeliver_webhooks(uuid, timestamptz, timestamptz, boolean)',
    'public.redeliver_webhooks(uuid, timestamptz, timestamptz, boolean)',
    'private.discard_webhook(bigint)', 'public.discard_webhook(bigint)',
    'private.test_webhook_endpoint(uuid)', 'public.test_webhook_endpoint(uuid)',
    'private.replay_webhooks(uuid, text, text)', 'public.replay_webhooks(uuid, text, text)',
    'private.list_webhook_event_types()', 'public.webhook_event_types()'
  ]::regprocedure[]
  loop
    execute format('grant execute on function %s to authenticated, service_role', verb);
  end loop;
end
$$;
