-- Ways to place an order: the plain one, on tables of its own, and ours.
create schema bench;

create table bench.stock (
  product_id uuid primary key,
  name text not null,
  price bigint not null,
  available bigint not null check (available >= 0)
);
create table bench.orders (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  status text not null default 'placed',
  total bigint not null default 0,
  shipping_address jsonb not null,
  payment_method text not null,
  idempotency_key uuid not null,
  created_at timestamptz not null default now(),
  unique (user_id, idempotency_key)
);
create index on bench.orders (user_id, created_at desc);
create table bench.items (
  order_id uuid not null references bench.orders (id),
  product_id uuid not null references bench.stock (product_id),
  name text not null,
  unit_price bigint not null,
  quantity integer not null,
  primary key (order_id, product_id)
);
create table bench.events (
  id bigint generated always as identity primary key,
  order_id uuid not null references bench.orders (id),
  type text not null,
  data jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp()
);
create index on bench.events (order_id);
insert into bench.stock
select id, name, price, 1000000 from public.products where slug like 'bench-%' order by id;
select private.create_queue(name) from unnest(array['bench_a', 'bench_b', 'bench_c']) as name;
analyze bench.stock;

create function bench.address() returns jsonb language sql immutable as $$
  select '{"name": "Bench", "line1": "1 Example Street", "city": "Berlin", "postal_code": "10115",
    "country": "DE"}'::jsonb
$$;

-- The least that an order needs, with a message for each of three queues. By arrays, as their few
-- members make Postgres look rows up by the index.
create function bench.plain(buyer uuid, items jsonb) returns uuid language plpgsql as $$
declare
  wanted constant uuid[] := array(
    select (value ->> 'product_id')::uuid from jsonb_array_elements(items));
  quantities constant integer[] := array(
    select (value ->> 'quantity')::integer from jsonb_array_elements(items));
  placed uuid;
  taken integer;
begin
  insert into bench.orders (user_id, shipping_address, payment_method, idempotency_key)
  values (buyer, bench.address(), 'pm_card_visa', gen_random_uuid())
  on conflict (user_id, idempotency_key) do nothing
  returning id into placed;
  if placed is null then
    raise exception 'placed before';
  end if;
  perform from bench.stock where product_id = any (wanted) order by product_id for update;
  update bench.stock set available = available - quantity
  from unnest(wanted, quantities) as line (id, quantity)
  where product_id = id and available >= quantity;
  get diagnostics taken = row_count;
  if taken < cardinality(wanted) then
    raise exception 'sold out';
  end if;
  insert into bench.items (order_id, product_id, name, unit_price, quantity)
  select placed, product_id, name, price, quantity
  from unnest(wanted, quantities) as line (id, quantity)
  join bench.stock on product_id = id;
  update bench.orders
  set total = (select sum(unit_price * quantity) from bench.items where order_id = placed)
  where id = placed;
  insert into bench.events (order_id, type) values (placed, 'order.placed');
  perform pgmq.send('bench_a', jsonb_build_object('order_id', placed));
  perform pgmq.send('bench_b', jsonb_build_object('order_id', placed));
  perform pgmq.send('bench_c', jsonb_build_object('order_id', placed));
  return placed;
end
$$;

-- What the REST server tells the database of a signed-in caller.
create function bench.sign_in(buyer uuid) returns void language plpgsql as $$
begin
  perform set_config('request.jwt.claims', json_build_object(
    'sub', buyer, 'role', 'authenticated',
    'session_id', overlay(buyer::text placing 'b' from 20 for 1))::text, true);
end
$$;

create function bench.ours(buyer uuid, items jsonb) returns uuid language plpgsql as $$
begin
  perform bench.sign_in(buyer);
  return (public.place_order(items, bench.address(), 'pm_card_visa', gen_random_uuid())).id;
end
$$;

-- A copy of one of our functions with a piece of its text changed.
create function bench.copy_changed(original text, copy text, piece text, replacement text)
returns void language plpgsql as $$
declare
  oid constant oid := (
    select pg_proc.oid from pg_proc
    where pronamespace = 'private'::regnamespace and proname = original);
  source text := pg_get_functiondef(oid);
begin
  if strpos(source, piece) = 0 then
    raise exception 'private.% does not contain %', original, piece;
  end if;
  source := replace(source, piece, replacement);
  -- Its own name stands in the head, and before its parameters.
  source := regexp_replace(source, 'FUNCTION private.' || original, 'FUNCTION bench.' || copy);
  execute regexp_replace(source, '\m' || original || '\.', copy || '.', 'g');
end
$$;

select bench.copy_changed('record_event', 'record_event_sending', $$insert into private.outbox (type, subject)
  values (event.type, jsonb_build_object('event_id', event.id, 'order_id', event.order_id));$$,
  $$perform pgmq.send(queue, jsonb_build_object(
    'event_id', event.id, 'order_id', event.order_id, 'type', event.type))
  from unnest(array['bench_a', 'bench_b', 'bench_c']) as queue;$$);
select bench.copy_changed('record_event', 'record_event_silent', $$perform private.wake('orders');$$, '');
select bench.copy_changed(
  'place_order', 'place_order_' || kind, 'private.record_event(', 'bench.record_event_' || kind || '(')
from unnest(array['sending', 'silent']) as kind;

create function bench.ours_sending(buyer uuid, items jsonb) returns uuid language plpgsql as $$
begin
  perform bench.sign_in(buyer);
  return (bench.place_order_sending(
    items, bench.address(), 'pm_card_visa', gen_random_uuid(), null, null, null)).id;
end
$$;

create function bench.ours_silent(buyer uuid, items jsonb) returns uuid language plpgsql as $$
begin
  perform bench.sign_in(buyer);
  return (bench.place_order_silent(
    items, bench.address(), 'pm_card_visa', gen_random_uuid(), null, null, null)).id;
end
$$;

-- A worker that is there promises to look again, and needs no wake-up.
create procedure bench.promise(promised boolean) language plpgsql as $$
begin
  delete from private.drains;
  if promised then
    insert into private.drains select name, 'infinity' from private.queues;
  end if;
end
$$;

-- What a worker would have taken.
create procedure bench.empty_queues() language plpgsql as $$
begin
  truncate private.outbox;
  perform pgmq.purge_queue(queue_name) from pgmq.list_queues();
end
$$;
