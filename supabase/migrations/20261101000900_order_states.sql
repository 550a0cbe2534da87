-- How an order moves from status to status, and what is known of its steps.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.steps (
  name text primary key,
  due_in public.order_status,
  compensated_by text references private.steps (name)
);
comment on table private.steps is
'Effects outside Postgres. due_in: the status in which an order needs the step; null: when it is asked
for. The rows come from the declaration in functions/orders/saga.py.';
create index steps_compensated_by_idx on private.steps (compensated_by);
alter table private.steps enable row level security;

create table private.status_changes (
  from_status public.order_status not null,
  to_status public.order_status not null,
  primary key (from_status, to_status)
);
comment on table private.status_changes is
'The edges of the order''s state machine, from the same declaration. Besides, every order may come to
need attention, and then goes back to where it was.';
alter table private.status_changes enable row level security;

create function private.check_status_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.status <> 'needs_attention'
    and (old.status <> 'needs_attention' or new.status is distinct from old.interrupted_status)
    and not exists (
      select from private.status_changes
      where from_status = old.status and to_status = new.status
    )
    or new.status = old.status
  then
    raise exception 'an order cannot go from % to %', old.status, new.status
      using errcode = 'check_violation';
  end if;
  return new;
end
$$;
create trigger check_status_change before update of status on public.orders
for each row execute function private.check_status_change();

create function private.check_version() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.version <> old.version + (new.status <> old.status or new.version <> old.version)::integer then
    raise exception 'the version of an order rises by one with each event'
      using errcode = 'check_violation';
  end if;
  return new;
end
$$;
create trigger check_version before update of status, version on public.orders
for each row execute function private.check_version();

-- Moves an order, whose row the caller has locked, along one of the allowed edges.
create function private.move_order(
  ordered uuid, new_status public.order_status, event_data jsonb default '{}'
) returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  moved public.orders;
begin
  update public.orders
  set status = new_status,
    version = version + 1,
    ending = case new_status when 'needs_attention' then ending end,
    reserved_until = null,
    interrupted_status = case new_status when 'needs_attention' then status end,
    -- What made the order turn back stays its cause, whatever happens on the way.
    failure_code = case when ending is null then event_data ->> 'failure_code' else failure_code end,
    failure_message
      = case when ending is null then event_data ->> 'failure_message' else failure_message end
  where id = ordered
  returning * into moved;
  perform private.record_event(moved, 'order.' || new_status, event_data);
  return moved;
end
$$;

-- Writes an event that leaves the status as it is. The caller has locked the order.
create function private.note_event(ordered uuid, event_type text, event_data jsonb default '{}')
returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
begin
  update public.orders set version = version + 1 where id = ordered
  returning * into subject;
  perform private.record_event(subject, event_type, event_data);
  return subject;
end
$$;

-- Locks orders before a transaction writes anything. The advisory locks come first because they need no
-- transaction id: so whoever writes an order's next event has the higher id, and the feed, which is
-- sorted by transaction id, shows each order's events in their order. No key update: who only refers to an
-- order, as a new mail does, need not wait.
create function private.lock_orders(ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('order ' || id, 0))
  from (select distinct unnest(ids) as id order by id) as sorted;
  perform from public.orders where id = any (ids) order by id for no key update;
end
$$;

-- The same without waiting: which of them the caller got. Who reads a queue holds messages, and must not
-- wait for an order whose holder may be about to remove one of them.
create function private.try_lock_orders(ids uuid[]) returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  free uuid[];
begin
  select array_agg(id) into free
  from (select distinct unnest(ids) as id order by id) as sorted
  where pg_try_advisory_xact_lock(hashtextextended('order ' || id, 0));
  return array(select id from public.orders where id = any (free) order by id for no key update skip locked);
end
$$;

-- The caller has locked the order. The ledger's unique index refuses a second release.
create function private.release_stock(ordered uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from public.inventory
  where product_id in (select product_id from public.order_items where order_id = ordered)
  order by product_id
  for update;
  insert into public.stock_movements (product_id, order_id, kind, on_hand_change, reserved_change)
  select product_id, ordered, 'released', 0, -quantity
  from public.order_items
  where order_id = ordered;
end
$$;

create table private.order_steps (
  order_id uuid not null references public.orders (id) on delete restrict,
  step text not null references private.steps (name),
  revision integer not null default 1,
  key text not null unique,
  state text not null default 'started'
  check (state in ('started', 'waiting', 'succeeded', 'failed', 'dead')),
  starts integer not null default 1,
  forgiven integer not null default 0,
  failures integer not null default 0,
  message_id bigint,
  leased_until timestamptz,
  reference text,
  last_error text,
  history jsonb not null default '[]',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (order_id, step, revision)
);
comment on table private.order_steps is
'Intents: an effect outside Postgres is written here, with its key, before it is called. starts is also
the fence: a result counts only from the latest start; forgiven of them count towards no limit. waiting: for the shopper, the staff or the
provider. dead: given to people as a dead letter. reference: what the provider calls it.';
create index order_steps_step_idx on private.order_steps (step);
alter table private.order_steps enable row level security;
alter table private.order_steps set (fillfactor = 70);
create trigger touch before update on private.order_steps
for each row execute function private.touch();

create function private.step_key(ordered uuid, step text, revision integer) returns text
language plpgsql immutable
set search_path = ''
as $$
begin
  return format('order-%s-%s-%s', ordered, step, revision);
end
$$;
