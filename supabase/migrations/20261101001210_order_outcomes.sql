-- What the outcome of a step does to money, stock and status. Callers have locked the order.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- The payment as the provider sees it now, and the entry for money that was taken.
create function private.record_payment(subject public.orders, data jsonb, new_status text) returns void
language plpgsql
set search_path = ''
as $$
declare
  paid public.payments;
begin
  if new_status in ('authorized', 'succeeded')
    and ((data ->> 'amount')::bigint is distinct from subject.total
      or data ->> 'currency' is distinct from subject.currency)
  then
    raise exception 'charged % % for an order of % %',
      data ->> 'amount', data ->> 'currency', subject.total, subject.currency;
  end if;
  insert into public.payments as known (
    order_id, user_id, provider, reference, status, amount, currency, client_secret, failure_code)
  values (
    subject.id, subject.user_id, data ->> 'provider', data ->> 'reference', new_status, subject.total,
    subject.currency, data ->> 'client_secret', data ->> 'failure_code')
  on conflict on constraint payments_provider_reference_key do update
  set status = excluded.status, client_secret = excluded.client_secret, failure_code = excluded.failure_code
  returning * into paid;
  if new_status = 'succeeded' and subject.total > 0 then
    insert into public.payment_entries (payment_id, order_id, kind, amount, currency, reference)
    values (paid.id, subject.id, 'charge', subject.total, subject.currency, paid.reference)
    on conflict on constraint payment_entries_kind_reference_key do nothing;
  end if;
end
$$;

create function private.request_refund(
  subject public.orders, amount bigint, reason text, idempotency_key uuid default null
) returns public.refunds
language plpgsql
set search_path = ''
as $$
declare
  requested public.refunds;
begin
  if subject.archived_at is not null then
    perform private.unarchive_order(subject.id);
  end if;
  insert into public.refunds (
    order_id, user_id, revision, amount, currency, reason, idempotency_key, requested_by)
  select
    subject.id, subject.user_id, coalesce(max(known.revision), 0) + 1, request_refund.amount,
    subject.currency, request_refund.reason, request_refund.idempotency_key, auth.uid()
  from public.refunds as known
  where known.order_id = subject.id
  returning * into requested;
  perform private.note_event(subject.id, 'order.refund_due', jsonb_build_object(
    'refund_id', requested.id, 'amount', requested.amount, 'reason', requested.reason));
  return requested;
end
$$;

create function private.money_left(ordered uuid) returns bigint
language sql stable
set search_path = ''
as $$
  select coalesce(sum(case status when 'authorized' then amount else captured - refunded end), 0)::bigint
  from public.payments
  where order_id = ordered and status in ('authorized', 'succeeded')
$$;
comment on function private.money_left(uuid) is
'Minor units of an order that the shop holds, taken or only authorised.';

create function private.refunds_due(ordered uuid) returns bigint
language sql stable
set search_path = ''
as $$
  select coalesce(sum(amount), 0)::bigint from public.refunds
  where order_id = ordered and status = 'requested'
$$;
comment on function private.refunds_due(uuid) is 'Minor units of an order that are about to go back.';

-- Something may be due that a message, which is gone by now, came too early for.
create function private.look_again(ordered uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.outbox (type, subject)
  values ('order.payment_changed', jsonb_build_object('order_id', ordered));
  perform private.wake('orders');
end
$$;

-- The end of a compensation: stock that is still reserved is free again.
create function private.end_order(subject public.orders) returns void
language plpgsql
set search_path = ''
as $$
begin
  if not exists (
    select from public.stock_movements
    where order_id = subject.id and kind in ('released', 'sold')
  ) then
    perform private.release_stock(subject.id);
  end if;
  perform private.move_order(subject.id, subject.ending, jsonb_strip_nulls(jsonb_build_object(
    'failure_code', subject.failure_code, 'failure_message', subject.failure_message,
    'refunded', (select sum(refunded) from public.payments where order_id = subject.id))));
end
$$;

-- Turns an order back: its money goes back, then its stock is freed, then it ends as said.
create function private.compensate(
  subject public.orders, ends_as public.order_status, code text default null, message text default null
) returns void
language plpgsql
set search_path = ''
as $$
declare
  held constant bigint := private.money_left(subject.id);
  due constant bigint := private.refunds_due(subject.id);
begin
  update public.orders
  set ending = ends_as, failure_code = code, failure_message = message
  where id = subject.id
  returning * into subject;
  if held > due then
    perform private.request_refund(subject, held - due, coalesce(code, ends_as::text));
  elsif held = 0 then
    perform private.end_order(subject);
  end if;
end
$$;

create function private.charge_succeeded(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.record_payment(
    subject, data, case when (data ->> 'captured')::boolean then 'succeeded' else 'authorized' end);
  if subject.status = 'placed' and (subject.ending is null or subject.ending = 'payment_failed') then
    -- The shopper's confirmation came while the time for it ran out, and the stock is still theirs.
    update public.orders set ending = null, failure_code = null, failure_message = null
    where id = subject.id and ending is not null;
    perform private.move_order(subject.id, 'paid');
  else
    perform private.request_refund(subject, private.money_left(subject.id), 'charged_too_late');
  end if;
end
$$;

create function private.charge_failed(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  if data ->> 'reference' is not null then
    perform private.record_payment(
      subject, data, case data ->> 'failure_code' when 'canceled' then 'canceled' else 'failed' end);
  end if;
  if subject.status <> 'placed' then
    return;  -- it had ended, and no money came in after all
  elsif subject.ending is not null then
    perform private.end_order(subject);
  else
    perform private.release_stock(subject.id);
    perform private.move_order(
      subject.id, 'payment_failed', data - array['provider', 'reference', 'client_secret']);
  end if;
end
$$;

-- The bank asks the shopper something; meanwhile the stock stays reserved, but not for ever. Who gave the
-- order up while the charge was in flight, did so before there was something to cancel: now there is.
create function private.charge_waiting(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  if subject.ending is not null then
    perform private.look_again(subject.id);
  end if;
  if exists (
    select from public.payments where reference = data ->> 'reference' and status = 'requires_action'
  ) then
    return;
  end if;
  perform private.record_payment(subject, data, 'requires_action');
  update public.orders
  set reserved_until = clock_timestamp() + (select time_to_confirm from private.shop)
  where id = subject.id;
  perform private.note_event(subject.id, 'order.payment_action_required');
end
$$;

create function private.ship_succeeded(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.shipments (order_id, user_id, carrier, tracking_number, delivered_at)
  values (
    subject.id, subject.user_id, data ->> 'carrier', data ->> 'tracking_number',
    case when (data ->> 'delivered')::boolean then clock_timestamp() end);
  insert into public.stock_movements (product_id, order_id, kind, on_hand_change, reserved_change)
  select product_id, subject.id, 'sold', -quantity, -quantity
  from public.order_items
  where order_id = subject.id;
  perform private.move_order(subject.id, 'shipped', data - 'delivered');
end
$$;

create function private.ship_failed(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.compensate(
    subject,
    (case data ->> 'failure_code' when 'out_of_stock' then 'out_of_stock' else 'shipping_failed' end)
    ::public.order_status,
    data ->> 'failure_code', data ->> 'failure_message');
end
$$;

create function private.capture_succeeded(subject public.orders, data jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.record_payment(subject, data, 'succeeded');
  perform private.note_event(subject.id, 'order.payment_captured');
  perform private.complete_if_done(subject.id);
end
$$;

-- Money that was taken goes back by an entry; what was only authorised is let go.
create function private.refund_succeeded(subject public.orders, refund public.refunds, data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  left_over bigint;
begin
  update public.refunds set status = 'succeeded', reference = data ->> 'reference' where id = refund.id;
  update public.payments set status = 'canceled'
  where order_id = subject.id and status = 'authorized';
  insert into public.payment_entries (payment_id, order_id, kind, amount, currency, reference)
  select payment.id, subject.id, 'refund', refund.amount, subject.currency, data ->> 'reference'
  from public.payments as payment
  where payment.order_id = subject.id and payment.status = 'succeeded' and refund.amount > 0
  on conflict on constraint payment_entries_kind_reference_key do nothing;
  left_over := private.money_left(subject.id);
  subject := private.note_event(subject.id, 'order.refund_completed', jsonb_build_object(
    'refund_id', refund.id, 'amount', refund.amount, 'currency', refund.currency,
    'full', left_over = 0));
  if subject.ending is not null and left_over = 0 then
    perform private.end_order(subject);
  end if;
end
$$;

create function private.refund_failed(
  subject public.orders, refund public.refunds, intent private.order_steps, data jsonb
) returns void
language plpgsql
set search_path = ''
as $$
begin
  update private.order_steps
  set last_error = coalesce(data ->> 'failure_message', data ->> 'failure_code', last_error)
  where key = intent.key
  returning * into intent;
  perform private.give_to_people(
    subject, intent, 'refund_refused', jsonb_build_object('order_id', subject.id));
end
$$;

create function private.apply_outcome(
  subject public.orders, intent private.order_steps, outcome text, data jsonb
) returns void
language plpgsql
set search_path = ''
as $$
declare
  refund public.refunds;
begin
  if intent.step = 'refund' then
    select * into refund from public.refunds
    where order_id = subject.id and revision = intent.revision;
  end if;
  case intent.step || ' ' || outcome
    when 'charge succeeded' then perform private.charge_succeeded(subject, data);
    when 'charge failed' then perform private.charge_failed(subject, data);
    when 'charge waiting' then perform private.charge_waiting(subject, data);
    when 'ship succeeded' then perform private.ship_succeeded(subject, data);
    when 'ship failed' then perform private.ship_failed(subject, data);
    when 'ship waiting' then null;
    when 'capture succeeded' then perform private.capture_succeeded(subject, data);
    when 'capture failed' then perform private.give_to_people(
      subject, intent, 'capture_refused', jsonb_build_object('order_id', subject.id));
    when 'refund succeeded' then perform private.refund_succeeded(subject, refund, data);
    when 'refund failed' then perform private.refund_failed(subject, refund, intent, data);
    when 'refund waiting' then null;
    else raise exception 'no such outcome: % %', intent.step, outcome
      using errcode = 'invalid_parameter_value';
  end case;
end
$$;

-- The last step of an order: it has arrived, is paid for, and all its mails are dealt with.
create function private.complete_if_done(ordered uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select from public.orders where id = ordered and status = 'shipped' and ending is null)
    or not exists (select from public.shipments where order_id = ordered and delivered_at is not null)
    or exists (select from public.payments where order_id = ordered and status = 'authorized')
  then
    return;
  end if;
  if not exists (
    select
    from public.order_events as event
    join private.mail_templates as wanted on wanted.event_type = event.type
    left join public.emails as mail on mail.event_id = event.id and mail.template = wanted.template
    where event.order_id = ordered and (mail.id is null or mail.status in ('queued', 'claimed'))
  ) then
    perform private.move_order(ordered, 'completed');
  end if;
end
$$;
