-- The verbs of functions/orders: claim a batch of steps, finish a batch of steps.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- The event that a message speaks of; null when the message is not one of ours.
create function private.event_of(message jsonb) returns public.order_events
language sql stable
set search_path = ''
as $$
  select * from public.order_events
  where id = case when message ->> 'event_id' ~ '^\d{1,18}$' then (message ->> 'event_id')::bigint end
$$;

create function private.order_lines(ordered uuid) returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'product_id', product_id, 'name', name, 'unit_price', unit_price, 'quantity', quantity)
    order by name, product_id), '[]')
  from public.order_items
  where order_id = ordered
$$;

-- Writes the intent, with the key that every attempt will use. Null: nothing is due any more.
create function private.start_step(ordered uuid, wanted_step text) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
  started private.order_steps;
begin
  select o.* into subject
  from public.orders as o
  join private.steps as s on s.starts_in = o.status and s.name = wanted_step
  where o.id = ordered;
  if subject.id is null then
    return null;
  end if;
  insert into private.order_steps as known (order_id, step, key)
  values (ordered, wanted_step, format('order-%s-%s-1', ordered, wanted_step))
  on conflict on constraint order_steps_pkey do update set starts = known.starts + 1
  returning * into started;
  return jsonb_build_object(
    'order_id', subject.id, 'number', subject.number, 'step', started.step, 'key', started.key,
    'starts', started.starts, 'failures', started.failures,
    'amount', subject.total, 'currency', subject.currency,
    'payment_method', subject.payment_method, 'shipping_address', subject.shipping_address,
    'items', private.order_lines(ordered));
end
$$;

create function engine.claim_orders(steps jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  policy private.queues;
  message record;
  event public.order_events;
  job jsonb;
  claims jsonb := '[]';
begin
  select * into policy from private.queues where name = 'orders';
  for message in select * from pgmq.read('orders', policy.lease_seconds, policy.batch_size)
  loop
    event := private.event_of(message.message);
    if event.id is null or not steps ? event.type then
      perform private.bury('orders', message.msg_id, message.message, 'unknown event');
    else
      claims := claims || jsonb_build_object(
        'message_id', message.msg_id, 'reads', message.read_ct,
        'order_id', event.order_id, 'step', steps ->> event.type);
    end if;
  end loop;
  perform private.lock_orders(array(select (value ->> 'order_id')::uuid from jsonb_array_elements(claims)));
  for message in select value from jsonb_array_elements(claims)
  loop
    job := private.start_step((message.value ->> 'order_id')::uuid, message.value ->> 'step');
    if job is null then
      perform pgmq.archive('orders', (message.value ->> 'message_id')::bigint);
    else
      return next message.value || job;
    end if;
  end loop;
end
$$;
comment on function engine.claim_orders(jsonb) is
'Take due messages of the queue under a lease and write their intents. steps: {event type: step}.
Each row: message_id, reads, order_id, number, step, key, starts, failures, amount, currency,
payment_method, shipping_address, items.';

create function private.charge_succeeded(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
declare
  paid public.payments;
begin
  if (data ->> 'amount')::bigint is distinct from subject.total
    or data ->> 'currency' is distinct from subject.currency
  then
    raise exception 'charged % % for an order of % %',
      data ->> 'amount', data ->> 'currency', subject.total, subject.currency;
  end if;
  insert into public.payments (order_id, user_id, provider, reference, status, amount, currency)
  values (
    subject.id, subject.user_id, data ->> 'provider', data ->> 'reference', 'succeeded',
    subject.total, subject.currency)
  returning * into paid;
  if subject.total > 0 then
    insert into public.payment_entries (payment_id, order_id, kind, amount, currency, reference)
    values (
      paid.id, subject.id, 'charge', subject.total, subject.currency, paid.reference);
  end if;
  perform private.move_order(subject.id, 'paid');
end
$$;

create function private.charge_failed(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  if data ->> 'reference' is not null then
    insert into public.payments
      (order_id, user_id, provider, reference, status, amount, currency, failure_code)
    values (
      subject.id, subject.user_id, data ->> 'provider', data ->> 'reference', 'failed',
      subject.total, subject.currency, data ->> 'failure_code');
  end if;
  perform private.release_stock(subject.id);
  perform private.move_order(subject.id, 'payment_failed', data - array['provider', 'reference']);
end
$$;

create function private.ship_succeeded(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.shipments (order_id, user_id, carrier, tracking_number)
  values (subject.id, subject.user_id, data ->> 'carrier', data ->> 'tracking_number');
  insert into public.stock_movements (product_id, order_id, kind, on_hand_change, reserved_change)
  select product_id, subject.id, 'sold', -quantity, -quantity
  from public.order_items
  where order_id = subject.id;
  perform private.move_order(subject.id, 'shipped', data);
end
$$;

-- What a step's definite outcome does to money, stock and status. The caller owns the order.
create function private.apply_outcome(subject public.orders, step text, outcome text, data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  case step || ' ' || outcome
    when 'charge succeeded' then perform private.charge_succeeded(subject, data);
    when 'charge failed' then perform private.charge_failed(subject, data);
    when 'ship succeeded' then perform private.ship_succeeded(subject, data);
    when 'ship failed' then perform private.move_order(subject.id, 'needs_attention', data);
    else raise exception 'no such outcome: % %', step, outcome using errcode = 'invalid_parameter_value';
  end case;
end
$$;

create function private.finish_step(result jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  message constant bigint := result ->> 'message_id';
  data constant jsonb := coalesce(result -> 'data', '{}');
  subject public.orders;
  intent private.order_steps;
begin
  if not private.owns_message('orders', message, (result ->> 'reads')::integer) then
    return 'lost';
  end if;
  select * into subject from public.orders where id = (result ->> 'order_id')::uuid;
  update private.order_steps
  set state = case result ->> 'outcome' when 'retry' then state else result ->> 'outcome' end,
    failures = failures + (result ->> 'outcome' = 'retry')::integer,
    last_error = coalesce(result ->> 'error', last_error)
  where key = result ->> 'key' and order_id = subject.id and state = 'started'
  returning * into intent;
  if intent.key is null then
    return 'lost';
  end if;
  if result ->> 'outcome' = 'retry' then
    perform pgmq.set_vt('orders', message, private.retry_delay(intent.failures));
    return 'retried';
  end if;
  perform private.apply_outcome(subject, intent.step, result ->> 'outcome', data);
  perform pgmq.archive('orders', message);
  return 'finished';
end
$$;

-- One bad result must not undo its neighbours: each has its own savepoint. Its message comes back.
create function engine.finish_orders(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  result jsonb;
begin
  perform private.lock_orders(
    array(select (value ->> 'order_id')::uuid from jsonb_array_elements(results)));
  perform from public.inventory
  where product_id in (
    select item.product_id
    from jsonb_array_elements(results) as ended
    join public.order_items as item on item.order_id = (ended.value ->> 'order_id')::uuid
    where (ended.value ->> 'step', ended.value ->> 'outcome') in (('ship', 'succeeded'), ('charge', 'failed'))
  )
  order by product_id
  for update;
  for result in select value from jsonb_array_elements(results)
  loop
    begin
      return next jsonb_build_object(
        'message_id', result -> 'message_id', 'status', private.finish_step(result));
    exception
      when others then
        return next jsonb_build_object(
          'message_id', result -> 'message_id', 'status', 'error', 'error', sqlerrm);
    end;
  end loop;
end
$$;
comment on function engine.finish_orders(jsonb) is
'Record outcomes. results: [{message_id, reads, order_id, step, key, outcome, data, error?}] with outcome
succeeded, failed (a definite no) or retry (nothing is known, or a passing fault).
Each row: message_id and status: finished, retried, lost (another worker owns it now), error.';

grant execute on function engine.claim_orders(jsonb), engine.finish_orders(jsonb) to service_role;
