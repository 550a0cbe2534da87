-- The verbs of functions/orders: claim a batch of steps, finish a batch of steps.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- Functions that are called for every message are in plpgsql, which keeps its plans; those in SQL are
-- planned at each call.
create function private.order_lines(ordered uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'product_id', product_id, 'name', name, 'unit_price', unit_price, 'quantity', quantity)
      order by name, product_id), '[]')
    from public.order_items
    where order_id = ordered);
end
$$;

-- What an order needs next, by its state alone: a message only says that there may be something.
create function private.due_step(subject public.orders) returns text
language plpgsql stable
set search_path = ''
as $$
begin
  if subject.status = 'needs_attention' then
    return null;
  elsif exists (select from public.refunds where order_id = subject.id and status = 'requested') then
    return 'refund';
  elsif subject.status = 'placed' then
    return 'charge';
  elsif subject.status = 'paid' and subject.ending is null then
    return 'ship';
  elsif subject.status = 'shipped' and subject.capture = 'on_shipment' and exists (
    select from public.payments where order_id = subject.id and status = 'authorized')
  then
    return 'capture';
  elsif subject.status in ('cancelled', 'payment_failed') and exists (
    select from private.order_steps
    where order_id = subject.id and step = 'charge' and state in ('started', 'waiting'))
  then
    return 'charge';  -- the provider says that money came in after the end
  end if;
  return null;
end
$$;

create function private.due_revision(subject public.orders, step text) returns integer
language plpgsql stable
set search_path = ''
as $$
begin
  if step = 'refund' then
    return (
      select min(revision) from public.refunds where order_id = subject.id and status = 'requested');
  end if;
  return 1;
end
$$;

-- What the effect of a step needs to know beyond the order itself.
create function private.step_details(subject public.orders, intent private.order_steps) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  case intent.step
    when 'charge' then
      return jsonb_build_object(
        'amount', subject.total, 'payment_method', subject.payment_method, 'capture', subject.capture,
        'cancelling', subject.ending is not null or subject.status <> 'placed');
    when 'ship' then
      return jsonb_build_object(
        'shipping_address', subject.shipping_address, 'items', private.order_lines(subject.id));
    when 'capture' then
      return (
        select jsonb_build_object(
          'amount', amount, 'payment_reference', reference, 'provider', provider)
        from public.payments
        where order_id = subject.id and status = 'authorized');
    when 'refund' then
      return (
        select jsonb_build_object(
          'amount', refund.amount, 'reason', refund.reason, 'payment_reference', payment.reference,
          'payment_status', payment.status, 'provider', payment.provider)
        from public.refunds as refund
        left join public.payments as payment
          on payment.order_id = refund.order_id and payment.status in ('authorized', 'succeeded')
        where refund.order_id = subject.id and refund.revision = intent.revision);
  end case;
end
$$;

-- Writes the intent, with the key that every attempt will use. Null: nothing is due any more, or
-- another message's reader is at it.
create function private.start_step(subject public.orders, message bigint, policy private.queues)
returns private.order_steps
language plpgsql
set search_path = ''
as $$
declare
  wanted constant text := private.due_step(subject);
  wanted_revision constant integer := private.due_revision(subject, wanted);
  started private.order_steps;
begin
  if wanted is null then
    return null;
  end if;
  insert into private.order_steps as known (order_id, step, revision, key, message_id, leased_until)
  values (
    subject.id, wanted, wanted_revision, private.step_key(subject.id, wanted, wanted_revision), message,
    clock_timestamp() + policy.lease_seconds * interval '1 second')
  on conflict on constraint order_steps_pkey do update
  set starts = known.starts + 1, message_id = excluded.message_id, state = 'started',
    leased_until = excluded.leased_until
  where known.state in ('started', 'waiting')
    and (known.message_id = message or known.leased_until is null
      or known.leased_until < clock_timestamp())
  returning * into started;
  return started;
end
$$;

create function private.order_of(message jsonb) returns uuid
language plpgsql immutable
set search_path = ''
as $$
begin
  return case when message ->> 'order_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    then (message ->> 'order_id')::uuid end;
end
$$;

create function engine.claim_orders(wanted integer default 100, looks_again numeric default 0)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  policy private.queues;
  messages pgmq.message_record [];
  mine uuid[];
  read pgmq.message_record;
  subject public.orders;
  intent private.order_steps;
  settled bigint[] := '{}';
begin
  select * into policy from private.queues where name = 'orders';
  messages := array(select taken from private.take_messages('orders', wanted, looks_again) as taken);
  if cardinality(messages) = 0 then
    return;
  end if;
  mine := private.try_lock_orders(array(
    select private.order_of(taken.message) from unnest(messages) as taken));
  foreach read in array messages
  loop
    select * into subject from public.orders where id = private.order_of(read.message);
    if subject.id is null or not exists (
      select from private.event_routes
      where event_type = read.message ->> 'type' and event_routes.queue = 'orders'
    ) then
      perform private.bury('orders', read.msg_id, read.message, 'unknown_event',
        'Nobody knows this event or its order.', read.read_ct);
    elsif subject.id <> all (mine) then
      perform pgmq.set_vt('orders', read.msg_id, 1);
    else
      intent := private.start_step(subject, read.msg_id, policy);
      if intent.key is null then
        settled := settled || read.msg_id;
      elsif intent.starts - intent.forgiven > policy.max_starts then
        perform private.give_to_people(subject, intent, 'too_many_starts', read.message);
        settled := settled || read.msg_id;
      else
        return next jsonb_build_object(
          'message_id', read.msg_id, 'order_id', subject.id, 'number', subject.number,
          'step', intent.step, 'revision', intent.revision, 'key', intent.key, 'starts', intent.starts,
          'failures', intent.failures, 'reference', intent.reference,
          'currency', subject.currency, 'traceparent', subject.traceparent)
          || private.step_details(subject, intent);
      end if;
    end if;
  end loop;
  perform pgmq.delete('orders', settled);
end
$$;
comment on function engine.claim_orders(integer, numeric) is
'Take due messages of the queue under a lease, at most `wanted`, and write the intents of the steps that
their orders need. looks_again: seconds for which the caller promises to claim again; wake-ups are spared.
Each row: message_id, order_id, number, step, revision, key, starts, failures, reference,
currency, traceparent; and by step
charge: amount, payment_method, capture, cancelling (see that it never happens, or say that it has);
ship: shipping_address, items;
capture: amount, payment_reference, provider;
refund: amount, reason, payment_reference, payment_status, provider.';

-- The step is over for now; null when another worker has started it since, or this is said a second time.
-- A start that came to any result has not killed its worker: it counts towards no limit of starts.
create function private.end_step(result jsonb, new_state text, failed integer)
returns private.order_steps
language plpgsql
set search_path = ''
as $$
declare
  intent private.order_steps;
begin
  update private.order_steps
  set state = new_state,
    failures = failures + failed,
    forgiven = forgiven + 1,
    leased_until = null,
    reference = coalesce(result #>> '{data,reference}', reference),
    last_error = coalesce(result ->> 'error', last_error),
    history = case when result ->> 'error' is null or jsonb_array_length(history) >= 20 then history
      else history || jsonb_build_object('at', clock_timestamp(), 'outcome', result ->> 'outcome',
        'error', result ->> 'error') end
  where key = result ->> 'key'
    and order_id = (result ->> 'order_id')::uuid
    and starts = (result ->> 'starts')::integer
    and state = 'started' and leased_until is not null
  returning * into intent;
  return intent;
end
$$;

-- What is settled leaves the queue; what is not comes back later.
create function private.finish_step(result jsonb, policy private.queues) returns text
language plpgsql
set search_path = ''
as $$
declare
  message constant bigint := result ->> 'message_id';
  outcome constant text := result ->> 'outcome';
  subject public.orders;
  intent private.order_steps;
begin
  intent := private.end_step(
    result,
    case outcome when 'succeeded' then outcome when 'failed' then outcome when 'waiting' then outcome
      else 'started' end,
    (outcome in ('retry', 'broken'))::integer);
  if intent.key is null then
    return 'lost';
  end if;
  if outcome = 'postponed' then
    perform pgmq.set_vt('orders', message,
      greatest(1, least(3600, ceil(coalesce((result ->> 'delay_seconds')::numeric, 5))))::integer);
    return 'retried';
  end if;
  select * into subject from public.orders where id = intent.order_id;
  if outcome in ('retry', 'broken') then
    if intent.failures < private.attempts_of(policy, outcome) then
      perform pgmq.set_vt('orders', message, private.retry_delay(policy, intent.failures));
      return 'retried';
    end if;
    perform private.give_to_people(
      subject, intent, case outcome when 'broken' then 'unexpected_error' else 'too_many_failures' end,
      jsonb_build_object('order_id', subject.id));
  else
    perform private.apply_outcome(subject, intent, outcome, coalesce(result -> 'data', '{}'));
  end if;
  return 'finished';
end
$$;

-- Products in the order of their ids, as everybody locks stock, for all results that move some.
create function private.lock_stock_of(results jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from public.inventory
  where product_id in (
    select item.product_id
    from jsonb_array_elements(results) as ended
    join public.order_items as item on item.order_id = (ended.value ->> 'order_id')::uuid
    where ended.value ->> 'outcome' in ('succeeded', 'failed')
      and (ended.value ->> 'step', ended.value ->> 'outcome') not in (('charge', 'succeeded'), ('capture', 'succeeded'))
  )
  order by product_id
  for update;
end
$$;

create function private.finish_steps(results jsonb, policy private.queues) returns jsonb[]
language plpgsql
set search_path = ''
as $$
declare
  result jsonb;
  said text;
  settled bigint[] := '{}';
  replies jsonb[] := '{}';
begin
  for result in select value from jsonb_array_elements(results)
  loop
    said := private.finish_step(result, policy);
    if said = 'finished' then
      settled := settled || (result ->> 'message_id')::bigint;
    end if;
    replies := replies || jsonb_build_object('message_id', result -> 'message_id', 'status', said);
  end loop;
  if cardinality(settled) > 0 then
    perform pgmq.delete('orders', settled);
  end if;
  return replies;
end
$$;

-- One bad result must not undo its neighbours: when the batch fails, each has a savepoint of its own.
create function engine.finish_orders(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  policy private.queues;
  result jsonb;
begin
  select * into policy from private.queues where name = 'orders';
  perform private.lock_orders(
    array(select (value ->> 'order_id')::uuid from jsonb_array_elements(results)));
  perform private.lock_stock_of(results);
  begin
    return query select unnest(private.finish_steps(results, policy));
    return;
  exception
    when others then null;
  end;
  for result in select value from jsonb_array_elements(results)
  loop
    begin
      return query select unnest(private.finish_steps(jsonb_build_array(result), policy));
    exception
      when others then
        return next jsonb_build_object(
          'message_id', result -> 'message_id', 'status', 'error', 'error', sqlerrm);
    end;
  end loop;
end
$$;
comment on function engine.finish_orders(jsonb) is
'Record outcomes. results: [{message_id, order_id, step, key, starts, outcome, data, error?,
delay_seconds?}] with outcome
succeeded; failed, a definite no; waiting, for the shopper, the staff or the provider;
retry, when nothing is known or a fault may pass; broken, an error that nobody foresaw;
postponed, nothing was tried, by delay_seconds.
Each row: message_id and status: finished, retried, lost (another worker owns it now), error.';

create function engine.renew_orders(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  policy private.queues;
  result jsonb;
  still_mine boolean;
  free uuid[];
  ordered uuid;
begin
  select * into policy from private.queues where name = 'orders';
  free := private.try_lock_orders(
    array(select (value ->> 'order_id')::uuid from jsonb_array_elements(results)));
  for result in select value from jsonb_array_elements(results)
  loop
    ordered := result ->> 'order_id';
    update private.order_steps
    set leased_until = clock_timestamp() + policy.lease_seconds * interval '1 second'
    where key = result ->> 'key'
      and order_id = ordered and order_id = any (free)
      and starts = (result ->> 'starts')::integer
      and state = 'started' and leased_until is not null;
    still_mine := found;
    if still_mine then
      perform pgmq.set_vt('orders', (result ->> 'message_id')::bigint, policy.lease_seconds);
    end if;
    return next jsonb_build_object(
      'message_id', result -> 'message_id', 'status', case
        when still_mine then 'renewed' when ordered = any (free) then 'lost' else 'busy' end);
  end loop;
end
$$;
comment on function engine.renew_orders(jsonb) is
'Hold on to messages for another lease. results: [{message_id, order_id, step, key, starts}].
Each row: message_id and status: renewed, lost, busy (somebody holds the order: ask again).';

grant execute on function engine.claim_orders(integer, numeric), engine.finish_orders(jsonb),
engine.renew_orders(jsonb)
to service_role;
