-- The verbs that every client uses: place_order, cancel_order, order_feed.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.is_text(value jsonb, shortest integer, longest integer) returns boolean
language sql immutable
set search_path = ''
as $$
  select coalesce(
    jsonb_typeof(value) = 'string'
    and char_length(btrim(value #>> '{}')) between shortest and longest
    and value #>> '{}' !~ '[[:cntrl:]]', false)
$$;

create function private.check_address(address jsonb) returns jsonb
language plpgsql immutable
set search_path = ''
as $$
declare
  required constant text[] := array['name', 'line1', 'city', 'postal_code', 'country'];
  optional constant text[] := array['line2', 'region'];
  field text;
begin
  if jsonb_typeof(address) is distinct from 'object' then
    perform private.refuse(422, 'invalid_address', 'The shipping address must be an object.');
  end if;
  for field in select key from jsonb_object_keys(address) as key
  loop
    if field <> all (required || optional) then
      perform private.refuse(422, 'invalid_address', 'The shipping address has an unknown field.',
        jsonb_build_object('field', field));
    end if;
  end loop;
  address := jsonb_strip_nulls(address);
  foreach field in array required || optional
  loop
    if (field = any (required) or address ? field)
      and not private.is_text(address -> field, (field = any (required))::int, 200)
    then
      perform private.refuse(422, 'invalid_address', 'A field of the shipping address is missing or wrong.',
        jsonb_build_object('field', field));
    end if;
  end loop;
  if address ->> 'country' !~ '^[A-Z]{2}$' then
    perform private.refuse(422, 'invalid_address', 'The country must be a two-letter code (ISO 3166-1).',
      jsonb_build_object('field', 'country'));
  end if;
  return address;
end
$$;

create function private.check_item(item jsonb) returns void
language plpgsql immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(item) is distinct from 'object'
    or coalesce(item ->> 'product_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    or item - array['product_id', 'quantity'] <> '{}'
  then
    perform private.refuse(422, 'invalid_item', 'Each item is {"product_id": uuid, "quantity": integer}.',
      jsonb_build_object('item', item));
  end if;
  if jsonb_typeof(item -> 'quantity') is distinct from 'number'
    or (item ->> 'quantity')::numeric not between 1 and 1000
    or (item ->> 'quantity')::numeric % 1 <> 0
  then
    perform private.refuse(422, 'invalid_quantity', 'The quantity must be a whole number from 1 to 1000.',
      jsonb_build_object('product_id', item ->> 'product_id', 'quantity', item -> 'quantity'));
  end if;
end
$$;

-- The basket with each product once, by product id: {product id: quantity}.
create function private.check_items(items jsonb) returns jsonb
language plpgsql immutable
set search_path = ''
as $$
declare
  item jsonb;
  basket jsonb;
begin
  if jsonb_typeof(items) is distinct from 'array' then
    perform private.refuse(422, 'invalid_items', 'The items must be a list.');
  end if;
  if jsonb_array_length(items) not between 1 and 100 then
    perform private.refuse(422,
      case jsonb_array_length(items) when 0 then 'empty_basket' else 'too_many_items' end,
      'An order has 1 to 100 items.');
  end if;
  for item in select value from jsonb_array_elements(items)
  loop
    perform private.check_item(item);
  end loop;
  select jsonb_object_agg(product_id, quantity) into basket
  from (
    select lower(value ->> 'product_id') as product_id, sum((value ->> 'quantity')::numeric)::int as quantity
    from jsonb_array_elements(items)
    group by 1
  ) as line;
  if exists (select from jsonb_each(basket) where value::int > 1000) then
    perform private.refuse(422, 'invalid_quantity', 'At most 1000 of one product go into an order.');
  end if;
  return basket;
end
$$;

create type private.priced_line as (
  product_id uuid, name text, quantity integer, unit_price bigint, currency text
);

-- Names, prices and currency from the catalogue, in the market of the country of delivery.
create function private.price_basket(basket jsonb, country text) returns private.priced_line []
language plpgsql stable
set search_path = ''
as $$
declare
  lines private.priced_line [];
  unknown jsonb;
begin
  select
    array_agg(
      (product.id, product.name, line.value::int,
        coalesce(market.price, product.price), coalesce(market.currency, product.currency)
      )::private.priced_line order by product.id),
    jsonb_agg(line.key) filter (where product.id is null)
  into lines, unknown
  from jsonb_each_text(basket) as line
  left join public.products as product on product.id = line.key::uuid and product.active
  left join public.product_prices as market
    on market.product_id = product.id and market.country = price_basket.country;
  if unknown is not null then
    perform private.refuse(422, 'unknown_product', 'A product does not exist or is not on sale.',
      jsonb_build_object('product_ids', unknown));
  end if;
  if (select count(distinct line.currency) from unnest(lines) as line) > 1 then
    perform private.refuse(422, 'mixed_currencies', 'These products are not sold in one currency.');
  end if;
  return lines;
end
$$;

-- Rows are locked in the order of their ids, so that two baskets cannot wait for each other.
create function private.reserve_stock(ordered uuid, lines private.priced_line []) returns void
language plpgsql
set search_path = ''
as $$
declare
  short jsonb;
begin
  perform from public.inventory
  where product_id in (select line.product_id from unnest(lines) as line)
  order by product_id
  for update;
  select jsonb_agg(jsonb_build_object(
    'product_id', line.product_id, 'name', line.name, 'requested', line.quantity,
    'available', stock.on_hand - stock.reserved))
  into short
  from unnest(lines) as line
  join public.inventory as stock using (product_id)
  where stock.on_hand - stock.reserved < line.quantity;
  if short is not null then
    perform private.refuse(409, 'insufficient_stock', 'Not enough in stock.',
      jsonb_build_object('products', short));
  end if;
  insert into public.stock_movements (product_id, order_id, kind, on_hand_change, reserved_change)
  select line.product_id, ordered, 'reserved', 0, line.quantity
  from unnest(lines) as line;
end
$$;

create function private.buyer_email(buyer uuid, given text) returns text
language plpgsql stable
set search_path = ''
as $$
declare
  address text := coalesce(given, (select email from auth.users where id = buyer));
begin
  if address is null then
    perform private.refuse(422, 'email_required', 'A guest''s order needs an e-mail address.');
  end if;
  if address !~ '^[^@\s[:cntrl:],;:<>()"\\]+@[^@\s[:cntrl:],;:<>()"\\]+\.[^@\s[:cntrl:],;:<>()"\\]+$'
    or char_length(address) > 254
  then
    perform private.refuse(422, 'invalid_email', 'This is not an e-mail address.');
  end if;
  return address;
end
$$;

create function private.check_price(
  lines private.priced_line [], wanted_currency text, expected_total bigint
) returns void
language plpgsql immutable
set search_path = ''
as $$
declare
  sold_in text := lines[1].currency;
  total bigint := (select sum(line.quantity * line.unit_price) from unnest(lines) as line);
begin
  if wanted_currency <> sold_in then
    perform private.refuse(422, 'currency_mismatch', 'This basket is not sold in that currency.',
      jsonb_build_object('currency', sold_in, 'total', total));
  end if;
  if expected_total is not null and expected_total <> total then
    perform private.refuse(409, 'price_changed', 'The price has changed.',
      jsonb_build_object('currency', sold_in, 'total', total));
  end if;
end
$$;

-- The order that an earlier call with this key made; refuses the key for another request.
create function private.replayed_order(buyer uuid, key uuid, hash bytea) returns public.orders
language plpgsql stable
set search_path = ''
as $$
declare
  known public.orders;
begin
  select * into known from public.orders where user_id = buyer and idempotency_key = key;
  if known.id is not null and known.request_hash <> hash then
    perform private.refuse(422, 'idempotency_key_reused',
      'This idempotency key belongs to another order request.', jsonb_build_object('order_id', known.id));
  end if;
  return known;
end
$$;

-- Definer: writes what callers may only read. Everything is checked here, under the caller's own id.
create function private.place_order(
  items jsonb, shipping_address jsonb, payment_method text, idempotency_key uuid,
  wanted_currency text, expected_total bigint, contact_email text
) returns public.orders
language plpgsql
security definer
set search_path = ''
as $$
declare
  buyer constant uuid := auth.uid();
  basket constant jsonb := private.check_items(items);
  address constant jsonb := private.check_address(shipping_address);
  hash constant bytea := sha256(convert_to(jsonb_build_array(
    basket, address, payment_method, wanted_currency, expected_total, contact_email)::text, 'UTF8'));
  lines private.priced_line [];
  placed public.orders;
begin
  if buyer is null then
    perform private.refuse(401, 'sign_in_required', 'Sign in, as a guest at least, to place an order.');
  end if;
  if idempotency_key is null then
    perform private.refuse(422, 'invalid_idempotency_key', 'An order needs an idempotency key.');
  end if;
  if payment_method is null or payment_method !~ '^pm_[A-Za-z0-9_]{1,250}$' then
    perform private.refuse(422, 'invalid_payment_method', 'The payment method must be a Stripe id (pm_…).');
  end if;
  placed := private.replayed_order(buyer, idempotency_key, hash);
  if placed.id is not null then
    return placed;
  end if;
  lines := private.price_basket(basket, address ->> 'country');
  perform private.check_price(lines, wanted_currency, expected_total);

  -- A parallel call with the same key waits here for the first one's end.
  insert into public.orders (
    user_id, email, currency, total, shipping_address, payment_method, idempotency_key, request_hash)
  select
    buyer, private.buyer_email(buyer, contact_email), lines[1].currency,
    sum(line.quantity * line.unit_price), address, place_order.payment_method,
    place_order.idempotency_key, hash
  from unnest(lines) as line
  on conflict on constraint orders_user_id_idempotency_key_key do nothing
  returning * into placed;
  if placed.id is null then
    return private.replayed_order(buyer, idempotency_key, hash);
  end if;
  insert into public.order_items (order_id, product_id, user_id, name, unit_price, quantity)
  select placed.id, line.product_id, buyer, line.name, line.unit_price, line.quantity
  from unnest(lines) as line;
  perform private.reserve_stock(placed.id, lines);
  perform private.record_event(placed, 'order.placed');
  return placed;
end
$$;

create function public.place_order(
  items jsonb, shipping_address jsonb, payment_method text, idempotency_key uuid,
  currency text default null, expected_total bigint default null, email text default null
) returns public.orders
language sql
set search_path = ''
as $$
  select private.place_order(
    items, shipping_address, payment_method, idempotency_key, currency, expected_total, email)
$$;
comment on function public.place_order(jsonb, jsonb, text, uuid, text, bigint, text) is
'Place an order: priced from the catalogue for the country of delivery, stock reserved, work queued.
items: [{"product_id": uuid, "quantity": 1..1000}], 1 to 100 of them.
shipping_address: {name, line1, line2?, city, postal_code, region?, country (ISO 3166-1)}.
payment_method: a Stripe payment method id. idempotency_key: same key and request, same order, for ever.
currency, expected_total (minor units): refused if the basket costs otherwise. email: for guests.
Refusals (`details`): invalid_items, empty_basket, too_many_items, invalid_item, invalid_quantity,
invalid_address, invalid_payment_method, invalid_idempotency_key, idempotency_key_reused,
unknown_product, mixed_currencies, currency_mismatch, price_changed, insufficient_stock,
email_required, invalid_email, sign_in_required.';

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
create function private.lock_orders(ids uuid []) returns void
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

create table private.order_steps (
  order_id uuid not null references public.orders (id) on delete restrict,
  step text not null check (step in ('charge', 'ship')),
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
alter table private.order_steps enable row level security;
create trigger touch before update on private.order_steps
for each row execute function private.touch();

-- Definer: see place_order.
create function private.cancel_order(wanted uuid) returns public.orders
language plpgsql
security definer
set search_path = ''
as $$
declare
  found public.orders;
begin
  perform private.lock_orders(array[wanted]);
  select * into found
  from public.orders
  where id = wanted and (user_id = auth.uid() or private.is_staff());
  if found.id is null then
    perform private.refuse(404, 'order_not_found', 'There is no such order.');
  end if;
  if found.status = 'cancelled' then
    return found;
  end if;
  if found.status <> 'placed' or exists (select from private.order_steps where order_id = wanted) then
    perform private.refuse(409, 'order_not_cancellable', 'This order can no longer be cancelled.',
      jsonb_build_object('status', found.status));
  end if;
  perform private.release_stock(wanted);
  return private.move_order(wanted, 'cancelled');
end
$$;

create function public.cancel_order(order_id uuid) returns public.orders
language sql
set search_path = ''
as $$ select private.cancel_order(order_id) $$;
comment on function public.cancel_order(uuid) is
'Cancel an order whose payment has not begun; its stock is free again. Cancelling twice is once.
Refusals: order_not_found, order_not_cancellable.';

create function public.order_feed(after text default null, max_rows integer default 100)
returns table (
  "position" text, order_id uuid, user_id uuid, type text, status public.order_status,
  version integer, data jsonb, created_at timestamptz
)
language plpgsql stable
set search_path = ''
as $$
declare
  everybody constant boolean := private.is_staff() or current_user = 'service_role';
  after_xid xid8 := '0';
  after_id bigint := 0;
begin
  if max_rows is null or max_rows not between 1 and 1000 then
    perform private.refuse(422, 'invalid_max_rows', 'max_rows must be from 1 to 1000.');
  end if;
  if after is not null then
    if after !~ '^\d{1,19}-\d{1,18}$' then
      perform private.refuse(422, 'invalid_position', 'This is not a position of the feed.');
    end if;
    after_xid := split_part(after, '-', 1)::xid8;
    after_id := split_part(after, '-', 2)::bigint;
  end if;
  -- Two queries, so that each can walk its own index.
  if everybody then
    return query
      select
        event.xid || '-' || event.id, event.order_id, event.user_id, event.type, event.status,
        event.version, event.data, event.created_at
      from public.order_events as event
      where (event.xid, event.id) > (after_xid, after_id)
        and event.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by event.xid, event.id
      limit max_rows;
  else
    return query
      select
        event.xid || '-' || event.id, event.order_id, event.user_id, event.type, event.status,
        event.version, event.data, event.created_at
      from public.order_events as event
      where event.user_id = (select auth.uid())
        and (event.xid, event.id) > (after_xid, after_id)
        and event.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by event.xid, event.id
      limit max_rows;
  end if;
end
$$;
comment on function public.order_feed(text, integer) is
'Events after a position, in order; the caller''s own, or all for staff. No later call ever shows an
event before a position already shown: events appear once every older transaction has ended.
max_rows: 1 to 1000. Refusals: invalid_position, invalid_max_rows.';

create function public.order_feed_head() returns text
language sql stable
set search_path = ''
as $$ select pg_snapshot_xmin(pg_current_snapshot()) || '-0' $$;
comment on function public.order_feed_head() is
'A position before which nothing will ever appear: read it, then a snapshot, then the feed after it.';

grant execute on function private.place_order(jsonb, jsonb, text, uuid, text, bigint, text),
private.cancel_order(uuid), private.refuse(integer, text, text, jsonb)
to authenticated, service_role;
grant execute on function public.place_order(jsonb, jsonb, text, uuid, text, bigint, text),
public.cancel_order(uuid), public.order_feed(text, integer), public.order_feed_head()
to authenticated, service_role;
