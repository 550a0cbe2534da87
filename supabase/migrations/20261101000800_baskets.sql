-- Checking, pricing and reserving what somebody wants to order.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.is_text(value jsonb, shortest integer, longest integer) returns boolean
language sql immutable
set search_path = ''
as $$
  select coalesce(
    jsonb_typeof(value) = 'string'
    and char_length(value #>> '{}') <= longest
    and char_length(regexp_replace(value #>> '{}', '[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]', '', 'g'))
      >= shortest
    -- Controls, and what hides or turns text around: zero width, line separators, direction.
    and value #>> '{}' !~ '[\u0001-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]',
    false)
$$;

create function private.check_address_fields(address jsonb, required text[]) returns void
language plpgsql immutable
set search_path = ''
as $$
declare
  wrong text;
begin
  select coalesce(min(missing), min(key)) into wrong
  from unnest(required) as missing
  full join jsonb_each(address) as given (key, value) on given.key = missing
  where given.key is null
    or not private.is_text(given.value, (given.key = any (required))::int, 200);
  if wrong is not null then
    perform private.refuse(422, 'invalid_address', 'A field of the shipping address is missing or wrong.',
      jsonb_build_object('field', wrong));
  end if;
end
$$;

create function private.check_address(address jsonb) returns jsonb
language plpgsql immutable
set search_path = ''
as $$
declare
  required constant text[] := array['name', 'line1', 'city', 'postal_code', 'country'];
  optional constant text[] := array['line2', 'region'];
begin
  if jsonb_typeof(address) is distinct from 'object' then
    perform private.refuse(422, 'invalid_address', 'The shipping address must be an object.');
  end if;
  if address - (required || optional) <> '{}' then
    perform private.refuse(422, 'invalid_address', 'The shipping address has an unknown field.',
      jsonb_build_object('fields', required || optional));
  end if;
  address := jsonb_strip_nulls(address);
  -- Most addresses are plain ASCII, which one look tells; of others, each field is looked at.
  if not address ?& required or exists (
    select from jsonb_each(address)
    where jsonb_typeof(value) <> 'string'
      or octet_length(value #>> '{}') not between 1 and 200
      or value #>> '{}' ~ '[^ -~]|^ | $'
  ) then
    perform private.check_address_fields(address, required);
  end if;
  if address ->> 'country' !~ '^[A-Z]{2}$' then
    perform private.refuse(422, 'invalid_address', 'The country must be a two-letter code (ISO 3166-1).',
      jsonb_build_object('field', 'country'));
  end if;
  return address;
end
$$;

-- Refusals name the item by its place: what a caller sent is never repeated, in the answer or the log.
create function private.check_item(item jsonb, place bigint) returns void
language plpgsql immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(item) is distinct from 'object'
    or coalesce(item ->> 'product_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    or item - array['product_id', 'quantity'] <> '{}'
  then
    perform private.refuse(422, 'invalid_item', 'Each item is {"product_id": uuid, "quantity": integer}.',
      jsonb_build_object('item', place));
  end if;
  if jsonb_typeof(item -> 'quantity') is distinct from 'number'
    or (item ->> 'quantity')::numeric not between 1 and 1000
    or (item ->> 'quantity')::numeric % 1 <> 0
  then
    perform private.refuse(422, 'invalid_quantity', 'The quantity must be a whole number from 1 to 1000.',
      jsonb_build_object('item', place, 'product_id', item ->> 'product_id'));
  end if;
end
$$;

-- The basket with each product once, by product id: {product id: quantity}.
create function private.check_items(items jsonb) returns jsonb
language plpgsql immutable
set search_path = ''
as $$
declare
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
  perform private.check_item(value, place)
  from jsonb_array_elements(items) with ordinality as item (value, place)
  where (jsonb_typeof(value) = 'object'
    and value ->> 'product_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    and value ->> 'quantity' ~ '^[1-9][0-9]{0,2}$'
    and jsonb_typeof(value -> 'quantity') = 'number'
    and value - array['product_id', 'quantity'] = '{}') is not true;
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

-- Names, prices and currency from the catalogue, in the market of the country of delivery; prices and
-- currency from the terms of a quote, if there is one.
create function private.price_basket(basket jsonb, country text, terms jsonb default null) returns private.priced_line[]
language plpgsql stable
set search_path = ''
as $$
declare
  -- Arrays, because Postgres guesses that they are short, and a jsonb long: it would read all products.
  wanted constant uuid[] := array(select key::uuid from jsonb_each_text(basket));
  quantities constant integer[] := array(select value::integer from jsonb_each_text(basket));
  lines private.priced_line [];
  unknown jsonb;
begin
  select
    array_agg(
      (product.id, product.name, line.quantity,
        coalesce((terms -> 'prices' ->> product.id::text)::bigint, market.price, product.price),
        coalesce(terms ->> 'currency', market.currency, product.currency)
      )::private.priced_line order by product.id),
    jsonb_agg(line.product_id) filter (where product.id is null)
  into lines, unknown
  from unnest(wanted, quantities) as line (product_id, quantity)
  left join public.products as product on product.id = line.product_id and product.active
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

-- What of an order cannot be had. The ledger itself refuses more than there is (never_oversold).
create function private.refuse_shortage(lines private.priced_line[]) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.refuse(409, 'insufficient_stock', 'Not enough in stock.', jsonb_build_object(
    'products', (
      select jsonb_agg(jsonb_build_object(
        'product_id', line.product_id, 'name', line.name, 'requested', line.quantity,
        'available', stock.on_hand - stock.reserved))
      from unnest(lines) as line
      join public.inventory as stock using (product_id)
      where stock.on_hand - stock.reserved < line.quantity)));
end
$$;

-- An account's mails go to its own address; only a guest names one.
create function private.check_email(own text, given text) returns text
language plpgsql immutable
set search_path = ''
as $$
declare
  address constant text := coalesce(nullif(own, ''), given);
begin
  if address is null then
    perform private.refuse(422, 'email_required', 'A guest''s order needs an e-mail address.');
  end if;
  if given is not null and lower(given) <> lower(address) then
    perform private.refuse(422, 'invalid_email', 'Mails about an account''s orders go to its own address.');
  end if;
  if address !~ '^[^@\s[:cntrl:],;:<>()"\\]+@[^@\s[:cntrl:],;:<>()"\\]+\.[^@\s[:cntrl:],;:<>()"\\]+$'
    or char_length(address) > 254
  then
    perform private.refuse(422, 'invalid_email', 'This is not an e-mail address.');
  end if;
  return lower(address);
end
$$;

-- Guests cost nothing to make, and their orders send mail to whom they name.
create function private.check_rate(guest uuid) returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if (
    select count(*) >= 10 from public.orders
    where user_id = guest and created_at > now() - interval '1 hour'
  ) then
    perform private.refuse(429, 'too_many_orders', 'A guest can place ten orders an hour. Sign up for more.');
  end if;
end
$$;

create function private.check_price(
  lines private.priced_line[], wanted_currency text, expected_total bigint
) returns void
language plpgsql immutable
set search_path = ''
as $$
declare
  sold_in text := lines[1].currency;
  total bigint := (select sum(line.quantity * line.unit_price) from unnest(lines) as line);
begin
  -- Whoever names the total saw a price, perhaps that of another market.
  if expected_total <> total or expected_total is not null and wanted_currency <> sold_in then
    perform private.refuse(409, 'price_changed', 'The price has changed.',
      jsonb_build_object('currency', sold_in, 'total', total));
  end if;
  if wanted_currency <> sold_in then
    perform private.refuse(422, 'currency_mismatch', 'This basket is not sold in that currency.',
      jsonb_build_object('currency', sold_in, 'total', total));
  end if;
end
$$;
