-- Metrics by the hour. The clock adds what is new since it last did: it costs as much as that, whatever is
-- there already.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.hourly_metrics (
  hour timestamptz not null check (hour = date_trunc('hour', hour, 'UTC')),
  metric text not null,
  label text not null default '',
  value numeric not null,
  primary key (hour, metric, label)
)
with (fillfactor = 70);
comment on table public.hourly_metrics is
'Sums of an hour (UTC). From order events: orders (label: the status that they came to); amount_paid,
amount_refunded (label: currency; minor units); processing_seconds_sum, _count and _bucket (from placed to
completed; label of a bucket: no more seconds than that). Measured where it happened: emails (label: sent,
failed, unknown), dead_letters (label: queue), accounts (see private.account_confirmed).';
alter table public.hourly_metrics enable row level security;
create policy "staff read hourly metrics" on public.hourly_metrics
for select to authenticated
using ((select private.is_staff()));
revoke all on public.hourly_metrics from anon, authenticated, service_role;
grant select on public.hourly_metrics to authenticated, service_role;

create table private.watermarks (
  name text primary key,
  reached xid8 not null default '0'
);
comment on table private.watermarks is
'How far a reader of order_events has come: it has taken all events of transactions before that, and no
other will ever be among them (see public.order_feed).';
insert into private.watermarks (name) values ('hours');

create table private.measurements (
  id bigint generated always as identity primary key,
  metric text not null,
  label text not null default '',
  at timestamptz not null default clock_timestamp()
)
with (
  autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_cost_delay = 0
);
comment on table private.measurements is
'What happened once and is not in its hour yet: written in the transaction in which it happened.';
alter table private.watermarks enable row level security;
alter table private.measurements enable row level security;

-- Definer: whoever makes it happen need not know of it.
create function private.measure() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.measurements (metric, label)
  values (tg_argv[0], case when tg_nargs > 1 then to_jsonb(new) ->> tg_argv[1] else '' end);
  return null;
end
$$;
comment on function private.measure() is
'Trigger: measure(metric) or measure(metric, column): counts one in this hour, labelled with the column.';

create trigger measure after update of status on public.emails
for each row when (
  new.status is distinct from old.status and new.status in ('sent', 'failed', 'unknown')
) execute function private.measure('emails', 'status');
create trigger measure after insert on private.dead_letters
for each row execute function private.measure('dead_letters', 'queue');

-- Each bound is a fifth above the one before: as exact as percentiles of hours have to be.
create function private.bucket_of(seconds numeric) returns text
language sql immutable
set search_path = ''
as $$
  select trim_scale(round(power(1.2, ceil(log(1.2, greatest(seconds, 0.01)))), 3))::text
$$;

create function private.add_to_hours(since xid8, before xid8) returns bigint
language plpgsql
set search_path = ''
-- How much is new, and so which plan is best, differs from call to call.
set plan_cache_mode = 'force_custom_plan'
as $$
declare
  events bigint;
begin
  with event as materialized (
    select *, extract(epoch from created_at) as at from public.order_events
    where xid >= since and xid < before
  ), sample as (
    select date_trunc('hour', event.created_at, 'UTC') as hour, taken.*
    from event
    join public.orders as subject on subject.id = event.order_id
    cross join lateral (
      select case when event.type = 'order.completed'
        then event.at - extract(epoch from subject.created_at) end as seconds
    ) as lasted
    cross join lateral (
      values
      ('orders', event.status::text, case when event.type = 'order.' || event.status then 1 end),
      ('amount_paid', subject.currency, case when event.type = 'order.paid' then subject.total end),
      ('amount_refunded', subject.currency, case
        when event.type = 'order.refund_completed' and private.was_paid(event.order_id, event.version)
          then (event.data ->> 'amount')::bigint end),
      ('processing_seconds_sum', '', lasted.seconds),
      ('processing_seconds_count', '', case when lasted.seconds is not null then 1 end),
      ('processing_seconds_bucket', case when lasted.seconds is not null then private.bucket_of(lasted.seconds) end,
        case when lasted.seconds is not null then 1 end)
    ) as taken (metric, label, value)
    where taken.value is not null
  ), added as (
    insert into public.hourly_metrics as known (hour, metric, label, value)
    select hour, metric, label, sum(value) from sample group by hour, metric, label
    on conflict (hour, metric, label) do update set value = known.value + excluded.value
  )
  select count(*) into events from event;
  return events;
end
$$;

create function private.add_measurements() returns bigint
language plpgsql
set search_path = ''
as $$
declare
  measurements bigint;
begin
  with taken as (
    delete from private.measurements
    where id in (select id from private.measurements order by id limit 10000)
    returning date_trunc('hour', at, 'UTC') as hour, metric, label
  ), added as (
    insert into public.hourly_metrics as known (hour, metric, label, value)
    select hour, metric, label, count(*) from taken group by hour, metric, label
    on conflict (hour, metric, label) do update set value = known.value + excluded.value
  )
  select count(*) into measurements from taken;
  return measurements;
end
$$;

-- The transaction that follows on that of the 10,000th event: none is split. Null: fewer are left.
create function private.end_of_batch(since xid8) returns xid8
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select xid from public.order_events
    where xid > (
      select xid from public.order_events where xid >= since order by xid offset 9999 limit 1)
    order by xid
    limit 1);
end
$$;

create function private.aggregate_hours() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  since xid8;
  horizon xid8;
  before xid8;
  events bigint;
  measurements bigint;
begin
  -- Who comes meanwhile waits here, and then finds what is left.
  select reached into since from private.watermarks where name = 'hours' for update;
  horizon := pg_snapshot_xmin(pg_current_snapshot());
  before := least(horizon, private.end_of_batch(since));
  update private.watermarks set reached = before where name = 'hours';
  events := private.add_to_hours(since, before);
  measurements := private.add_measurements();
  return jsonb_build_object(
    'events', events, 'measurements', measurements, 'more', before < horizon or measurements = 10000);
end
$$;
comment on function private.aggregate_hours() is
'Adds what is new to its hours, a batch at a time, however often it is called; what it took: {events,
measurements, more}.';
insert into private.tasks (job, name, position) values ('hourly', 'aggregate_hours', 10);

create function private.seconds_within(wanted timestamptz, part numeric) returns numeric
language sql stable
set search_path = ''
as $$
  select min(bound)
  from (
    select
      label::numeric as bound, sum(value) over (order by label::numeric) as so_far,
      sum(value) over () as total
    from public.hourly_metrics
    where hour = wanted and metric = 'processing_seconds_bucket'
  ) as bucket
  where so_far >= part * total
$$;

create type private.hour_report as (
  hour timestamptz, placed bigint, paid bigint, completed bigint, cancelled bigint, failed bigint,
  needing_attention bigint, error_rate numeric, amount_paid jsonb, amount_refunded jsonb,
  average_seconds numeric, p95_seconds numeric, emails_sent bigint, emails_failed bigint,
  dead_letters bigint, accounts bigint
);

create function private.hours_between(first_hour timestamptz, last_hour timestamptz)
returns setof private.hour_report
language plpgsql stable
set search_path = ''
as $$
begin
  return query
    with report as (
      select
        hour,
        sum(value) filter (where metric = 'orders' and label = 'placed') as placed,
        sum(value) filter (where metric = 'orders' and label = 'paid') as paid,
        sum(value) filter (where metric = 'orders' and label = 'completed') as completed,
        sum(value) filter (where metric = 'orders' and label = 'cancelled') as cancelled,
        sum(value) filter (where metric = 'orders'
          and label in ('payment_failed', 'out_of_stock', 'shipping_failed')) as failed,
        sum(value) filter (where metric = 'orders' and label = 'needs_attention') as needing_attention,
        jsonb_object_agg(label, value) filter (where metric = 'amount_paid') as amount_paid,
        jsonb_object_agg(label, value) filter (where metric = 'amount_refunded') as amount_refunded,
        sum(value) filter (where metric = 'processing_seconds_sum') as seconds,
        sum(value) filter (where metric = 'processing_seconds_count') as lasted,
        sum(value) filter (where metric = 'emails' and label = 'sent') as emails_sent,
        sum(value) filter (where metric = 'emails' and label <> 'sent') as emails_failed,
        sum(value) filter (where metric = 'dead_letters') as dead_letters,
        sum(value) filter (where metric = 'accounts') as accounts
      from public.hourly_metrics
      where hour between date_trunc('hour', first_hour, 'UTC') and last_hour
      group by hour
    )
    select
      hour, coalesce(placed, 0)::bigint, coalesce(paid, 0)::bigint, coalesce(completed, 0)::bigint,
      coalesce(cancelled, 0)::bigint, coalesce(failed, 0)::bigint, coalesce(needing_attention, 0)::bigint,
      round(coalesce(failed, 0) / nullif(coalesce(failed, 0) + coalesce(completed, 0), 0), 4),
      coalesce(amount_paid, '{}'), coalesce(amount_refunded, '{}'),
      round(seconds / lasted, 3), private.seconds_within(hour, 0.95),
      coalesce(emails_sent, 0)::bigint, coalesce(emails_failed, 0)::bigint,
      coalesce(dead_letters, 0)::bigint, coalesce(accounts, 0)::bigint
    from report
    order by hour;
end
$$;

-- Definer: also for the service role, which has no claims to be staff by.
create function private.hourly_report(first_hour timestamptz, last_hour timestamptz)
returns setof private.hour_report
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return query select * from private.hours_between(first_hour, last_hour);
end
$$;

create function public.hourly_report(first_hour timestamptz, last_hour timestamptz)
returns table (
  hour timestamptz, placed bigint, paid bigint, completed bigint, cancelled bigint, failed bigint,
  needing_attention bigint, error_rate numeric, amount_paid jsonb, amount_refunded jsonb,
  average_seconds numeric, p95_seconds numeric, emails_sent bigint, emails_failed bigint,
  dead_letters bigint, accounts bigint
)
language sql stable
set search_path = ''
as $$ select * from private.hourly_report(first_hour, last_hour) $$;
comment on function public.hourly_report(timestamptz, timestamptz) is
'Staff: the hours from first_hour to last_hour in which something happened. error_rate: of the orders that
came to their end, failed / (failed + completed). amount_paid, amount_refunded: minor units by currency.
average_seconds, p95_seconds: from placed to completed; the latter at most a fifth too high.
Refusals: staff_only.';
grant execute on function private.hourly_report(timestamptz, timestamptz),
public.hourly_report(timestamptz, timestamptz)
to authenticated, service_role;
