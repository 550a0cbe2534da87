-- The verbs of the shop's staff: parcels, refunds, dead letters, mails, and the story of an order.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- The order, locked, for one of the staff.
create function private.order_for_staff(wanted uuid) returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
begin
  perform private.check_staff();
  perform private.lock_orders(array[wanted]);
  select * into subject from public.orders where id = wanted;
  if subject.id is null then
    perform private.refuse(404, 'order_not_found', 'There is no such order.');
  end if;
  return subject;
exception
  when lock_not_available then
    perform private.refuse(503, 'busy', 'This order is being worked on. Try again.');
end
$$;

-- Takes the step `ship` out of the carrier's hands: staff do it, or say that it cannot be done.
create function private.take_over_shipping(subject public.orders, new_state text) returns void
language plpgsql
set search_path = ''
as $$
begin
  if subject.status <> 'paid' or subject.ending is not null then
    perform private.refuse(409, 'order_not_shippable', 'Only a paid order can be shipped.',
      jsonb_build_object('status', subject.status));
  end if;
  insert into private.order_steps as known (order_id, step, key, state)
  values (subject.id, 'ship', private.step_key(subject.id, 'ship', 1), new_state)
  on conflict on constraint order_steps_pkey do update
  set state = excluded.state, starts = known.starts + 1
  where known.state = 'waiting'
    or known.state = 'started' and coalesce(known.leased_until < clock_timestamp(), known.failures = 0);
  if not found then
    perform private.refuse(409, 'shipping_in_progress', 'The carrier is being asked right now.');
  end if;
end
$$;

create function private.ship_order(wanted uuid, carrier text, tracking_number text) returns public.orders
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  subject public.orders := private.order_for_staff(wanted);
begin
  if not private.is_text(to_jsonb(carrier), 1, 100) or not private.is_text(to_jsonb(tracking_number), 1, 100) then
    perform private.refuse(422, 'invalid_shipment', 'A parcel has a carrier and a tracking number.');
  end if;
  if exists (
    select from public.shipments as known
    where known.order_id = wanted and known.carrier = ship_order.carrier
      and known.tracking_number = ship_order.tracking_number
  ) then
    return subject;
  end if;
  perform private.take_over_shipping(subject, 'succeeded');
  perform private.ship_succeeded(
    subject, jsonb_build_object('carrier', carrier, 'tracking_number', tracking_number));
  select * into subject from public.orders where id = wanted;
  return subject;
exception
  when unique_violation then
    perform private.refuse(409, 'tracking_number_used', 'Another order has this tracking number.');
end
$$;

create function private.fail_shipping(wanted uuid, code text, message text) returns public.orders
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  subject public.orders := private.order_for_staff(wanted);
begin
  if code is null or code not in ('out_of_stock', 'shipping_failed')
    or not private.is_text(to_jsonb(message), 1, 500)
  then
    perform private.refuse(422, 'invalid_failure', 'Say out_of_stock or shipping_failed, and why.');
  end if;
  if subject.ending = code::public.order_status or subject.status = code::public.order_status then
    return subject;
  end if;
  perform private.take_over_shipping(subject, 'failed');
  perform private.ship_failed(
    subject, jsonb_build_object('failure_code', code, 'failure_message', message));
  select * into subject from public.orders where id = wanted;
  return subject;
end
$$;

create function private.deliver_order(wanted uuid) returns public.orders
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  subject public.orders := private.order_for_staff(wanted);
begin
  update public.shipments set delivered_at = clock_timestamp()
  where order_id = wanted and delivered_at is null;
  if found then
    perform private.note_event(wanted, 'order.delivered');
    perform private.complete_if_done(wanted);
  elsif not exists (select from public.shipments where order_id = wanted) then
    perform private.refuse(409, 'order_not_shipped', 'This order has not been shipped.',
      jsonb_build_object('status', subject.status));
  end if;
  select * into subject from public.orders where id = wanted;
  return subject;
end
$$;

create function private.check_refund(subject public.orders, wanted bigint) returns bigint
language plpgsql stable
set search_path = ''
as $$
declare
  refundable constant bigint := coalesce(
    (select sum(captured - refunded) from public.payments where order_id = subject.id), 0)
    - private.refunds_due(subject.id);
begin
  if subject.ending is not null or subject.status not in ('paid', 'shipped', 'completed')
    or refundable <= 0
  then
    perform private.refuse(409, 'nothing_to_refund', 'There is no money to give back for this order now.',
      jsonb_build_object('status', subject.status, 'refundable', refundable));
  end if;
  wanted := coalesce(wanted, refundable);
  if wanted not between 1 and refundable then
    perform private.refuse(422, 'invalid_amount', 'The amount must be from 1 to what is left of the payment.',
      jsonb_build_object('refundable', refundable, 'currency', subject.currency));
  end if;
  if wanted = refundable and subject.status = 'paid' and not private.is_cancellable(subject) then
    perform private.refuse(409, 'shipping_in_progress', 'The carrier is being asked right now.');
  end if;
  return wanted;
end
$$;

create function private.refund_order(
  wanted uuid, amount bigint, currency text, reason text, idempotency_key uuid
) returns public.refunds
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  subject constant public.orders := private.order_for_staff(wanted);
  known public.refunds;
begin
  if idempotency_key is null then
    perform private.refuse(422, 'invalid_idempotency_key', 'A refund needs an idempotency key.');
  end if;
  if not private.is_text(to_jsonb(reason), 1, 500) then
    perform private.refuse(422, 'invalid_reason', 'Say in a few words why.');
  end if;
  if currency <> subject.currency then
    perform private.refuse(422, 'currency_mismatch', 'The order was not paid in that currency.',
      jsonb_build_object('currency', subject.currency));
  end if;
  select * into known from public.refunds as earlier
  where earlier.order_id = wanted and earlier.idempotency_key = refund_order.idempotency_key;
  if known.id is not null then
    if known.reason <> reason or known.amount <> coalesce(amount, known.amount) then
      perform private.refuse(422, 'idempotency_key_reused', 'This idempotency key belongs to another refund.');
    end if;
    return known;
  end if;
  amount := private.check_refund(subject, amount);
  if amount = private.money_left(wanted) - private.refunds_due(wanted) then
    if subject.status = 'paid' then
      update private.order_steps set state = 'failed'
      where order_id = wanted and step = 'ship' and state = 'waiting';
    end if;
    update public.orders
    set ending = case subject.status when 'paid' then 'cancelled' else 'refunded' end::public.order_status
    where id = wanted;
  end if;
  return private.request_refund(subject, amount, reason, idempotency_key);
end
$$;

create function private.resend_email(wanted uuid) returns public.emails
language plpgsql
security definer
set search_path = ''
as $$
declare
  again public.emails;
begin
  perform private.check_staff();
  insert into public.emails
    (event, event_id, order_id, user_id, alarm_id, report_id, template, recipient, resend)
  select
    mail.event, mail.event_id, mail.order_id, mail.user_id, mail.alarm_id, mail.report_id, mail.template, mail.recipient,
    (select max(resend) + 1 from public.emails as sent
      where sent.event = mail.event and sent.template = mail.template and sent.recipient = mail.recipient)
  from public.emails as mail
  where mail.id = wanted
  returning * into again;
  if again.id is null then
    perform private.refuse(404, 'email_not_found', 'There is no such mail.');
  end if;
  insert into private.outbox (type, subject)
  values ('email.resend', jsonb_build_object('email_id', again.id));
  perform private.wake('emails');
  return again;
end
$$;

create function private.list_dead_letters(only_open boolean, before bigint, max_rows integer)
returns setof private.dead_letters
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return query
    select * from private.dead_letters
    where (not only_open or resolution is null) and id < coalesce(before, 9223372036854775807)
    order by id desc
    limit greatest(1, least(max_rows, 1000));
end
$$;

-- Those of the same queue, reason and step.
create function private.retry_dead_letters_like(wanted bigint) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  letter private.dead_letters;
  alike bigint;
  retried integer := 0;
begin
  perform private.check_staff();
  select * into letter from private.dead_letters where id = wanted;
  if letter.id is null then
    perform private.refuse(404, 'dead_letter_not_found', 'There is no such dead letter.');
  end if;
  -- All at once and first, as everybody locks orders.
  perform private.lock_orders(array(
    select order_id from private.dead_letters
    where queue = letter.queue and reason = letter.reason and resolution is null));
  for alike in
    select other.id
    from private.dead_letters as other
    where other.queue = letter.queue and other.reason = letter.reason and other.resolution is null
      and (select step from private.order_steps where key = other.step_key)
        is not distinct from (select step from private.order_steps where key = letter.step_key)
    order by other.order_id, other.id
  loop
    perform private.retry_dead_letter(alike);
    retried := retried + 1;
  end loop;
  return retried;
end
$$;

create function private.acknowledge_alarm(wanted uuid) returns public.alarms
language plpgsql
security definer
set search_path = ''
as $$
declare
  alarm public.alarms;
begin
  perform private.check_staff();
  update public.alarms set cleared_at = coalesce(cleared_at, clock_timestamp()) where id = wanted
  returning * into alarm;
  if alarm.id is null then
    perform private.refuse(404, 'alarm_not_found', 'There is no such alarm.');
  end if;
  return alarm;
end
$$;

-- Everything that happened to an order, from all ledgers, by time.
create function private.order_history(wanted uuid)
returns table (at timestamptz, kind text, what text, data jsonb)
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return query
    select created_at, 'event', type, order_events.data || jsonb_strip_nulls(
      jsonb_build_object('version', version, 'status', status, 'actor', actor))
    from public.order_events where order_id = wanted
    union all
    select created_at, 'step', step, jsonb_build_object(
      'key', key, 'state', state, 'starts', starts, 'failures', failures, 'reference', reference,
      'last_error', last_error, 'updated_at', updated_at)
    from private.steps_of(wanted)
    union all
    select (failure ->> 'at')::timestamptz, 'failure', step, failure
    from private.steps_of(wanted), jsonb_array_elements(history) as failure
    union all
    select created_at, 'money', entry.kind, jsonb_build_object(
      'amount', amount, 'currency', currency, 'reference', reference)
    from public.payment_entries as entry where order_id = wanted
    union all
    select created_at, 'stock', moved.kind::text, jsonb_build_object(
      'product_id', product_id, 'on_hand_change', on_hand_change, 'reserved_change', reserved_change)
    from public.stock_movements as moved where order_id = wanted
    union all
    select created_at, 'mail', template, jsonb_build_object(
      'email_id', id, 'status', status, 'error', error, 'updated_at', updated_at)
    from public.emails where order_id = wanted
    union all
    select created_at, 'dead_letter', reason, jsonb_build_object(
      'dead_letter_id', id, 'cause', cause, 'resolution', resolution, 'resolved_at', resolved_at)
    from private.dead_letters where order_id = wanted
    order by 1;
end
$$;

create function public.ship_order(order_id uuid, carrier text, tracking_number text) returns public.orders
language sql set search_path = ''
as $$ select private.ship_order(order_id, carrier, tracking_number) $$;
comment on function public.ship_order(uuid, text, text) is
'Staff: say that a paid order''s parcel was handed over. The same parcel twice is once.
Refusals: staff_only, order_not_found, busy, order_not_shippable, shipping_in_progress, invalid_shipment,
tracking_number_used.';

create function public.fail_shipping(order_id uuid, code text, message text) returns public.orders
language sql set search_path = ''
as $$ select private.fail_shipping(order_id, code, message) $$;
comment on function public.fail_shipping(uuid, text, text) is
'Staff: say that a paid order cannot be shipped. code: out_of_stock or shipping_failed. Its money goes
back, then its stock is free. Refusals: staff_only, order_not_found, busy, order_not_shippable,
shipping_in_progress, invalid_failure.';

create function public.deliver_order(order_id uuid) returns public.orders
language sql set search_path = ''
as $$ select private.deliver_order(order_id) $$;
comment on function public.deliver_order(uuid) is
'Staff: say that the parcel has arrived. Refusals: staff_only, order_not_found, busy, order_not_shipped.';

create function public.refund_order(
  order_id uuid, reason text, idempotency_key uuid, amount bigint default null, currency text default null
) returns public.refunds
language sql set search_path = ''
as $$ select private.refund_order(order_id, amount, currency, reason, idempotency_key) $$;
comment on function public.refund_order(uuid, text, uuid, bigint, text) is
'Staff: give money back. amount: minor units; null is all that is left, which ends the order as refunded,
or as cancelled before it is shipped. currency: refused if not the order''s. The refund is done by the step `refund`; its row says how far it is.
Refusals: staff_only, order_not_found, busy, nothing_to_refund, invalid_amount, invalid_reason,
currency_mismatch, invalid_idempotency_key, idempotency_key_reused, shipping_in_progress.';

create function public.resend_email(email_id uuid) returns public.emails
language sql set search_path = ''
as $$ select private.resend_email(email_id) $$;
comment on function public.resend_email(uuid) is
'Staff: send a mail once more. Refusals: staff_only, email_not_found.';

create function public.dead_letters(
  only_open boolean default true, before bigint default null, max_rows integer default 100
)
returns table (
  id bigint, queue text, order_id uuid, step_key text, email_id uuid, reason text, cause text,
  attempts integer, history jsonb, message jsonb, created_at timestamptz, resolution text,
  resolved_at timestamptz, resolved_by uuid
)
language sql stable set search_path = ''
as $$
  select
    letter.id, letter.queue, letter.order_id, letter.step_key, letter.email_id, letter.reason,
    letter.cause, letter.attempts, letter.history, letter.message, letter.created_at,
    letter.resolution, letter.resolved_at, letter.resolved_by
  from private.list_dead_letters(only_open, before, max_rows) as letter
$$;
comment on function public.dead_letters(boolean, bigint, integer) is
'Staff: dead letters, newest first; before: an id to page on. Refusals: staff_only.';

create function public.retry_dead_letter(dead_letter_id bigint) returns text
language sql set search_path = ''
as $$ select (private.retry_dead_letter(dead_letter_id)).resolution $$;
comment on function public.retry_dead_letter(bigint) is
'Staff: try again, with the same effect key and new counters. Twice is once.
Refusals: staff_only, dead_letter_not_found, dead_letter_resolved.';

create function public.retry_dead_letters_like(dead_letter_id bigint) returns integer
language sql set search_path = ''
as $$ select private.retry_dead_letters_like(dead_letter_id) $$;
comment on function public.retry_dead_letters_like(bigint) is
'Staff: try this one and all open ones of the same queue, reason and step again; how many.
Refusals: staff_only, dead_letter_not_found.';

create function public.give_up_dead_letter(dead_letter_id bigint) returns text
language sql set search_path = ''
as $$ select (private.give_up_dead_letter(dead_letter_id)).resolution $$;
comment on function public.give_up_dead_letter(bigint) is
'Staff: try no more. An order turns back: a charge is made sure not to happen, or refunded; what could not
be shipped is refunded; then the stock is free. Twice is once.
Refusals: staff_only, dead_letter_not_found, dead_letter_resolved, cannot_give_up.';

create function public.acknowledge_alarm(alarm_id uuid) returns public.alarms
language sql set search_path = ''
as $$ select private.acknowledge_alarm(alarm_id) $$;
comment on function public.acknowledge_alarm(uuid) is
'Staff: clear an alarm. Refusals: staff_only, alarm_not_found.';

create function public.order_history(order_id uuid)
returns table (at timestamptz, kind text, what text, data jsonb)
language sql stable set search_path = ''
as $$ select * from private.order_history(order_id) $$;
comment on function public.order_history(uuid) is
'Staff: the story of an order: events, steps and their failures, money, stock, mails, dead letters, by
time. Refusals: staff_only.';

do $$
declare
  verb regprocedure;
begin
  foreach verb in array array[
    'private.ship_order(uuid, text, text)', 'public.ship_order(uuid, text, text)',
    'private.fail_shipping(uuid, text, text)', 'public.fail_shipping(uuid, text, text)',
    'private.deliver_order(uuid)', 'public.deliver_order(uuid)',
    'private.refund_order(uuid, bigint, text, text, uuid)', 'public.refund_order(uuid, text, uuid, bigint, text)',
    'private.resend_email(uuid)', 'public.resend_email(uuid)',
    'private.list_dead_letters(boolean, bigint, integer)', 'public.dead_letters(boolean, bigint, integer)',
    'private.retry_dead_letter(bigint)', 'public.retry_dead_letter(bigint)',
    'private.retry_dead_letters_like(bigint)', 'public.retry_dead_letters_like(bigint)',
    'private.give_up_dead_letter(bigint)', 'public.give_up_dead_letter(bigint)',
    'private.acknowledge_alarm(uuid)', 'public.acknowledge_alarm(uuid)',
    'private.order_history(uuid)', 'public.order_history(uuid)'
  ]::regprocedure[]
  loop
    execute format('grant execute on function %s to authenticated, service_role', verb);
  end loop;
end
$$;
