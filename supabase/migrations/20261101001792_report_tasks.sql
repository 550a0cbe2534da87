-- What the clock reports: yesterday's sales, by mail too; each hour.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.report_day(wanted date, zone text) returns void
language plpgsql
set search_path = ''
as $$
declare
  ends constant timestamptz := (wanted + 1)::timestamp at time zone zone;
  written uuid;
begin
  -- Or the report would lack what is on its way.
  if exists (select from pgmq.q_analytics where enqueued_at < ends) then
    raise exception 'the events of % are not all counted yet', wanted;
  end if;
  insert into public.reports (kind, period_start, period_end, data)
  select 'daily_sales', wanted::timestamp at time zone zone, ends, jsonb_build_object(
    'day', wanted, 'sales', coalesce(jsonb_agg(to_jsonb(sales) order by sales.currency), '[]'))
  from private.sales_summary(wanted, wanted, 5) as sales
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
  missing constant date[] := array(
    select day::date
    from generate_series(greatest(reported + 1, yesterday - 30), yesterday, '1 day') as day
    where reported is not null or day = yesterday);
begin
  perform private.report_day(day, zone) from unnest(missing) as day;
  return jsonb_build_object('reports', cardinality(missing));
end
$$;
comment on function private.report_sales() is
'Writes, and mails if the shop has a staff_email, the report of each day (of the shop) that has none since the
last one, at most a month.';

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
  left join private.hourly_report(since, this_hour) as report on report.hour = begun
  on conflict (kind, period_start) do update
  set data = excluded.data where known.data is distinct from excluded.data;
  get diagnostics written = row_count;
  return jsonb_build_object('reports', written);
end
$$;
comment on function private.report_hours() is
'Writes the reports of hours that are over: those since the last one, at most a week, and of the last day
those that have changed.';
