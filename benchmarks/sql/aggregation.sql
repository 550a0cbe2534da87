-- Orders with their events, as many as wanted, the newest now; one more per `apart`. No trigger fires.
create schema if not exists bench;
create procedure bench.happen(wanted integer, apart interval) language plpgsql as $$
begin
  set local session_replication_role = replica;
  create temporary table made on commit drop as
  select gen_random_uuid() as id, clock_timestamp() - n * apart as placed_at
  from generate_series(1, wanted) as n;

  insert into public.orders (
    id, email, status, currency, total, shipping_address, payment_method, version, idempotency_key,
    request_hash, created_at, updated_at)
  select
    id, 'shopper@example.com', 'completed', 'EUR', 4000, '{}', 'pm_card_visa', 4, gen_random_uuid(),
    sha256(id::text::bytea), placed_at, placed_at
  from made;
  insert into public.order_events (order_id, type, status, version, created_at)
  select id, 'order.' || status, status::public.order_status, version, placed_at + version * interval '1 second'
  from made, unnest(array['placed', 'paid', 'shipped', 'completed']) with ordinality as t (status, version);
end
$$;
