-- The tasks of the daily and the hourly job. Each does what is due by the state of its rows, a batch at a time.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.retentions (
  name text primary key,
  keep interval not null check (keep > '0')
);
comment on table private.retentions is
'How long things are kept. sessions: since they were last used. guests: accounts without an address and
without orders, since they last did something. payment_events: ids of webhooks; a provider repeats them for
days. alarms: since they were cleared. clock: what pg_cron writes down. job_runs, hourly_reports,
webhook_deliveries. orders: since their last event, until they are archived.';
alter table private.retentions enable row level security;
insert into private.retentions (name, keep) values
('sessions', '90 days'),
('guests', '30 days'),
('payment_events', '90 days'),
('alarms', '90 days'),
('clock', '7 days'),
('job_runs', '90 days'),
('hourly_reports', '90 days'),
('webhook_deliveries', '30 days'),
('orders', '90 days');

create function private.kept_since(thing text) returns timestamptz
language sql stable
set search_path = ''
as $$
  select clock_timestamp() - keep from private.retentions where name = thing
$$;

create function private.forget_sessions() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  deleted integer;
begin
  delete from auth.sessions
  where id in (
    select id from auth.sessions
    where not_after < clock_timestamp()
      or greatest(created_at, updated_at, refreshed_at at time zone 'utc') < private.kept_since('sessions')
    limit 1000
    for update skip locked);
  get diagnostics deleted = row_count;
  return jsonb_build_object('deleted', deleted, 'more', deleted = 1000);
end
$$;
comment on function private.forget_sessions() is
'Removes sessions, with their tokens, that are over, or that nobody has used for long.';

-- Who places an order refers to the user's row: so who holds it, and then sees no order, deletes no owner.
create function private.forget_guest(wanted uuid) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform from auth.users where id = wanted and is_anonymous for update skip locked;
  if not found then
    return false;
  end if;
  delete from auth.users as guest
  where id = wanted and not exists (select from public.orders where user_id = guest.id);
  return found;
end
$$;

create function private.forget_guests() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  before constant timestamptz := private.kept_since('guests');
  guests uuid[];
  deleted integer;
begin
  guests := array(
    select guest.id from auth.users as guest
    where guest.is_anonymous and greatest(guest.created_at, guest.last_sign_in_at) < before
      and not exists (select from public.orders where user_id = guest.id)
      and not exists (
        select from auth.sessions
        where user_id = guest.id and greatest(created_at, refreshed_at at time zone 'utc') > before)
    order by guest.id
    limit 500);
  select count(*) filter (where private.forget_guest(id)) into deleted from unnest(guests) as id;
  return jsonb_build_object('deleted', deleted, 'more', deleted > 0 and cardinality(guests) = 500);
end
$$;
comment on function private.forget_guests() is 'Removes guests who never ordered and have not come back.';

create function private.forget_logs() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  deleted integer;
begin
  with letters as (
    delete from private.dead_letters where id in (
      select letter.id from private.dead_letters as letter
      join private.queues as policy on policy.name = letter.queue
      where letter.resolved_at < clock_timestamp() - policy.retention
      limit 1000)
    returning 1
  ), alarms as (
    delete from public.alarms where id in (
      select id from public.alarms where cleared_at < private.kept_since('alarms') limit 1000)
    returning 1
  ), runs as (
    delete from public.job_runs where id in (
      select id from public.job_runs where created_at < private.kept_since('job_runs') limit 1000)
    returning 1
  ), reports as (
    delete from public.reports where id in (
      select id from public.reports
      where kind = 'hourly' and period_start < private.kept_since('hourly_reports')
      limit 1000)
    returning 1
  ), clock as (
    delete from cron.job_run_details where runid in (
      select runid from cron.job_run_details
      where coalesce(end_time, start_time) < private.kept_since('clock')
      limit 10000)
    returning 1
  ), every as (
    select * from letters union all select * from alarms union all select * from runs
    union all select * from reports union all select * from clock
  )
  select count(*) into deleted from every;
  return jsonb_build_object('deleted', deleted, 'more', deleted >= 1000);
end
$$;
comment on function private.forget_logs() is
'Removes what was dealt with and has outlived its use: dead letters, alarms, runs, hourly reports.';

create function private.forget_webhook_ids() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  deleted integer;
begin
  delete from private.payment_events
  where id in (
    select id from private.payment_events
    where received_at < private.kept_since('payment_events')
    order by received_at
    limit 1000);
  get diagnostics deleted = row_count;
  return jsonb_build_object('deleted', deleted, 'more', deleted = 1000);
end
$$;
comment on function private.forget_webhook_ids() is
'Removes ids of the provider''s webhooks that it repeats no more.';

-- Statistics of what grows: on its own, Postgres looks again only after a tenth of a table has changed, and till
-- then plans for days that it has never heard of. Not of queues: they are empty now, and full by day. (VACUUM
-- cannot run in a function; autovacuum is set for the tables that need it.)
create function private.maintain() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  grows constant text [] := array[
    'public.orders', 'public.order_items', 'public.order_events', 'public.payments',
    'public.payment_entries', 'public.stock_movements', 'public.shipments', 'public.emails',
    'private.order_steps', 'private.payment_events'];
  chosen text;
begin
  select name into chosen
  from unnest(grows) with ordinality as known (name, place)
  left join pg_catalog.pg_stat_user_tables as seen on seen.relid = name::regclass
  where coalesce(seen.last_analyze < clock_timestamp() - interval '1 hour', true)
  order by place
  limit 1;
  if chosen is not null then
    execute format('analyze %s', chosen);
  end if;
  return jsonb_build_object('analyzed', (chosen is not null)::integer, 'more', chosen is not null);
end
$$;
comment on function private.maintain() is 'Refreshes the statistics of one table that grows, if it is time.';

create function private.tell_of_ledgers(differences integer, first jsonb) returns void
language plpgsql
set search_path = ''
as $$
declare
  topic constant text := 'ledgers';
begin
  if differences = 0 then
    perform private.clear_alarm('ledger', topic);
  else
    perform private.raise_alarm('ledger', topic, jsonb_build_object('differences', differences, 'first', first));
  end if;
end
$$;

-- At most 5000 orders and 100 products, which have many more movements each. Null: it is all that is left.
create function private.last_id_of_batch(after uuid) returns uuid
language plpgsql stable
set search_path = ''
as $$
begin
  return least(
    (select id from public.orders where id > after order by id offset 4999 limit 1),
    (select product_id from public.inventory where product_id > after order by product_id offset 99 limit 1));
end
$$;

create function private.check_ledgers() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  so_far jsonb;
  last uuid;
  found jsonb;
begin
  select coalesce(state, '{"after": "00000000-0000-0000-0000-000000000000", "differences": 0}') into so_far
  from private.tasks where name = 'check_ledgers' for update;
  last := private.last_id_of_batch((so_far ->> 'after')::uuid);
  select coalesce(jsonb_agg(difference), '[]') into found
  from private.ledger_differences(
    (so_far ->> 'after')::uuid, coalesce(last, 'ffffffff-ffff-ffff-ffff-ffffffffffff')) as difference;
  so_far := jsonb_build_object(
    'after', last, 'differences', (so_far ->> 'differences')::integer + jsonb_array_length(found),
    'first', coalesce(so_far -> 'first', found -> 0));
  if last is null then
    perform private.tell_of_ledgers((so_far ->> 'differences')::integer, so_far -> 'first');
  end if;
  update private.tasks set state = case when last is not null then jsonb_strip_nulls(so_far) end
  where name = 'check_ledgers';
  return jsonb_build_object('differences', jsonb_array_length(found), 'more', last is not null);
end
$$;
comment on function private.check_ledgers() is
'Compares orders, payments and stock with each other, a batch at a time; after the last one, raises or clears
the alarm about them.';

insert into private.tasks (job, name, position) values
('daily', 'forget_sessions', 10),
('daily', 'forget_guests', 20),
('daily', 'forget_logs', 30),
('daily', 'forget_webhook_ids', 40),
('daily', 'archive_orders', 50),
('daily', 'report_sales', 60),
('daily', 'check_ledgers', 70),
('daily', 'maintain', 90),
('hourly', 'report_hours', 20);
