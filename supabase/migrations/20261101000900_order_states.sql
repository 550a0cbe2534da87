-- How an order moves from status to status, and what is known of its steps.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- Moves an order, whose row the caller has locked, along one of the allowed edges.
create table private.status_changes (
  from_status public.order_status not null,
  to_status public.order_status not null,
  primary key (from_status, to_status)
);
comment on table private.status_changes is 'The edges of the order''s state machine.';
alter table private.status_changes enable row level security;
insert into private.status_changes (from_status, to_status) values
('placed', 'paid'),
('placed', 'payment_failed'),
('placed', 'cancelled'),
('paid', 'shipped'),
('paid', 'needs_attention'),
('shipped', 'completed');

create function private.check_status_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not exists (
    select from private.status_changes
    where from_status = old.status and to_status = new.status
  ) then
    raise exception 'an order cannot go from % to %', old.status, new.status
      using errcode = 'check_violation';
  end if;
  new.version := old.version + 1;
  return new;
end
$$;
create trigger check_status_change before update of status on public.orders
for each row execute function private.check_status_change();

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
    failure_code = event_data ->> 'failure_code',
    failure_message = event_data ->> 'failure_message'
  where id = ordered
  returning * into moved;
  perform private.record_event(moved, 'order.' || new_status, event_data);
  return moved;
end
$$;

-- Locks orders before a transaction writes anything. The advisory locks come first because they need no
-- transaction id: so whoever writes an order's next event has the higher id, and the feed, which is
-- sorted by transaction id, shows each order's events in their order.
create function private.lock_orders(ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('order ' || id, 0))
  from (select distinct unnest(ids) as id order by id) as sorted;
  perform from public.orders where id = any (ids) order by id for update;
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

create table private.steps (
  name text primary key,
  starts_in public.order_status not null
);
comment on table private.steps is 'Effects outside Postgres, and the status of an order that needs one.';
alter table private.steps enable row level security;
insert into private.steps (name, starts_in) values
('charge', 'placed'),
('ship', 'paid');

create table private.order_steps (
  order_id uuid not null references public.orders (id) on delete restrict,
  step text not null references private.steps (name),
  revision integer not null default 1,
  key text not null unique,
  state text not null default 'started' check (state in ('started', 'succeeded', 'failed')),
  starts integer not null default 1,
  failures integer not null default 0,
  last_error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (order_id, step, revision)
);
comment on table private.order_steps is
'Intents: an effect outside Postgres is written here, with its key, before it is called.';
create index order_steps_step_idx on private.order_steps (step);
alter table private.order_steps enable row level security;
create trigger touch before update on private.order_steps
for each row execute function private.touch();
