-- Completed orders with all that belongs to them, written as fast as it goes: no trigger fires.
create procedure bench.fill(wanted integer) language plpgsql as $$
begin
  set local session_replication_role = replica;
  create temporary table made on commit drop as
  select
    gen_random_uuid() as id, gen_random_uuid() as payment_id,
    ('00000000-0000-4000-a000-' || 100000000000 + n % 1000)::uuid as user_id,
    now() - n * interval '1 second' as placed_at, n
  from generate_series(1, wanted) as n;

  insert into public.orders (
    id, user_id, email, status, currency, total, shipping_address, payment_method, version,
    idempotency_key, request_hash, created_at, updated_at)
  select
    id, user_id, 'shopper@example.com', 'completed', 'EUR', 4000, bench.address(), 'pm_card_visa', 4,
    gen_random_uuid(), sha256(id::text::bytea), placed_at, placed_at
  from made;
  insert into public.order_items (order_id, product_id, user_id, name, unit_price, quantity)
  select
    id, ('00000000-0000-4000-9000-' || 100000000000 + (n * 7 + piece * 1666) % 5000)::uuid, user_id,
    'Bench product', 1000, 1
  from made, generate_series(0, 2) as piece;
  insert into public.order_events (order_id, user_id, type, status, version, created_at)
  select id, user_id, 'order.' || status, status::public.order_status, version, placed_at
  from made, unnest(array['placed', 'paid', 'shipped', 'completed']) with ordinality as t (status, version);
  insert into public.stock_movements (product_id, order_id, kind, on_hand_change, reserved_change)
  select product_id, order_id, kind::public.stock_movement_kind, on_hand, reserved
  from public.order_items
  join made on made.id = order_id,
    (values ('reserved', 0, 1), ('sold', -1, -1)) as moved (kind, on_hand, reserved);
  insert into public.payments (
    id, order_id, user_id, provider, reference, status, amount, currency, captured)
  select payment_id, id, user_id, 'stripe', 'pi_' || payment_id, 'succeeded', 4000, 'EUR', 4000 from made;
  insert into public.payment_entries (payment_id, order_id, kind, amount, currency, reference)
  select payment_id, id, 'charge', 4000, 'EUR', 'pi_' || payment_id from made;
  insert into public.shipments (order_id, user_id, carrier, tracking_number, delivered_at)
  select id, user_id, 'test', 'T' || id, placed_at from made;
  insert into private.order_steps (order_id, step, key, state)
  select id, step, private.step_key(id, step, 1), 'succeeded'
  from made, unnest(array['charge', 'ship']) as step;
  insert into public.emails (event, event_id, order_id, user_id, template, recipient, status, claims)
  select
    'order-event-' || event.id, event.id, order_id, event.user_id, event.type, 'shopper@example.com',
    'sent', 1
  from public.order_events as event
  join made on made.id = order_id
  where type in ('order.paid', 'order.shipped');
end
$$;

-- One batch of orders from placed to shipped by the verbs of the functions, with outcomes that a good
-- day would have.
create procedure bench.round(orders integer) language plpgsql as $$
begin
  perform bench.ours(
    ('00000000-0000-4000-a000-' || 100000000000 + (random() * 999)::integer)::uuid,
    (select jsonb_agg(jsonb_build_object(
      'product_id', '00000000-0000-4000-9000-' || 100000000000 + (first + piece * 1666) % 5000,
      'quantity', 1))
    from generate_series(0, 2) as piece))
  from (select (random() * 4999)::integer as first from generate_series(1, orders)) as basket;
  commit;
  for turn in 1..2 loop
    perform engine.finish_orders(results) from (
      select coalesce(jsonb_agg(job || jsonb_build_object('outcome', 'succeeded', 'data',
        case job ->> 'step'
          when 'charge' then jsonb_build_object(
            'provider', 'stripe', 'reference', 'pi_' || (job ->> 'key'), 'amount', job -> 'amount',
            'currency', job -> 'currency', 'captured', true)
          else jsonb_build_object(
            'carrier', 'test', 'tracking_number', 'T' || (job ->> 'key'), 'delivered', true)
        end)), '[]') as results
      from engine.claim_orders(orders, 2) as job) as claimed;
    commit;
  end loop;
end
$$;
