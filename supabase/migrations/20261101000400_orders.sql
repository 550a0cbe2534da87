-- Orders, their items, and their events: the audit trail that is also the live feed.
set lock_timeout = '5s';
set statement_timeout = '60s';

create type public.order_status as enum (
  'placed',            -- stock is reserved, payment is due
  'paid',              -- charged, shipment is due
  'shipped',           -- handed over, mails are due
  'completed',         -- nothing is due
  'out_of_stock',      -- ended: an item could not be had
  'payment_failed',    -- ended: the payment was refused, stock is free again
  'shipping_failed',   -- ended: could not be shipped
  'cancelled',         -- ended: by the shopper or the shop
  'refunded',          -- ended: the money went back
  'needs_attention'    -- waits for a person
);

create table public.orders (
  id uuid primary key default gen_random_uuid(),
  number bigint generated always as identity unique,
  user_id uuid references auth.users (id) on delete set null,
  email text not null check (char_length(email) <= 254),
  status public.order_status not null default 'placed',
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  total bigint not null check (total >= 0),
  shipping_address jsonb not null check (pg_column_size(shipping_address) < 10000),
  payment_method text not null,
  ending public.order_status check (
    ending in ('payment_failed', 'out_of_stock', 'shipping_failed', 'cancelled', 'refunded')
  ),
  interrupted_status public.order_status,
  failure_code text,
  failure_message text,
  capture text not null default 'at_once' check (capture in ('at_once', 'on_shipment')),
  reserved_until timestamptz,
  archived_at timestamptz,
  version integer not null default 1,
  traceparent text,
  idempotency_key uuid not null,
  request_hash bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, idempotency_key)
);
comment on table public.orders is 'One row per order. Total: minor units of `currency` (ISO 4217).';
comment on column public.orders.number is 'For people: what staff and shopper say on the phone.';
comment on column public.orders.email is 'Where its mails go; in small letters, as Auth keeps addresses.';
comment on column public.orders.version is 'Rises by one with each event of the order.';
comment on column public.orders.ending is
'Where a compensation leads: the status that the order gets once its money is back and its stock free.';
comment on column public.orders.interrupted_status is
'While it needs attention: the status to which a retry brings it back.';
comment on column public.orders.reserved_until is
'While the shopper has to confirm the payment: when the reserved stock is given up.';
comment on column public.orders.archived_at is
'Since when its steps are in the archive: long after its end. Lists of what goes on leave it out.';
create index orders_user_id_created_at_idx on public.orders (user_id, created_at desc);
create index orders_status_created_at_idx on public.orders (status, created_at desc);
create index orders_email_idx on public.orders (email);
create index orders_unarchived_idx on public.orders (created_at)
where archived_at is null and status in (
  'completed', 'cancelled', 'refunded', 'payment_failed', 'out_of_stock', 'shipping_failed'
);
create index orders_reserved_until_idx on public.orders (reserved_until)
where reserved_until is not null;

create table public.order_items (
  order_id uuid not null references public.orders (id) on delete cascade,
  product_id uuid not null references public.products (id) on delete restrict,
  user_id uuid,
  name text not null,
  unit_price bigint not null check (unit_price >= 0),
  quantity integer not null check (quantity between 1 and 1000),
  primary key (order_id, product_id)
);
comment on table public.order_items is 'Name and price as they were when the order was placed.';
create index order_items_product_id_idx on public.order_items (product_id);
create index order_items_user_id_idx on public.order_items (user_id);

create table public.order_events (
  id bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),
  order_id uuid not null references public.orders (id) on delete cascade,
  user_id uuid,
  type text not null check (type ~ '^order\.[a-z_]+$'),
  status public.order_status not null,
  version integer not null,
  data jsonb not null default '{}',
  actor uuid,
  traceparent text,
  created_at timestamptz not null default clock_timestamp(),
  unique (order_id, version)
);
comment on table public.order_events is
'Append-only. (xid, id) is the position in the feed: see public.order_feed.';
comment on column public.order_events.actor is 'The user whose call it was; null: the shop itself.';
comment on column public.order_events.traceparent is 'W3C Trace Context of the order: one order, one trace.';
create index order_events_position_idx on public.order_events (xid, id);
create index order_events_user_position_idx on public.order_events (user_id, xid, id);

create trigger touch before update on public.orders
for each row execute function private.touch();
create trigger forbid_change before update on public.orders
for each row when (
  (new.id, new.number, new.email, new.currency, new.total, new.shipping_address, new.created_at)
  is distinct from
  (old.id, old.number, old.email, old.currency, old.total, old.shipping_address, old.created_at)
) execute function private.forbid_change();
create trigger forbid_truncate before truncate on public.order_events
for each statement execute function private.forbid_change();
-- Erasing an account clears user_id; nothing else of an event may change.
create trigger forbid_change before update on public.order_events
for each row when (
  (
    new.id, new.xid, new.order_id, new.type, new.status, new.version, new.data, new.actor,
    new.traceparent, new.created_at
  )
  is distinct from
  (
    old.id, old.xid, old.order_id, old.type, old.status, old.version, old.data, old.actor,
    old.traceparent, old.created_at
  )
) execute function private.forbid_change();
create trigger forbid_delete before delete on public.order_events
for each row execute function private.forbid_change();

-- What belongs to an order belongs to its user: written with it by the verbs, and forgotten with it. A
-- foreign key to the users on each of these tables would check the same again for every row.
create function private.forget_user() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.order_items set user_id = new.user_id where order_id = new.id;
  update public.order_events set user_id = new.user_id where order_id = new.id;
  update public.payments set user_id = new.user_id where order_id = new.id;
  update public.refunds set user_id = new.user_id where order_id = new.id;
  update public.shipments set user_id = new.user_id where order_id = new.id;
  return null;
end
$$;
create trigger forget_user after update of user_id on public.orders
for each row when (new.user_id is distinct from old.user_id)
execute function private.forget_user();

alter table public.orders enable row level security;
alter table public.order_items enable row level security;
alter table public.order_events enable row level security;

create policy "shoppers read their orders, staff all" on public.orders
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
create policy "shoppers read their items, staff all" on public.order_items
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
create policy "shoppers read their events, staff all" on public.order_events
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));

revoke all on public.orders, public.order_items, public.order_events
from anon, authenticated, service_role;
grant select on public.orders, public.order_items, public.order_events to authenticated, service_role;

alter publication supabase_realtime add table public.orders, public.order_events;
