-- The catalogue, as the shop's staff edit it.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.is_price(value jsonb) returns boolean
language sql immutable
set search_path = ''
as $$
  select coalesce(
    jsonb_typeof(value) = 'number' and (value #>> '{}')::numeric between 0 and 1000000000000
    and (value #>> '{}')::numeric % 1 = 0, false)
$$;

create function private.is_currency(value jsonb) returns boolean
language sql immutable
set search_path = ''
as $$ select coalesce(jsonb_typeof(value) = 'string' and value #>> '{}' ~ '^[A-Z]{3}$', false) $$;

create function private.are_prices(prices jsonb) returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return jsonb_typeof(prices) = 'array' and jsonb_array_length(prices) <= 300 and not exists (
    select from jsonb_array_elements(prices) as market
    where jsonb_typeof(market) <> 'object' or market - array['country', 'price', 'currency'] <> '{}'
      or coalesce(market ->> 'country', '') !~ '^[A-Z]{2}$' or not private.is_price(market -> 'price')
      or not private.is_currency(market -> 'currency')
  ) and not exists (
    select from jsonb_array_elements(prices) as market group by market ->> 'country' having count(*) > 1
  );
end
$$;

-- Fields of a product as staff give them, those of `prices` one by one.
create function private.wrong_product_field(product jsonb) returns text
language sql immutable
set search_path = ''
as $$
  select min(key)
  from jsonb_each(product) as field (key, value)
  where case key
    when 'slug' then not coalesce(
      jsonb_typeof(value) = 'string' and char_length(value #>> '{}') <= 200
      and value #>> '{}' ~ '^[a-z0-9]+(-[a-z0-9]+)*$', false)
    when 'name' then not private.is_text(value, 1, 200)
    when 'description' then not coalesce(
      jsonb_typeof(value) = 'string' and char_length(value #>> '{}') <= 10000, false)
    when 'price' then not private.is_price(value)
    when 'currency' then not private.is_currency(value)
    when 'active' then jsonb_typeof(value) <> 'boolean'
    when 'prices' then not private.are_prices(value)
    else true
  end
$$;

create function private.check_product(product jsonb) returns void
language plpgsql immutable
set search_path = ''
as $$
declare
  wrong text;
begin
  if jsonb_typeof(product) is distinct from 'object' then
    perform private.refuse(422, 'invalid_product', 'The product must be an object.');
  end if;
  wrong := private.wrong_product_field(product);
  if wrong is not null then
    perform private.refuse(422, 'invalid_product', 'A field of the product is unknown or wrong.',
      jsonb_build_object('field', left(wrong, 100)));
  end if;
end
$$;

create function private.set_prices(priced uuid, prices jsonb) returns void
language sql
set search_path = ''
as $$
  delete from public.product_prices
  where product_id = priced and country not in (
    select market ->> 'country' from jsonb_array_elements(prices) as market);
  insert into public.product_prices (product_id, country, price, currency)
  select priced, market ->> 'country', (market ->> 'price')::bigint, market ->> 'currency'
  from jsonb_array_elements(prices) as market
  on conflict (product_id, country) do update set price = excluded.price, currency = excluded.currency
$$;

-- Whole, so that whoever edits need not ask once more what became of it.
create function private.show_product(product public.products) returns jsonb
language sql stable
set search_path = ''
as $$
  select jsonb_build_object(
    'id', product.id, 'slug', product.slug, 'name', product.name, 'description', product.description,
    'price', product.price, 'currency', product.currency, 'active', product.active,
    'version', product.version, 'created_at', product.created_at, 'updated_at', product.updated_at,
    'prices', coalesce((
      select
        jsonb_agg(
          jsonb_build_object('country', country, 'price', price, 'currency', currency) order by country)
      from public.product_prices
      where product_id = product.id), '[]'))
$$;

create function private.create_product(product jsonb) returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  made public.products;
begin
  perform private.check_staff();
  perform private.check_product(product);
  if not product ?& array['slug', 'name', 'price', 'currency'] then
    perform private.refuse(422, 'invalid_product', 'A product has a slug, a name, a price and a currency.');
  end if;
  insert into public.products (slug, name, description, price, currency, active)
  values (
    product ->> 'slug', product ->> 'name', coalesce(product ->> 'description', ''),
    (product ->> 'price')::bigint, product ->> 'currency', coalesce((product ->> 'active')::boolean, true))
  returning * into made;
  perform private.set_prices(made.id, coalesce(product -> 'prices', '[]'));
  return private.show_product(made);
exception
  when unique_violation then
    perform private.refuse(409, 'slug_taken', 'Another product has this slug.');
end
$$;

create function private.update_product(wanted uuid, changes jsonb, versions text[]) returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  subject public.products;
begin
  perform private.check_staff();
  perform private.check_product(changes);
  select * into subject from public.products where id = wanted for no key update;
  if subject.id is null then
    perform private.refuse(404, 'product_not_found', 'There is no such product.');
  end if;
  if not subject.version::text = any (versions) then
    perform private.refuse(412, 'precondition_failed', 'The product has changed since you looked.',
      jsonb_build_object('version', subject.version));
  end if;
  update public.products
  set slug = coalesce(changes ->> 'slug', slug), name = coalesce(changes ->> 'name', name),
    description = coalesce(changes ->> 'description', description),
    price = coalesce((changes ->> 'price')::bigint, price),
    currency = coalesce(changes ->> 'currency', currency),
    active = coalesce((changes ->> 'active')::boolean, active)
  where id = wanted
  returning * into subject;
  perform private.set_prices(wanted, changes -> 'prices') where changes ? 'prices';
  return private.show_product(subject);
exception
  when unique_violation then
    perform private.refuse(409, 'slug_taken', 'Another product has this slug.');
  when lock_not_available then
    perform private.refuse(503, 'busy', 'This product is being edited. Try again.');
end
$$;

create function public.create_product(product jsonb) returns jsonb
language sql set search_path = ''
as $$ select private.create_product(product) $$;
comment on function public.create_product(jsonb) is
'Staff: put a product into the catalogue: {slug, name, description?, price (minor units), currency, active?,
prices?: [{country, price, currency}]}. Returns it with all of these, its id, version, created_at and updated_at.
Refusals: staff_only, sign_in_required, invalid_product, slug_taken.';

create function public.update_product(product_id uuid, changes jsonb, versions text[] default null)
returns jsonb
language sql set search_path = ''
as $$ select private.update_product(product_id, changes, versions) $$;
comment on function public.update_product(uuid, jsonb, text[]) is
'Staff: change those fields that are given (see create_product); `prices` are replaced as a whole. versions:
refused if the product has none of these; null: whatever it has. Returns what create_product does.
Refusals: staff_only, sign_in_required, product_not_found, invalid_product, slug_taken, precondition_failed, busy.';

do $$
declare
  verb regprocedure;
begin
  foreach verb in array array[
    'private.create_product(jsonb)', 'public.create_product(jsonb)',
    'private.update_product(uuid, jsonb, text[])', 'public.update_product(uuid, jsonb, text[])'
  ]::regprocedure[]
  loop
    execute format('grant execute on function %s to authenticated, service_role', verb);
  end loop;
end
$$;
