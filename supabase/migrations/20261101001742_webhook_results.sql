-- What becomes of deliveries, and of endpoints that do not take them.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- Leaves an endpoint alone until the staff have looked at it; what it has not got yet waits.
create function private.disable_endpoint(endpoint uuid, reason text) returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.webhook_endpoints set active = false, disabled_reason = reason
  where id = endpoint and active;
  if found then
    perform private.raise_alarm('webhook', 'webhook endpoint ' || endpoint, jsonb_build_object(
      'endpoint_id', endpoint, 'reason', reason));
  end if;
end
$$;

create function private.endpoint_failed(endpoint uuid, trouble boolean, retry_after numeric) returns void
language plpgsql
set search_path = ''
as $$
declare
  failed public.webhook_endpoints;
  seconds numeric := coalesce(retry_after, 0);
begin
  update public.webhook_endpoints
  set failures = failures + trouble::integer,
    failing_since = coalesce(failing_since, clock_timestamp()), failed_attempts = failed_attempts + 1
  where id = endpoint
  returning * into failed;
  if failed.failing_since < clock_timestamp() - interval '5 days' and failed.failed_attempts >= 10 then
    perform private.disable_endpoint(endpoint, 'failing');
  end if;
  if trouble and failed.failures >= 5 then
    seconds := greatest(seconds, least(900, 10 * 2 ^ least(failed.failures - 5, 10) * (0.8 + 0.4 * random())));
  end if;
  update public.webhook_endpoints
  set paused_until = greatest(paused_until, clock_timestamp() + seconds * interval '1 second')
  where id = endpoint and seconds > 0;
end
$$;
comment on function private.endpoint_failed(uuid, boolean, numeric) is
'trouble: it did not answer as a server should, or asked for a pause. After five in a row it is left alone,
for 10 s at first and 15 min at most, and then has one delivery on trial. retry_after: seconds.';

create function private.delivery_failed(
  delivery public.webhook_deliveries, cause text, retry_after numeric, policy private.queues
) returns void
language plpgsql
set search_path = ''
as $$
declare
  pause constant numeric := greatest(retry_after,
    private.retry_delay(policy, delivery.failures + 1) * (0.8 + 0.4 * random()));
begin
  update public.webhook_deliveries as known
  set failures = known.failures + 1, error = cause, leased_until = null,
    due_at = clock_timestamp() + pause * interval '1 second',
    status = case
      when endpoint.disabled_reason = 'deleted' then 'discarded'
      when known.failures + 1 >= policy.attempts then 'failed'
      else 'pending' end
  from public.webhook_endpoints as endpoint
  where known.id = delivery.id and endpoint.id = known.endpoint_id
  returning known.* into delivery;
  if delivery.status = 'failed' then
    perform private.raise_alarm('webhook', 'webhooks to ' || delivery.endpoint_id, jsonb_build_object(
      'endpoint_id', delivery.endpoint_id, 'delivery_id', delivery.id, 'reason', 'too_many_failures'));
  elsif delivery.status = 'pending' then
    perform private.put_off_followers(delivery);
  end if;
end
$$;

-- An endpoint that is back after a minute or more gets what it missed at once, not when each would be tried
-- again.
create function private.delivery_succeeded(delivery public.webhook_deliveries) returns void
language plpgsql
set search_path = ''
as $$
declare
  endpoint public.webhook_endpoints;
begin
  update public.webhook_deliveries
  set status = 'delivered', delivered_at = clock_timestamp(), error = null, leased_until = null
  where id = delivery.id;
  select * into endpoint from public.webhook_endpoints where id = delivery.endpoint_id;
  if endpoint.failing_since is null then
    return;
  end if;
  update public.webhook_endpoints set failures = 0, failing_since = null, failed_attempts = 0
  where id = endpoint.id;
  if endpoint.failing_since < clock_timestamp() - interval '1 minute' then
    update public.webhook_deliveries set due_at = now()
    where endpoint_id = endpoint.id and status = 'pending' and due_at > clock_timestamp();
  end if;
end
$$;

create function private.note_attempt(delivery public.webhook_deliveries, data jsonb, cause text) returns void
language sql
set search_path = ''
as $$
  insert into public.webhook_attempts (delivery_id, number, status_code, milliseconds, response, error)
  values (
    delivery.id, delivery.starts, (data ->> 'status_code')::integer, (data ->> 'milliseconds')::integer,
    left(data ->> 'response', 1000), cause)
$$;

-- In the order of their ids: two who come with the same deliveries do not wait for each other for ever.
create function private.lock_deliveries(results jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from public.webhook_deliveries
  where status = 'delivering' and id = any (array(
    select (value ->> 'message_id')::bigint from jsonb_array_elements(results)))
  order by id
  for update;
end
$$;

-- The caller has locked the endpoint, and then the delivery.
create function private.finish_delivery(result jsonb, policy private.queues) returns text
language plpgsql
set search_path = ''
as $$
declare
  outcome constant text := result ->> 'outcome';
  data constant jsonb := result -> 'data';
  code constant integer := data ->> 'status_code';
  cause constant text := coalesce(result ->> 'error', case when code is not null then 'status ' || code end, outcome);
  pause constant numeric := case when code in (429, 503) then least(3600,
    coalesce((data ->> 'retry_after')::numeric, case code when 429 then 60 else 0 end)) end;
  delivery public.webhook_deliveries;
begin
  select * into delivery from public.webhook_deliveries
  where id = (result ->> 'message_id')::bigint and starts = (result ->> 'starts')::integer
    and status = 'delivering';
  if delivery.id is null then
    return 'lost';
  elsif outcome = 'postponed' then
    update public.webhook_deliveries
    set status = 'pending', leased_until = null, due_at = clock_timestamp()
      + greatest(1, coalesce((result ->> 'delay_seconds')::numeric, 5)) * interval '1 second'
    where id = delivery.id
    returning * into delivery;
    perform private.put_off_followers(delivery);
    return 'retried';
  end if;
  perform private.note_attempt(delivery, data, case when outcome <> 'delivered' and code is null then cause end);
  if outcome = 'delivered' then
    perform private.delivery_succeeded(delivery);
    return 'finished';
  elsif code = 410 then
    perform private.disable_endpoint(delivery.endpoint_id, 'gone');
  elsif outcome = 'failed' then
    perform private.endpoint_failed(
      delivery.endpoint_id, coalesce(code >= 500 or code = 429, true), pause);
  end if;
  perform private.delivery_failed(delivery, cause, pause, policy);
  return 'retried';
end
$$;

create function engine.finish_webhooks(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  policy private.queues;
  result jsonb;
  said jsonb;
begin
  select * into policy from private.queues where name = 'webhooks';
  -- Endpoints before deliveries, as everybody does who needs both.
  perform from public.webhook_endpoints
  where id in (
    select delivery.endpoint_id from jsonb_array_elements(results)
    join public.webhook_deliveries as delivery on delivery.id = (value ->> 'message_id')::bigint)
  order by id
  for no key update;
  perform private.lock_deliveries(results);
  for result in select value from jsonb_array_elements(results)
  loop
    begin
      said := jsonb_build_object('status', private.finish_delivery(result, policy));
    exception
      when others then
        said := jsonb_build_object('status', 'error', 'error', sqlerrm);
    end;
    return next said || jsonb_build_object('message_id', result -> 'message_id');
  end loop;
end
$$;
comment on function engine.finish_webhooks(jsonb) is
'Record what became of deliveries. results: [{message_id, starts, outcome, data: {status_code?, milliseconds,
response?, retry_after?}, error?, delay_seconds?}] with outcome delivered; failed, by the endpoint; retry or
broken, by us; postponed, nothing was tried, by delay_seconds.
Each row: message_id and status: finished, retried, lost (another worker has it now), error.';

create function engine.renew_webhooks(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  seconds constant integer := (select lease_seconds from private.queues where name = 'webhooks');
  result jsonb;
begin
  perform private.lock_deliveries(results);
  for result in select value from jsonb_array_elements(results)
  loop
    update public.webhook_deliveries set leased_until = clock_timestamp() + seconds * interval '1 second'
    where id = (result ->> 'message_id')::bigint and starts = (result ->> 'starts')::integer
      and status = 'delivering';
    return next jsonb_build_object(
      'message_id', result -> 'message_id', 'status', case when found then 'renewed' else 'lost' end);
  end loop;
end
$$;
comment on function engine.renew_webhooks(jsonb) is
'Hold on to deliveries for another lease. results: [{message_id, starts}]. Each row: message_id and status:
renewed, lost.';

create function private.forget_webhook_deliveries() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  before constant timestamptz := private.kept_since('webhook_deliveries');
  deliveries integer;
begin
  delete from public.webhook_deliveries
  where id in (
    select delivery.id
    from public.webhook_endpoints as endpoint
    join public.webhook_deliveries as delivery
      on delivery.endpoint_id = endpoint.id and delivery.created_at < before
    where delivery.status in ('delivered', 'failed', 'discarded') or not endpoint.active
    limit 1000);
  get diagnostics deliveries = row_count;
  delete from public.webhook_endpoints as endpoint
  where disabled_reason = 'deleted' and updated_at < before
    and not exists (select from public.webhook_deliveries where endpoint_id = endpoint.id);
  return jsonb_build_object('deleted', deliveries, 'more', deliveries = 1000);
end
$$;
comment on function private.forget_webhook_deliveries() is
'Removes old deliveries, with their attempts, that nobody will send any more, and endpoints that were deleted.';

create function private.forget_webhook_secrets() returns jsonb
language sql
set search_path = ''
as $$
  select jsonb_build_object('deleted', private.remove_webhook_secrets(array(
    select id from private.webhook_secrets where expires_at < clock_timestamp())))
$$;
comment on function private.forget_webhook_secrets() is 'Removes secrets whose successors have taken over.';

insert into private.tasks (job, name, position) values
('daily', 'forget_webhook_deliveries', 60),
('daily', 'forget_webhook_secrets', 61);

grant execute on function engine.finish_webhooks(jsonb), engine.renew_webhooks(jsonb) to service_role;
