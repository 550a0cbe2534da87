-- The demo shop: 24 products with prices and stock. Safe to run again: what is there stays as it is.

insert into public.products (id, slug, name, description, price, currency) values
(
  '00000000-0000-4000-8000-000000000001', 'oak-cutting-board', 'Oak cutting board',
  'Solid oak, oiled, with a groove for juice. 40 x 28 cm.', 3490, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000002', 'chefs-knife', 'Chef''s knife',
  'A 20 cm blade of stainless steel that keeps its edge.', 5900, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000003', 'bread-knife', 'Bread knife',
  'Serrated, 24 cm, for crusts of any temper.', 4200, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000004', 'cast-iron-pan', 'Cast iron pan',
  'Seasoned, 26 cm, for every kind of hob.', 4900, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000005', 'copper-saucepan', 'Copper saucepan',
  '1.6 litres, lined with steel, with a lid.', 8900, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000006', 'enamel-casserole', 'Enamel casserole',
  '4 litres, from the hob to the oven to the table.', 9900, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000007', 'linen-apron', 'Linen apron',
  'Washed linen with two pockets and long ties.', 3900, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000008', 'tea-towels', 'Tea towels, set of three',
  'Half linen, quick to dry.', 1900, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000009', 'stoneware-plate', 'Stoneware plate',
  'Hand-glazed, 27 cm, fit for the dishwasher.', 1850, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000010', 'stoneware-bowl', 'Stoneware bowl',
  'For soup, porridge or salad. 16 cm.', 1650, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000011', 'espresso-cup', 'Espresso cup',
  'Double-walled porcelain, 80 ml.', 1200, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000012', 'pour-over-set', 'Pour-over set',
  'Glass carafe, porcelain filter, forty papers.', 3600, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000013', 'coffee-grinder', 'Hand coffee grinder',
  'Steel burrs, eighteen settings.', 7400, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000014', 'teapot', 'Cast iron teapot',
  '0.8 litres, enamelled inside, with a strainer.', 4600, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000015', 'pepper-mill', 'Pepper mill',
  'Beech with a ceramic mill.', 2900, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000016', 'olive-wood-spoon', 'Olive wood spoon',
  'One piece of wood, 30 cm.', 990, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000017', 'mixing-bowls', 'Mixing bowls, set of three',
  'Steel with rubber feet. They nest.', 3200, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000018', 'kitchen-scale', 'Kitchen scale',
  'To the gram, up to five kilograms.', 2700, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000019', 'oven-thermometer', 'Oven thermometer',
  'From 50 to 300 degrees.', 1400, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000020', 'rolling-pin', 'Rolling pin',
  'Maple, without handles, 45 cm.', 1790, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000021', 'proofing-basket', 'Proofing basket',
  'Rattan, with a linen cloth, for a kilogram of dough.', 1590, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000022', 'storage-jar', 'Storage jar',
  '1 litre of glass with a cork lid.', 1100, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000023', 'herb-scissors', 'Herb scissors',
  'Five blades and a comb to clean them.', 1290, 'EUR'
),
(
  '00000000-0000-4000-8000-000000000024', 'truffle-slicer', 'Truffle slicer',
  'Stainless steel, adjustable to half a millimetre.', 2200, 'EUR'
)
on conflict do nothing;

-- Own prices in three markets: a round sum there, not today's rate of exchange.
insert into public.product_prices (product_id, country, price, currency)
select
  product.id,
  market.country,
  round(product.price * market.factor / market.step) * market.step,
  market.currency
from public.products as product
cross join (
  values ('US', 'USD', 1.10, 10), ('GB', 'GBP', 0.90, 10), ('JP', 'JPY', 1.60, 10)
) as market (country, currency, factor, step)
where product.id::text like '00000000-0000-4000-8000-%'
on conflict do nothing;

insert into public.stock_movements (product_id, kind, on_hand_change, reserved_change, note)
select
  product.id,
  'received',
  first.quantity,
  0,
  'first delivery'
from (
  values
  ('oak-cutting-board', 120),
  ('chefs-knife', 80),
  ('bread-knife', 60),
  ('cast-iron-pan', 75),
  ('copper-saucepan', 30),
  ('enamel-casserole', 40),
  ('linen-apron', 100),
  ('tea-towels', 200),
  ('stoneware-plate', 300),
  ('stoneware-bowl', 300),
  ('espresso-cup', 250),
  ('pour-over-set', 90),
  ('coffee-grinder', 50),
  ('teapot', 45),
  ('pepper-mill', 110),
  ('olive-wood-spoon', 400),
  ('mixing-bowls', 85),
  ('kitchen-scale', 95),
  ('oven-thermometer', 140),
  ('rolling-pin', 130),
  ('proofing-basket', 70),
  ('storage-jar', 350),
  ('herb-scissors', 5),
  ('truffle-slicer', 1)
) as first (slug, quantity)
join public.products as product using (slug)
where not exists (
  select from public.stock_movements
  where product_id = product.id
);

-- An experiment that runs: which words on the button lead to more orders?
insert into public.experiments (name, description, active) values
('checkout_button', 'What the button of the checkout says.', true)
on conflict do nothing;
insert into public.experiment_arms (experiment, name, weight) values
('checkout_button', 'buy_now', 1),
('checkout_button', 'place_order', 1)
on conflict do nothing;
