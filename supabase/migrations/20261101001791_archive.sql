-- The archive: of orders that ended long ago, the books of the engine leave its tables, so that these hold what
-- goes on. Orders, events, money and stock stay where they are: they are the shop's books, and a feed has no
-- gaps. Whatever gives an archived order something to do brings its steps back.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.archived_steps (
  order_id uuid primary key references public.orders (id) on delete restrict,
  steps jsonb not null,
  archived_at timestamptz not null default now()
);
comment on table private.archived_steps is 'steps: the rows of private.order_steps that an archived order had.';
alter table private.archived_steps enable row level security;

create function private.steps_of(ordered uuid) returns setof private.order_steps
language sql stable
set search_path = ''
as $$
  select * from private.order_steps where order_id = ordered
  union all
  select step.*
  from private.archived_steps as archive
  cross join lateral jsonb_populate_recordset(null::private.order_steps, archive.steps) as step
  where archive.order_id = ordered
$$;
comment on function private.steps_of(uuid) is 'The steps of an order, archived or not.';

-- Whether nothing was or is to be done for it since.
create function private.is_archivable(subject public.orders, since timestamptz) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return subject.archived_at is null
    and subject.status in (
      'completed', 'cancelled', 'refunded', 'payment_failed', 'out_of_stock', 'shipping_failed')
    and not exists (
      select from public.order_events where order_id = subject.id and created_at >= since)
    and not exists (select from public.refunds where order_id = subject.id and status = 'requested')
    and not exists (
      select from private.order_steps
      where order_id = subject.id and state not in ('succeeded', 'failed'))
    and not exists (select from private.dead_letters where order_id = subject.id);
end
$$;

create function private.archive_order(ordered uuid, since timestamptz) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.orders as subject set archived_at = clock_timestamp()
  where id = ordered and private.is_archivable(subject, since);
  if not found then
    return false;
  end if;
  with done as (
    delete from private.order_steps where order_id = ordered returning *
  )
  insert into private.archived_steps (order_id, steps)
  select ordered, jsonb_agg(to_jsonb(done) order by created_at) from done having count(*) > 0;
  return true;
end
$$;

create function private.archive_orders() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  before constant timestamptz := private.kept_since('orders');
  due uuid[];
  archived integer;
begin
  due := array(
    select subject.id from public.orders as subject
    where archived_at is null and created_at < before
      and status in (
        'completed', 'cancelled', 'refunded', 'payment_failed', 'out_of_stock', 'shipping_failed')
      and private.is_archivable(subject, before)
    order by created_at
    limit 500);
  -- Who is at work on an order now gives it something to do: its turn comes another night.
  select count(*) filter (where private.archive_order(id, before)) into archived
  from unnest(private.try_lock_orders(due)) as id;
  return jsonb_build_object('archived', archived, 'more', archived > 0 and cardinality(due) = 500);
end
$$;
comment on function private.archive_orders() is 'Archives orders whose last event is long ago.';

-- The caller has locked the order, or decides nothing by its steps.
create function private.unarchive_order(ordered uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
  with taken as (
    delete from private.archived_steps where order_id = ordered returning steps
  )
  insert into private.order_steps
  select step.*
  from taken
  cross join lateral jsonb_populate_recordset(null::private.order_steps, taken.steps) as step;
  update public.orders set archived_at = null where id = ordered;
end
$$;
comment on function private.unarchive_order(uuid) is
'Brings the steps of an archived order back: there is something to do for it after all.';
