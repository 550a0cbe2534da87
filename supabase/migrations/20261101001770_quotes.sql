-- Signed quotes: a price that the shop stands by for a while. Nothing is stored: a quote is its own record.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.rotate_quote_secret() returns void
language plpgsql
set search_path = ''
as $$
declare
  current constant text := private.secret('quote_secret');
begin
  if current is not null then
    perform private.set_secret('quote_secret_previous', current);
  end if;
  perform private.set_secret('quote_secret', encode(extensions.gen_random_bytes(32), 'hex'));
end
$$;
comment on function private.rotate_quote_secret() is
'Signs quotes with a new secret from now on; those of the one before are honoured until they expire.
Twice in a row makes all quotes invalid. Called by postgres.';
select private.rotate_quote_secret()
where private.secret('quote_secret') is null;

create function private.base64url(content bytea) returns text
language sql immutable
set search_path = ''
as $$ select translate(encode(content, 'base64'), E'+/=\n', '-_') $$;

create function private.quote_signature(content text, secret text) returns text
language sql immutable
set search_path = ''
as $$ select private.base64url(extensions.hmac('orderbase quote ' || content, secret, 'sha256')) $$;

create function private.sign_quote(terms jsonb) returns text
language plpgsql stable
set search_path = ''
as $$
declare
  content constant text := private.base64url(convert_to(terms::text, 'UTF8'));
  secret constant text := private.secret('quote_secret');
begin
  if secret is null then
    raise exception 'the Vault has no quote_secret';
  end if;
  return content || '.' || private.quote_signature(content, secret);
end
$$;

-- Hashes under a key that nobody knows are compared instead of the texts: how far they agree, and so how
-- long it takes, tells nothing.
create function private.same_secret(one text, other text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  key constant bytea := extensions.gen_random_bytes(32);
begin
  return extensions.hmac(convert_to(one, 'UTF8'), key, 'sha256')
    = extensions.hmac(convert_to(other, 'UTF8'), key, 'sha256');
end
$$;

create function private.read_quote(quote text) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  content constant text := split_part(quote, '.', 1);
  given constant text := split_part(quote, '.', 2);
  secret text;
begin
  if octet_length(quote) > 30000 then
    return null;
  end if;
  -- Nothing of a quote is looked at before it has proved to be ours.
  foreach secret in array
    array[private.secret('quote_secret'), private.secret('quote_secret_previous')]
  loop
    if secret is not null and quote = content || '.' || given
      and private.same_secret(private.quote_signature(content, secret), given)
    then
      return convert_from(decode(
        translate(content, '-_', '+/') || repeat('=', -length(content) & 3), 'base64'), 'UTF8')::jsonb;
    end if;
  end loop;
  return null;
end
$$;
comment on function private.read_quote(text) is 'The terms of a quote; null if this shop did not sign it.';

-- A quote shows prices, so it is what exposes its reader to the experiments on prices. Of other experiments
-- it knows what the reader has seen.
create function private.quoted_arms(buyer uuid) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  arms jsonb;
begin
  select coalesce(jsonb_object_agg(running.name, running.arm), '{}') into arms
  from (
    select known.name, private.expose(known.name, 'user:' || buyer) as arm
    from public.experiments as known
    where known.active and (
      exists (
        select from public.experiment_arms as arm
        where arm.experiment = known.name and arm.price_percent <> 100)
      or exists (
        select from public.experiment_exposures as seen
        where seen.experiment = known.name 
          and seen.subject = private.experiment_subject(known, 'user:' || buyer))
    )
  ) as running
  where running.arm is not null;
  return arms;
end
$$;

create function private.reduce_prices(lines private.priced_line[], arms jsonb)
returns private.priced_line[]
language plpgsql stable
set search_path = ''
as $$
declare
  percent integer;
begin
  for percent in
    select arm.price_percent
    from jsonb_each_text(arms) as seen (experiment, name)
    join public.experiment_arms as arm using (experiment, name)
    where arm.price_percent <> 100
    order by arm.experiment
  loop
    select array_agg((
      line.product_id, line.name, line.quantity, round(line.unit_price * percent / 100.0), line.currency
    )::private.priced_line) into lines
    from unnest(lines) as line;
  end loop;
  return lines;
end
$$;

-- Definer: reads the Vault and records exposures. Everything is under the caller's own id.
create function private.quote_order(items jsonb, country text) returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  buyer constant private.caller := private.signed_in();
  basket constant jsonb := private.check_items(items);
  expires constant timestamptz := date_trunc('second', clock_timestamp())
    + (select quote_lifetime from private.shop);
  arms jsonb;
  lines private.priced_line [];
  prices jsonb;
begin
  if country is null or country !~ '^[A-Z]{2}$' then
    perform private.refuse(422, 'invalid_country', 'The country must be a two-letter code (ISO 3166-1).');
  end if;
  lines := private.price_basket(basket, country);
  arms := private.quoted_arms(buyer.id);
  lines := private.reduce_prices(lines, arms);
  select jsonb_object_agg(line.product_id, line.unit_price) into prices from unnest(lines) as line;
  return jsonb_build_object(
    'quote', private.sign_quote(jsonb_build_object(
      'v', 1, 'id', gen_random_uuid(), 'user', buyer.id, 'country', country, 'currency', lines[1].currency,
      'basket', basket, 'prices', prices, 'arms', arms, 'expires', extract(epoch from expires)::bigint)),
    'country', country,
    'currency', lines[1].currency,
    'lines', (
      select jsonb_agg(jsonb_build_object(
        'product_id', line.product_id, 'name', line.name, 'quantity', line.quantity,
        'unit_price', line.unit_price))
      from unnest(lines) as line),
    'total', (select sum(line.quantity * line.unit_price) from unnest(lines) as line),
    'arms', arms,
    'expires_at', expires
  );
end
$$;

create function private.honour_quote(quote text, buyer uuid, basket jsonb, country text) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  terms constant jsonb := private.read_quote(quote);
  expires constant timestamptz := to_timestamp((terms ->> 'expires')::bigint);
  differs constant text := case
    when terms ->> 'user' <> buyer::text then 'user'
    when terms -> 'basket' <> basket then 'items'
    when terms ->> 'country' <> country then 'country'
  end;
begin
  if terms is null or terms ->> 'v' <> '1' then
    perform private.refuse(422, 'invalid_quote', 'This is not a quote of this shop.');
  end if;
  if differs is not null then
    perform private.refuse(409, 'quote_mismatch', 'The quote was made for another order.',
      jsonb_build_object('differs', differs));
  end if;
  if expires <= clock_timestamp() then
    perform private.refuse(409, 'quote_expired', 'The quote has expired. Ask for another.',
      jsonb_build_object('expires_at', expires));
  end if;
  return terms;
end
$$;
comment on function private.honour_quote(text, uuid, jsonb, text) is
'The terms of a quote that holds for this buyer, basket and country; refuses any other.';

-- What an order keeps of its quote: its arms, and the data of its first event.
create function private.keep_quote(ordered uuid, terms jsonb) returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if terms is null then
    return '{}';
  end if;
  insert into private.order_arms (order_id, experiment, arm)
  select ordered, experiment, arm from jsonb_each_text(terms -> 'arms') as seen (experiment, arm);
  return jsonb_build_object('quote', jsonb_build_object(
    'id', terms -> 'id', 'country', terms -> 'country', 'arms', terms -> 'arms'));
end
$$;

create function public.quote_order(items jsonb, country text) returns jsonb
language sql
set search_path = ''
as $$ select private.quote_order(items, country) $$;
comment on function public.quote_order(jsonb, text) is
'A price that place_order charges if it gets the `quote` in time: {quote, country, currency, lines
[{product_id, name, quantity, unit_price}], total, arms {experiment: arm}, expires_at}, in minor units.
It holds for the caller, these items and a delivery to this country; it reserves no stock.
Refusals: invalid_items, empty_basket, too_many_items, invalid_item, invalid_quantity, invalid_country,
unknown_product, mixed_currencies, sign_in_required.';

grant execute on function private.quote_order(jsonb, text), public.quote_order(jsonb, text)
to authenticated, service_role;
