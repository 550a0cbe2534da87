-- What the clock reports: yesterday's sales, by mail too; each hour.
set lock_timeout = '5s';
set statement_timeout = '60s';

create index order_events_created_at_idx on public.order_events using brin (created_at);

-- Wherever they are: on their way, dead letters, given up.
create function private.uncounted_events(since timestamptz, before timestamptz) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select count(*) from public.order_events as event
    where created_at >= since and created_at < before
      and type in (select event_type from private.event_routes where queue = 'analytics')
      and not exists (select from private.counted_events where event_id = event.id));
end
$$;

-- A report does not change any more, so it waits for events that are not counted yet; but for no longer than a
-- day, as somebody may have to see to them.
create function private.report_day(wanted date, zone text) returns void
language plpgsql
set search_path = ''
as $$
declare
  begins constant timestamptz := wanted::timestamp at time zone zone;
  ends constant timestamptz := (wanted + 1)::timestamp at time zone zone;
  uncounted constant bigint := private.uncounted_events(begins, ends);
  written uuid;
begin
  if uncounted > 0 and ends > clock_timestamp() - interval '1 day' then
    raise exception '% events of % are not counted yet', uncounted, wanted;
  end if;
  insert into public.reports (kind, period_start, period_end, data)
  select 'daily_sales', begins, ends, jsonb_build_object(
    'day', wanted, 'sales', coalesce(jsonb_agg(to_jsonb(sales) order by sales.currency), '[]'))
    || case when uncounted > 0 then jsonb_build_object('uncounted', uncounted) else '{}' end
  from private.sales_of_days(wanted, wanted, 5) as sales
  on conflict (kind, period_start) do nothing
  returning id into written;
  if written is not null and exists (select from private.shop where staff_email is not null) then
    insert into private.outbox (type, subject)
    values ('report.ready', jsonb_build_object('report_id', written));
    perform private.wake('emails');
  end if;
end
$$;

create function private.report_sales() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  zone constant text := (select time_zone from private.shop);
  yesterday constant date := (clock_timestamp() at time zone zone)::date - 1;
  reported constant date := (
    select max((data ->> 'day')::date) from public.reports where kind = 'daily_sales');
  due constant date := greatest(coalesce(reported + 1, yesterday), yesterday - 30);
begin
  if due > yesterday then
    return '{"reports": 0}';
  end if;
  perform private.report_day(due, zone);
  return jsonb_build_object('reports', 1, 'more', due < yesterday);
end
$$;
comment on function private.report_sales() is
'Writes, and mails if the shop has a staff_email, the report of the first day (of the shop) that has none since
the last one, at most a month ago; a day at a time, so that one that has to wait holds up none before it.';

create function private.report_hours() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  this_hour constant timestamptz := date_trunc('hour', clock_timestamp(), 'UTC');
  reported constant timestamptz := (
    select max(period_start) from public.reports where kind = 'hourly');
  since constant timestamptz := greatest(
    least(reported, this_hour - interval '1 day'), this_hour - interval '7 days');
  written integer;
begin
  insert into public.reports as known (kind, period_start, period_end, data)
  select 'hourly', begun, begun + interval '1 hour', coalesce(jsonb_strip_nulls(to_jsonb(report)), '{}')
  from generate_series(since, this_hour - interval '1 hour', '1 hour') as begun
  left join private.hours_between(since, this_hour) as report on report.hour = begun
  on conflict (kind, period_start) do update
  set data = excluded.data where known.data is distinct from excluded.data;
  get diagnostics written = row_count;
  return jsonb_build_object('reports', written);
end
$$;
comment on function private.report_hours() is
'Writes the reports of hours that are over: those since the last one, at most a week, and of the last day
those that have changed.';
