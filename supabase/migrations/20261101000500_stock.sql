-- Stock: a ledger of movements, and the balances that it sums to.
set lock_timeout = '5s';
set statement_timeout = '60s';

create type public.stock_movement_kind as enum (
  'received',  -- goods came in
  'adjusted',  -- a count found more or fewer
  'reserved',  -- promised to an order
  'released',  -- promised no longer
  'sold',      -- left with an order
  'returned'   -- came back from an order
);

create table public.inventory (
  product_id uuid primary key references public.products (id) on delete cascade,
  on_hand bigint not null default 0 check (on_hand >= 0),
  reserved bigint not null default 0 check (reserved >= 0),
  available bigint not null generated always as (on_hand - reserved) stored,
  constraint never_oversold check (reserved <= on_hand)
);
comment on table public.inventory is
'Balances of stock_movements, changed by them alone. Free to sell: on_hand - reserved.';

create table public.stock_movements (
  id bigint generated always as identity primary key,
  product_id uuid not null references public.products (id) on delete restrict,
  order_id uuid references public.orders (id) on delete restrict,
  kind public.stock_movement_kind not null,
  on_hand_change bigint not null,
  reserved_change bigint not null,
  note text not null default '' check (char_length(note) <= 500),
  idempotency_key uuid,
  moved_by uuid,
  created_at timestamptz not null default now(),
  constraint changes_fit_kind check (
    case kind
      when 'received' then on_hand_change > 0 and reserved_change = 0
      when 'adjusted' then on_hand_change <> 0 and reserved_change = 0
      when 'reserved' then on_hand_change = 0 and reserved_change > 0
      when 'released' then on_hand_change = 0 and reserved_change < 0
      when 'sold' then on_hand_change < 0 and reserved_change = on_hand_change
      when 'returned' then on_hand_change > 0 and reserved_change = 0
    end
  ),
  constraint order_where_needed check (
    (order_id is null) = (kind in ('received', 'adjusted'))
  )
);
comment on table public.stock_movements is
'Append-only ledger of stock. idempotency_key and moved_by are those of staff who received or counted goods.';
create index stock_movements_product_id_idx on public.stock_movements (product_id, id);
create unique index stock_movements_idempotency_key_idx
on public.stock_movements (idempotency_key) where idempotency_key is not null;
create index stock_movements_order_id_idx on public.stock_movements (order_id);
-- An order reserves a product once, and that reservation ends once: released or sold, never both.
create unique index stock_movements_reserved_once
on public.stock_movements (order_id, product_id) where kind = 'reserved';
create unique index stock_movements_ended_once
on public.stock_movements (order_id, product_id) where kind in ('released', 'sold');

create function private.apply_stock_movements() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- In the order of their ids, as everybody locks stock: others would wait for each other for ever.
  perform from public.inventory
  where product_id in (select product_id from new_movements)
  order by product_id
  for update;
  update public.inventory
  set on_hand = inventory.on_hand + moved.on_hand_change,
    reserved = inventory.reserved + moved.reserved_change
  from (
    select product_id, sum(on_hand_change) as on_hand_change, sum(reserved_change) as reserved_change
    from new_movements
    group by product_id
  ) as moved
  where inventory.product_id = moved.product_id;
  return null;
end
$$;

create function private.protect_inventory() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'inventory changes by stock_movements only' using errcode = 'restrict_violation';
end
$$;

create function private.open_inventory() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.inventory (product_id) values (new.id);
  return null;
end
$$;

create trigger apply_stock_movements after insert on public.stock_movements
referencing new table as new_movements
for each statement execute function private.apply_stock_movements();
create trigger forbid_change before update or delete or truncate on public.stock_movements
for each statement execute function private.forbid_change();
-- Not within a trigger: the ledger's own one changes the balances.
create trigger protect_inventory before insert or update on public.inventory
for each row when (pg_trigger_depth() = 0) execute function private.protect_inventory();
create trigger forbid_truncate before truncate on public.inventory
for each statement execute function private.forbid_change();
create trigger open_inventory after insert on public.products
for each row execute function private.open_inventory();

alter table public.inventory enable row level security;
alter table public.stock_movements enable row level security;

create policy "everyone reads stock of what is on sale" on public.inventory
for select to anon, authenticated
using (exists (
  select from public.products
  where id = product_id
));
create policy "staff read stock movements" on public.stock_movements
for select to authenticated
using ((select private.is_staff()));

revoke all on public.inventory, public.stock_movements from anon, authenticated, service_role;
grant select on public.inventory to anon, authenticated, service_role;
grant select on public.stock_movements to authenticated, service_role;
grant insert (product_id, kind, on_hand_change, reserved_change, note)
on public.stock_movements to service_role;
