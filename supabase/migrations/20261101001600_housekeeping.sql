-- What the clock does each minute: reservations that run out, what waits for news or was lost, alarms.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- The shopper had time to confirm the payment. The step `charge` now sees that it cannot happen any more,
-- and if it has happened after all, the order goes on.
create function private.expire_reservations() returns integer
language plpgsql
set search_path = ''
as $$
declare
  expired uuid;
  many integer := 0;
begin
  for expired in
    select id from public.orders
    where status = 'placed' and reserved_until < clock_timestamp() and ending is null
    order by id
    limit 1000
  loop
    perform private.lock_orders(array[expired]);
    update public.orders
    set ending = 'payment_failed', failure_code = 'payment_expired',
      failure_message = 'The payment was not confirmed in time.'
    where id = expired and status = 'placed' and reserved_until < clock_timestamp() and ending is null;
    if found then
      perform private.note_event(expired, 'order.confirmation_expired');
      many := many + 1;
    end if;
  end loop;
  return many;
end
$$;
comment on function private.expire_reservations() is 'Gives up what shoppers did not confirm in time; how many.';
select cron.schedule('orderbase-expire', '* * * * *', 'select private.expire_reservations()');

-- A refund that waits for the bank: its news may have been lost, and nothing else would look at it again.
create function private.look_at_waiting_refunds() returns void
language sql
set search_path = ''
as $$
  select private.look_again(order_id)
  from private.order_steps
  where step = 'refund' and state = 'waiting' and updated_at < clock_timestamp() - interval '1 hour'
$$;
comment on function private.look_at_waiting_refunds() is 'Has refunds that wait for an hour looked up.';
select cron.schedule(
  'orderbase-look-at-refunds', '7 * * * *', 'select private.look_at_waiting_refunds()'
);

-- A shopper who was asked by the bank: the news that they have answered may have been lost, or may have come
-- while the charge was still in hand.
create function private.look_at_waiting_payments() returns void
language sql
set search_path = ''
as $$
  select private.look_again(waiting.id)
  from public.orders as waiting
  join private.order_steps as charge on charge.order_id = waiting.id and charge.step = 'charge'
  where waiting.reserved_until is not null and charge.state = 'waiting'
    and charge.updated_at < clock_timestamp() - interval '1 minute'
$$;
comment on function private.look_at_waiting_payments() is
'Has payments that wait for the shopper for a minute looked up.';
select cron.schedule(
  'orderbase-look-at-payments', '* * * * *', 'select private.look_at_waiting_payments()'
);

create function private.check_queues() returns void
language plpgsql
set search_path = ''
as $$
declare
  policy private.queues;
  age integer;
begin
  for policy in select * from private.queues where active
  loop
    select coalesce(oldest_msg_age_sec, 0) into age from pgmq.metrics(policy.name);
    if age * interval '1 second' > policy.oldest_message then
      perform private.raise_alarm('old_message', policy.name, jsonb_build_object('age_seconds', age));
    else
      perform private.clear_alarm('old_message', policy.name);
    end if;
  end loop;
end
$$;
comment on function private.check_queues() is 'Raises an alarm for each queue whose oldest message is too old.';
select cron.schedule('orderbase-check-queues', '30 seconds', 'select private.check_queues()');

-- Orders that need a step whose message is gone, and that nobody is at: a queue may have been purged, or
-- restored from a backup that is older than the orders. What waits for the shopper, the staff or the provider is
-- looked at elsewhere. A late payment of an order that has ended waits for nobody.
create function private.stranded_orders(max_rows integer) returns setof uuid
language sql stable
set search_path = ''
as $$
  with started as (
    select id from public.orders
    where status in ('placed', 'paid') or status = 'shipped' and capture = 'on_shipment'
      or status in ('cancelled', 'payment_failed') and created_at > clock_timestamp() - interval '1 day'
    union
    select order_id from public.refunds where status = 'requested'
  ), idle as materialized (
    select subject
    from public.orders as subject
    where subject.id in (select id from started)
      and subject.updated_at < clock_timestamp() - interval '2 minutes'
      and not exists (
        select from private.order_steps as step
        where step.order_id = subject.id and (
          step.leased_until > clock_timestamp()
          or step.state = 'waiting' and subject.status not in ('cancelled', 'payment_failed')))
      and not exists (select from pgmq.q_orders where message ->> 'order_id' = subject.id::text)
      and not exists (select from private.outbox as event where event.subject ->> 'order_id' = subject.id::text)
  )
  select (subject).id from idle where private.due_step(subject) is not null limit max_rows
$$;

create function private.sweep_orders() returns integer
language plpgsql
set search_path = ''
as $$
declare
  stranded constant uuid[] := array(select private.stranded_orders(1000));
begin
  perform private.look_again(id) from unnest(stranded) as id;
  return cardinality(stranded);
end
$$;
comment on function private.sweep_orders() is
'Gives a message to each order that needs a step and has none; how many.';
select cron.schedule('orderbase-sweep-orders', '* * * * *', 'select private.sweep_orders()');

-- Where the ledgers contradict each other or the orders, of products and orders whose ids lie between two. None
-- should ever be found.
create function private.ledger_differences(after uuid, last uuid) returns setof jsonb
language plpgsql stable
set search_path = ''
-- Of a few rows, or of all: the best plans differ.
set plan_cache_mode = 'force_custom_plan'
as $$
begin
  return query
  select jsonb_build_object('code', 'stock_balance', 'product_id', stock.product_id,
    'detail', 'the balances are not the sums of the movements')
  from public.inventory as stock
  left join public.stock_movements as moved on moved.product_id = stock.product_id
  where stock.product_id > after and stock.product_id <= last
  group by stock.product_id, stock.on_hand, stock.reserved
  having stock.on_hand <> coalesce(sum(moved.on_hand_change), 0)
    or stock.reserved <> coalesce(sum(moved.reserved_change), 0)
  union all
  select jsonb_build_object('code', 'payment_balance', 'order_id', payment.order_id,
    'detail', 'captured or refunded is not the sum of the entries')
  from public.payments as payment
  left join public.payment_entries as entry on entry.payment_id = payment.id
  where payment.order_id > after and payment.order_id <= last
  group by payment.id
  having payment.captured <> coalesce(sum(entry.amount) filter (where entry.kind = 'charge'), 0)
    or payment.refunded <> coalesce(sum(entry.amount) filter (where entry.kind = 'refund'), 0)
  union all
  select jsonb_build_object('code', 'order_total', 'order_id', subject.id,
    'detail', 'the total is not the sum of the items')
  from public.orders as subject
  join public.order_items as item on item.order_id = subject.id
  where subject.id > after and subject.id <= last
  group by subject.id
  having subject.total <> sum(item.quantity * item.unit_price)
  union all
  select jsonb_build_object('code', 'money_of_ended_order', 'order_id', subject.id,
    'detail', format('%s, but the shop holds %s', subject.status, private.money_left(subject.id)))
  from public.orders as subject
  where subject.id > after and subject.id <= last
    and subject.status in ('payment_failed', 'out_of_stock', 'shipping_failed', 'cancelled', 'refunded')
    and private.money_left(subject.id) > 0
    and not exists (select from public.refunds where order_id = subject.id and status = 'requested')
  union all
  select jsonb_build_object('code', 'money_missing', 'order_id', subject.id,
    'detail', format('%s, but %s of %s is held', subject.status, private.money_left(subject.id), subject.total))
  from public.orders as subject
  where subject.id > after and subject.id <= last
    and subject.status in ('paid', 'shipped', 'completed') and subject.ending is null
    and private.money_left(subject.id) + coalesce((
      select sum(refunded) from public.payments where order_id = subject.id), 0) <> subject.total
  union all
  select jsonb_build_object('code', 'stock_of_order', 'order_id', subject.id,
    'detail', format('%s, but its reservation is %s', subject.status, coalesce(ended.kinds, 'open')))
  from public.orders as subject
  left join lateral (
    select string_agg(distinct kind::text, ', ') as kinds
    from public.stock_movements
    where order_id = subject.id and kind in ('released', 'sold')
  ) as ended on true
  where subject.id > after and subject.id <= last and case
    when subject.status in ('placed', 'paid') then ended.kinds is not null
    when subject.status in ('shipped', 'completed', 'refunded') then ended.kinds is distinct from 'sold'
    when subject.status = 'needs_attention' then false
    else ended.kinds is distinct from 'released'
  end;
end
$$;

create function engine.ledger_differences() returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  select private.ledger_differences(
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')
$$;
comment on function engine.ledger_differences() is
'Contradictions between orders, payments and stock: {code, order_id or product_id, detail}; none is normal.';

-- Whether the order's money still moves by itself: what differs from the provider then is no error.
create function private.is_money_moving(subject public.orders) returns boolean
language sql stable
set search_path = ''
as $$
  select subject.status <> 'needs_attention' and (subject.ending is not null or exists (
    select from private.order_steps
    where order_id = subject.id and step <> 'ship' and state in ('started', 'waiting')))
$$;

create function engine.payment_books(after uuid default null, max_rows integer default 1000)
returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'id', payment.id, 'order_id', payment.order_id, 'number', subject.number, 'order_status', subject.status,
    'provider', payment.provider, 'reference', payment.reference, 'status', payment.status,
    'amount', payment.amount, 'currency', payment.currency, 'captured', payment.captured,
    'refunded', payment.refunded, 'created_at', payment.created_at, 'refunds', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'reference', entry.reference, 'amount', entry.amount, 'created_at', entry.created_at)
        order by entry.id), '[]')
      from public.payment_entries as entry
      where entry.payment_id = payment.id and entry.kind = 'refund'),
    'in_progress', private.is_money_moving(subject))
  from public.payments as payment
  join public.orders as subject on subject.id = payment.order_id
  where payment.id > coalesce(after, '00000000-0000-0000-0000-000000000000')
  order by payment.id
  limit max_rows
$$;
comment on function engine.payment_books(uuid, integer) is
'Payments by id, to compare with the provider''s: id, order_id, number, order_status, provider, reference,
status, amount, currency, captured, refunded, created_at, refunds (reference, amount, created_at of each
entry), in_progress: money still moves by itself.';

create function engine.order_progress(order_ids uuid[]) returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'order_id', subject.id, 'number', subject.number, 'order_status', subject.status,
    'in_progress', private.is_money_moving(subject))
  from public.orders as subject
  where subject.id = any (order_ids)
$$;
comment on function engine.order_progress(uuid[]) is
'How far orders are: order_id, number, order_status, in_progress; those that do not exist are left out.';

create function engine.report_reconciliation(days integer, report jsonb default null) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  topic constant text := 'reconciliation';
begin
  if report is null then
    update public.alarms set cleared_at = clock_timestamp()
    where kind = 'ledger' and subject = topic and cleared_at is null
      and (detail ->> 'days')::integer <= report_reconciliation.days;
  else
    perform private.raise_alarm('ledger', topic, '{}');
    update public.alarms set detail = report || jsonb_build_object('days', days)
    where kind = 'ledger' and subject = topic and cleared_at is null;
  end if;
  return;
end
$$;
comment on function engine.report_reconciliation(integer, jsonb) is
'What a comparison with the provider over so many days has found: raises the alarm about it, or with null
clears that of a comparison over no more days. No rows.';

create function engine.queue_policy(queue text) returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  select to_jsonb(policy) from private.queues as policy where policy.name = queue
$$;
comment on function engine.queue_policy(text) is 'The policy of a queue: see private.queues.';

create function engine.queue_depths() returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'queue', policy.name, 'active', policy.active, 'length', metrics.queue_length,
    'oldest_seconds', coalesce(metrics.oldest_msg_age_sec, 0),
    'dead_letters', (
      select count(*) from private.dead_letters as letter
      where letter.queue = policy.name and resolution is null))
  from private.queues as policy
  cross join lateral pgmq.metrics(policy.name) as metrics
$$;
comment on function engine.queue_depths() is 'For each queue: queue, active, length, oldest_seconds, dead_letters.';

grant execute on function engine.ledger_differences(), engine.payment_books(uuid, integer),
engine.order_progress(uuid[]), engine.report_reconciliation(integer, jsonb),
engine.queue_policy(text), engine.queue_depths()
to service_role;
