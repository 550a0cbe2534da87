-- Read models that live from the queue `analytics`: orders by status, sales by day, products by day.
-- Why some come from the queue and others from the clock: docs/read_models.md.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.order_counts (
  status public.order_status primary key,
  orders bigint not null default 0
)
with (fillfactor = 50);
comment on table public.order_counts is
'How many orders are in each status. The events of an order may be counted in any order, so a number can be
one off, even below zero, for as long as one of them is under way.';
insert into public.order_counts (status) select unnest(enum_range(null::public.order_status));

create table public.daily_sales (
  day date not null,
  currency text not null,
  placed bigint not null default 0,
  paid bigint not null default 0,
  completed bigint not null default 0,
  cancelled bigint not null default 0,
  failed bigint not null default 0,
  items bigint not null default 0,
  gross bigint not null default 0,
  refunded bigint not null default 0,
  net bigint not null generated always as (gross - refunded) stored,
  primary key (day, currency)
)
with (fillfactor = 50);
comment on table public.daily_sales is
'What happened on a day of the shop (see private.shop.time_zone), by ISO 4217 currency. placed, paid,
completed, cancelled: orders that came so far that day; failed: could not be paid, had or shipped. items,
gross: of orders that were paid. refunded: went back for paid orders. gross, refunded, net: minor units.';

create table public.product_sales (
  day date not null,
  product_id uuid not null references public.products (id) on delete restrict,
  currency text not null,
  quantity bigint not null default 0,
  amount bigint not null default 0,
  primary key (day, product_id, currency)
)
with (fillfactor = 70);
comment on table public.product_sales is
'What was in the orders that were paid on a day; amount: minor units. By day and currency, the amounts are
the gross of daily_sales. Refunds name no products, so nothing is taken off.';
create index product_sales_product_id_idx on public.product_sales (product_id);

create table private.counted_events (event_id bigint primary key);
comment on table private.counted_events is
'Order events that these read models hold: so each counts once, however often its message comes.';

alter table public.order_counts enable row level security;
alter table public.daily_sales enable row level security;
alter table public.product_sales enable row level security;
alter table private.counted_events enable row level security;
create policy "staff read order counts" on public.order_counts
for select to authenticated
using ((select private.is_staff()));
create policy "staff read daily sales" on public.daily_sales
for select to authenticated
using ((select private.is_staff()));
create policy "staff read product sales" on public.product_sales
for select to authenticated
using ((select private.is_staff()));
revoke all on public.order_counts, public.daily_sales, public.product_sales
from anon, authenticated, service_role;
grant select on public.order_counts, public.daily_sales, public.product_sales
to authenticated, service_role;
alter publication supabase_realtime add table public.order_counts, public.daily_sales;

-- Money of an order that was never paid is no sale, and no refund of one: it came too late, and went back.
create function private.was_paid(ordered uuid, by_version integer) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return exists (
    select from public.order_events
    where order_id = ordered and type = 'order.paid' and version < by_version);
end
$$;

create type private.counted as (
  order_id uuid, type text, status public.order_status, previous_status public.order_status, day date,
  currency text, total bigint, refunded bigint
);

-- Marks events as counted; what they say, without those that were counted before.
create function private.count_afresh(events bigint[]) returns private.counted[]
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  zone constant text := (select time_zone from private.shop);
  fresh bigint[];
begin
  with counted as (
    insert into private.counted_events (event_id)
    select distinct event_id from unnest(events) as event_id order by event_id
    on conflict do nothing
    returning event_id
  )
  select array_agg(event_id) into fresh from counted;
  return array(
    select row(
      event.order_id, event.type, event.status, previous.status, (event.created_at at time zone zone)::date,
      subject.currency, subject.total, case
        when event.type = 'order.refund_completed' and private.was_paid(event.order_id, event.version)
          then (event.data ->> 'amount')::bigint
        else 0 end)::private.counted
    from unnest(fresh) as event_id
    join public.order_events as event on event.id = event_id
    join public.orders as subject on subject.id = event.order_id
    left join public.order_events as previous
      on previous.order_id = event.order_id and previous.version = event.version - 1);
end
$$;

-- Sums do not care in which order events come. Rows are taken in the order of their keys, so that those who
-- count at the same time wait for each other and not for ever.
create function private.count_events(events bigint[]) returns void
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  facts constant private.counted[] := private.count_afresh(events);
begin
  insert into public.order_counts as known (status, orders)
  select change.status, sum(change.orders)
  from unnest(facts) as fact
  cross join lateral (values (fact.status, 1), (fact.previous_status, -1)) as change (status, orders)
  where fact.status is distinct from fact.previous_status and change.status is not null
  group by change.status
  having sum(change.orders) <> 0
  order by change.status
  on conflict (status) do update set orders = known.orders + excluded.orders;

  insert into public.daily_sales as known
    (day, currency, placed, paid, completed, cancelled, failed, items, gross, refunded)
  select
    fact.day, fact.currency,
    count(*) filter (where fact.type = 'order.placed'),
    count(*) filter (where fact.type = 'order.paid'),
    count(*) filter (where fact.type = 'order.completed'),
    count(*) filter (where fact.type = 'order.cancelled'),
    count(*) filter (where fact.type in ('order.payment_failed', 'order.out_of_stock', 'order.shipping_failed')),
    coalesce(sum((select sum(quantity) from public.order_items where order_id = fact.order_id))
      filter (where fact.type = 'order.paid'), 0),
    coalesce(sum(fact.total) filter (where fact.type = 'order.paid'), 0),
    sum(fact.refunded)
  from unnest(facts) as fact
  where fact.refunded > 0 or fact.type in (
    'order.placed', 'order.paid', 'order.completed', 'order.cancelled', 'order.payment_failed',
    'order.out_of_stock', 'order.shipping_failed')
  group by fact.day, fact.currency
  order by fact.day, fact.currency
  on conflict (day, currency) do update
  set placed = known.placed + excluded.placed, paid = known.paid + excluded.paid,
    completed = known.completed + excluded.completed, cancelled = known.cancelled + excluded.cancelled,
    failed = known.failed + excluded.failed, items = known.items + excluded.items,
    gross = known.gross + excluded.gross, refunded = known.refunded + excluded.refunded;

  insert into public.product_sales as known (day, product_id, currency, quantity, amount)
  select fact.day, item.product_id, fact.currency, sum(item.quantity), sum(item.quantity * item.unit_price)
  from unnest(facts) as fact
  join public.order_items as item on item.order_id = fact.order_id
  where fact.type = 'order.paid'
  group by fact.day, item.product_id, fact.currency
  order by fact.day, item.product_id, fact.currency
  on conflict (day, product_id, currency) do update
  set quantity = known.quantity + excluded.quantity, amount = known.amount + excluded.amount;
end
$$;
comment on function private.count_events(bigint[]) is
'Add order events to the read models, each once for ever. events: their ids.';

create function private.rebuild_read_models() returns void
language plpgsql
set search_path = ''
as $$
declare
  some_events bigint[];
begin
  -- First: whoever counts has ended, and waits from now on.
  truncate private.counted_events;
  update public.order_counts set orders = 0;
  delete from public.daily_sales;
  delete from public.product_sales;
  for some_events in
    select array_agg(id) from public.order_events group by id / 10000 order by id / 10000
  loop
    perform private.count_events(some_events);
  end loop;
end
$$;
comment on function private.rebuild_read_models() is
'For operators: count all order events anew, in one transaction, from what is written and not from what was
delivered. Messages that still wait, or are dead letters, are of events that have been counted by then.';

-- What a message tells the worker, nothing of it personal; null: it names no event that there is.
create function private.analytics_facts(message jsonb) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  if message ->> 'type' = 'user.created' then
    return jsonb_build_object('type', 'user.created');
  end if;
  return (
    select jsonb_build_object(
      'type', event.type, 'status', event.status, 'currency', subject.currency, 'total', subject.total,
      'seconds', extract(epoch from event.created_at - subject.created_at))
    from public.order_events as event
    join public.orders as subject on subject.id = event.order_id
    where event.id = private.event_of(message) and event.type = message ->> 'type');
end
$$;

create function private.event_of(message jsonb) returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
  return case when message ->> 'event_id' ~ '^\d{1,18}$' then (message ->> 'event_id')::bigint end;
end
$$;

create function engine.claim_analytics(wanted integer default 100, looks_again numeric default 0)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  work private.work;
  facts jsonb;
begin
  for work in select * from private.start_work('analytics', wanted, looks_again)
  loop
    facts := private.analytics_facts(work.message);
    if facts is null then
      perform private.bury_work(attempts, work.message, 'unknown_event')
      from private.attempts
      where queue = 'analytics' and message_id = work.message_id;
    else
      return next facts || jsonb_build_object('message_id', work.message_id, 'starts', work.starts);
    end if;
  end loop;
end
$$;
comment on function engine.claim_analytics(integer, numeric) is
'Take due messages of the queue under a lease, at most `wanted`. looks_again: see claim_orders.
Each row: message_id, starts, type; and for an order''s event status, currency, total (minor units),
seconds (since it was placed).';

create function private.apply_analytics(message jsonb, result jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  if result ->> 'outcome' is distinct from 'applied' then
    raise exception 'no such outcome: %', result ->> 'outcome' using errcode = 'invalid_parameter_value';
  end if;
  perform private.count_events(array_remove(array[private.event_of(message)], null));
end
$$;

-- The same for many messages at once, whose results are all `applied`.
create function private.finish_applied(results jsonb) returns setof jsonb
language plpgsql
set search_path = ''
as $$
declare
  held bigint[];
begin
  held := array(
    select attempt.message_id
    from jsonb_array_elements(results)
    join private.attempts as attempt on attempt.message_id = (value ->> 'message_id')::bigint
      and attempt.starts = (value ->> 'starts')::integer
    where attempt.queue = 'analytics' and attempt.in_hand
    order by attempt.message_id
    for update of attempt);
  perform private.count_events(array(
    select private.event_of(message) from pgmq.q_analytics
    where msg_id = any (held) and private.event_of(message) is not null));
  perform pgmq.delete('analytics', held);
  delete from private.attempts
  where queue = 'analytics' and message_id = any (held);
  return query
    select jsonb_build_object('message_id', value -> 'message_id', 'status', case
      when (value ->> 'message_id')::bigint = any (held) then 'finished' else 'lost' end)
    from jsonb_array_elements(results);
end
$$;

-- Counted and removed in one transaction. When the batch fails, each result has a savepoint of its own.
create function engine.finish_analytics(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  applied jsonb;
  others jsonb;
begin
  select
    coalesce(jsonb_agg(value) filter (where value ->> 'outcome' = 'applied'), '[]'),
    coalesce(jsonb_agg(value) filter (where value ->> 'outcome' is distinct from 'applied'), '[]')
  into applied, others
  from jsonb_array_elements(results);
  perform private.lock_messages('analytics', results);
  begin
    return query select private.finish_applied(applied);
  exception
    when others then
      return query select private.finish_work('analytics', applied);
  end;
  return query select private.finish_work('analytics', others);
end
$$;
comment on function engine.finish_analytics(jsonb) is
'Record what became of messages: see private.finish_work. The queue''s own outcome: applied, the event goes
into the read models.';

create function engine.renew_analytics(results jsonb) returns setof jsonb
language sql
security definer
set search_path = ''
as $$ select private.renew_work('analytics', results) $$;
comment on function engine.renew_analytics(jsonb) is 'Hold on to messages: see private.renew_work.';

grant execute on function engine.claim_analytics(integer, numeric), engine.finish_analytics(jsonb),
engine.renew_analytics(jsonb)
to service_role;

create type private.sales as (
  currency text, placed bigint, paid bigint, completed bigint, cancelled bigint, failed bigint, items bigint,
  gross bigint, refunded bigint, net bigint, best_sellers jsonb
);

create function private.sales_of_days(first_day date, last_day date, best integer)
returns setof private.sales
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    select
      sales.currency, sum(sales.placed)::bigint, sum(sales.paid)::bigint, sum(sales.completed)::bigint,
      sum(sales.cancelled)::bigint, sum(sales.failed)::bigint, sum(sales.items)::bigint,
      sum(sales.gross)::bigint, sum(sales.refunded)::bigint, sum(sales.net)::bigint,
      private.best_sellers(sales.currency, first_day, last_day, best)
    from public.daily_sales as sales
    where sales.day between first_day and last_day
    group by sales.currency
    order by sales.currency;
end
$$;

-- Definer: also for the service role, which has no claims to be staff by.
create function private.sales_summary(first_day date, last_day date, best integer)
returns setof private.sales
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return query select * from private.sales_of_days(first_day, last_day, best);
end
$$;

create function private.best_sellers(sold_for text, first_day date, last_day date, best integer)
returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(seller) order by quantity desc, amount desc, product_id), '[]')
  from (
    select
      sold.product_id, product.name, sum(sold.quantity)::bigint as quantity,
      sum(sold.amount)::bigint as amount
    from public.product_sales as sold
    join public.products as product on product.id = sold.product_id
    where sold.day between first_day and last_day and sold.currency = sold_for
    group by sold.product_id, product.name
    order by quantity desc, amount desc, sold.product_id
    limit greatest(0, least(best, 100))
  ) as seller
$$;

create function public.sales_summary(first_day date, last_day date, best integer default 10)
returns table (
  currency text, placed bigint, paid bigint, completed bigint, cancelled bigint, failed bigint, items bigint,
  gross bigint, refunded bigint, net bigint, best_sellers jsonb
)
language sql stable
set search_path = ''
as $$ select * from private.sales_summary(first_day, last_day, best) $$;
comment on function public.sales_summary(date, date, integer) is
'Staff: the days from first_day to last_day, by currency: the sums of daily_sales, and the best sellers, at
most so many (100): [{product_id, name, quantity, amount}]. Refusals: staff_only.';
grant execute on function private.sales_summary(date, date, integer),
public.sales_summary(date, date, integer)
to authenticated, service_role;
