-- The verbs of shoppers: place_order and cancel_order.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- The order that an earlier call with this key made, which REST's answer then says; refuses the key for
-- another request.
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
  if known.id is not null then
    perform set_config('response.headers', '[{"Idempotency-Replayed": "true"}]', true);
  end if;
  return known;
end
$$;

create type private.caller as (id uuid, email text, is_guest boolean);

-- The caller, if their session has not ended: an access token outlives a sign-out by up to an hour.
create function private.signed_in() returns private.caller
language plpgsql stable
set search_path = ''
as $$
declare
  claims constant jsonb := auth.jwt();
  caller private.caller;
begin
  select id, email, is_anonymous into caller
  from auth.users
  where id = (claims ->> 'sub')::uuid
    and (claims ->> 'session_id' is null
      or exists (select from auth.sessions where sessions.id = (claims ->> 'session_id')::uuid));
  if caller.id is null then
    perform private.refuse(401, 'sign_in_required', 'Sign in, as a guest at least.');
  end if;
  return caller;
end
$$;

-- A token says what was true when it was made: what staff may do is looked up, as of now.
create function private.works_here(person uuid) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return private.is_staff() and exists (
    select from auth.users
    where id = person and raw_app_meta_data ->> 'role' = 'staff'
      and coalesce(banned_until, '-infinity') <= clock_timestamp());
end
$$;

-- W3C Trace Context of the call, if it has one: so one order is one trace.
create function private.traceparent() returns text
language plpgsql stable
set search_path = ''
as $$
declare
  headers constant text := nullif(current_setting('request.headers', true), '');
begin
  return substring(
    headers::json ->> 'traceparent' from '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');
end
$$;

-- Definer: writes what callers may only read. Everything is checked here, under the caller's own id.
create function private.place_order(
  items jsonb, shipping_address jsonb, payment_method text, idempotency_key uuid,
  wanted_currency text, expected_total bigint, contact_email text, quote text
) returns public.orders
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
-- Baskets are short: a plan for all of them costs less than a new one for each.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  buyer constant private.caller := private.signed_in();
  basket constant jsonb := private.check_items(items);
  address constant jsonb := private.check_address(shipping_address);
  hash constant bytea := sha256(convert_to(jsonb_build_array(
    basket, address, payment_method, wanted_currency, expected_total, contact_email, quote)::text, 'UTF8'));
  terms jsonb;
  lines private.priced_line [];
  placed public.orders;
  violated text;
begin
  if idempotency_key is null then
    perform private.refuse(422, 'invalid_idempotency_key', 'An order needs an idempotency key.');
  end if;
  if payment_method is null or payment_method !~ '^pm_[A-Za-z0-9_]{1,250}$' then
    perform private.refuse(422, 'invalid_payment_method', 'The payment method must be a Stripe id (pm_…).');
  end if;
  placed := private.replayed_order(buyer.id, idempotency_key, hash);
  if placed.id is not null then
    return placed;
  end if;
  if buyer.is_guest then
    perform private.check_rate(buyer.id);
  end if;
  if quote is not null then
    terms := private.honour_quote(quote, buyer.id, basket, address ->> 'country');
  end if;
  lines := private.price_basket(basket, address ->> 'country', terms);
  perform private.check_price(lines, wanted_currency, expected_total);

  -- A parallel call with the same key waits here for the first one's end.
  insert into public.orders (
    user_id, email, currency, total, shipping_address, payment_method, idempotency_key, request_hash,
    capture, traceparent)
  select
    buyer.id, private.check_email(buyer.email, contact_email), lines[1].currency,
    sum(line.quantity * line.unit_price), address, place_order.payment_method,
    place_order.idempotency_key, hash, (select shop.capture from private.shop), private.traceparent()
  from unnest(lines) as line
  on conflict on constraint orders_user_id_idempotency_key_key do nothing
  returning * into placed;
  if placed.id is null then
    return private.replayed_order(buyer.id, idempotency_key, hash);
  end if;
  insert into public.order_items (order_id, product_id, user_id, name, unit_price, quantity)
  select placed.id, line.product_id, buyer.id, line.name, line.unit_price, line.quantity
  from unnest(lines) as line;
  insert into public.stock_movements (product_id, order_id, kind, on_hand_change, reserved_change)
  select line.product_id, placed.id, 'reserved', 0, line.quantity
  from unnest(lines) as line;
  perform private.record_event(placed, 'order.placed', private.keep_quote(placed.id, terms));
  return placed;
exception
  when check_violation then
    get stacked diagnostics violated = constraint_name;
    if violated <> 'never_oversold' then
      raise;
    end if;
    perform private.refuse_shortage(lines);
  when lock_not_available or deadlock_detected then
    perform private.refuse(503, 'busy', 'Too many orders want these products. Try again.');
end
$$;

create function public.place_order(
  items jsonb, shipping_address jsonb, payment_method text, idempotency_key uuid,
  currency text default null, expected_total bigint default null, email text default null,
  quote text default null
) returns public.orders
language plpgsql
set search_path = ''
as $$
begin
  return private.place_order(
    items, shipping_address, payment_method, idempotency_key, currency, expected_total, email, quote);
end
$$;
comment on function public.place_order(jsonb, jsonb, text, uuid, text, bigint, text, text) is
'Place an order: priced from the catalogue for the country of delivery, stock reserved, work queued.
items: [{"product_id": uuid, "quantity": 1..1000}], 1 to 100 of them.
shipping_address: {name, line1, line2?, city, postal_code, region?, country (ISO 3166-1)}.
payment_method: a Stripe payment method id. idempotency_key: same key and request, same order, for ever.
currency, expected_total (minor units): refused if the basket costs otherwise; with a total, that is price_changed. email: for guests. quote: what quote_order
answered; its prices are charged.
Refusals (`details`): invalid_items, empty_basket, too_many_items, invalid_item, invalid_quantity,
invalid_address, invalid_payment_method, invalid_idempotency_key, idempotency_key_reused,
unknown_product, mixed_currencies, currency_mismatch, price_changed, insufficient_stock,
email_required, invalid_email, too_many_orders, invalid_quote, quote_mismatch, quote_expired, busy,
sign_in_required.';

-- An order turns back at once while nothing outside has begun. A charge that has begun is first brought
-- to a definite end: whoever does it sees `ending`. Not for a parcel that is being handed over.
create function private.turn_back(subject public.orders) returns public.orders
language plpgsql
set search_path = ''
as $$
begin
  if subject.status = 'placed'
    and exists (select from private.order_steps where order_id = subject.id and step = 'charge')
  then
    update public.orders set ending = 'cancelled' where id = subject.id;
    perform private.note_event(subject.id, 'order.cancel_requested');
  else
    update private.order_steps set state = 'failed'
    where order_id = subject.id and step = 'ship' and state = 'waiting';
    perform private.compensate(subject, 'cancelled');
  end if;
  select * into subject from public.orders where id = subject.id;
  return subject;
end
$$;

create function private.is_cancellable(subject public.orders) returns boolean
language sql stable
set search_path = ''
as $$
  select subject.ending is null and (
    subject.status = 'placed'
    or subject.status = 'paid' and not exists (
      select from private.order_steps
      where order_id = subject.id and step = 'ship' and state <> 'waiting')
  )
$$;

-- Definer: see place_order.
create function private.cancel_order(wanted uuid) returns public.orders
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  caller constant private.caller := private.signed_in();
  found public.orders;
begin
  perform private.lock_orders(array[wanted]);
  select * into found
  from public.orders
  where id = wanted and (user_id = caller.id or private.works_here(caller.id));
  if found.id is null then
    perform private.refuse(404, 'order_not_found', 'There is no such order.');
  end if;
  if 'cancelled' in (found.status, found.ending) then
    return found;
  end if;
  if not private.is_cancellable(found) then
    perform private.refuse(409, 'order_not_cancellable', 'This order can no longer be cancelled.',
      jsonb_build_object('status', found.status));
  end if;
  return private.turn_back(found);
exception
  when lock_not_available or deadlock_detected then
    perform private.refuse(503, 'busy', 'This order is being worked on. Try again.');
end
$$;

create function public.cancel_order(order_id uuid) returns public.orders
language sql
set search_path = ''
as $$ select private.cancel_order(order_id) $$;
comment on function public.cancel_order(uuid) is
'Cancel an order that has not been handed over. Its money goes back, then its stock is free and its status
`cancelled`; until then `ending` says so. Cancelling twice is once.
Refusals: order_not_found, order_not_cancellable, busy, sign_in_required.';

grant execute on function private.place_order(jsonb, jsonb, text, uuid, text, bigint, text, text),
private.cancel_order(uuid)
to authenticated, service_role;
grant execute on function public.place_order(jsonb, jsonb, text, uuid, text, bigint, text, text),
public.cancel_order(uuid)
to authenticated, service_role;
