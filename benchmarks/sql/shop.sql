-- Shoppers and products, so many that orders rarely want the same rows. None of the shoppers is
-- confirmed, so nobody is mailed a welcome.
insert into auth.users (id, aud, role, email, created_at)
select
  ('00000000-0000-4000-a000-' || 100000000000 + n)::uuid, 'authenticated', 'authenticated',
  'shopper' || n || '@example.com', now()
from generate_series(0, 999) as n;

insert into auth.sessions (id, user_id, created_at, aal)
select ('00000000-0000-4000-b000-' || 100000000000 + n)::uuid, id, now(), 'aal1'
from generate_series(0, 999) as n
join auth.users on id = ('00000000-0000-4000-a000-' || 100000000000 + n)::uuid;

insert into public.products (id, slug, name, description, price, currency)
select
  ('00000000-0000-4000-9000-' || 100000000000 + n)::uuid, 'bench-' || n, 'Bench product ' || n,
  'A product that is only measured.', 1000 + n, 'EUR'
from generate_series(0, 4999) as n;

insert into public.stock_movements (product_id, kind, on_hand_change, reserved_change)
select id, 'received', 1000000, 0
from public.products
where slug like 'bench-%'
order by id;

analyze auth.users, auth.sessions, public.products, public.inventory, public.stock_movements;
