-- Webhooks of the payment provider: each event once, in any order, and never trusted over our own state.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.payment_events (
  id text primary key check (char_length(id) between 1 and 255),
  type text not null,
  order_id uuid,
  effect text not null,
  received_at timestamptz not null default now()
);
comment on table private.payment_events is
'Ids of the provider''s events that were received, kept for 90 days, and what each of them did.';
create index payment_events_received_at_idx on private.payment_events (received_at);
alter table private.payment_events enable row level security;

-- Money came in for an order that had ended, or had been given up: it goes back.
create function private.return_late_payment(subject public.orders, payment jsonb) returns text
language plpgsql
set search_path = ''
as $$
begin
  perform private.record_payment(subject, payment, 'succeeded');
  perform private.request_refund(subject, subject.total, 'charged_too_late');
  return 'refund_requested';
end
$$;

-- What the news of a payment means for its order. A step in flight will find out by itself.
create function private.apply_payment_news(subject public.orders, event jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  payment constant jsonb := event -> 'payment';
  charge private.order_steps;
begin
  if exists (
    select from public.payments
    where reference = payment ->> 'reference' and status in ('succeeded', 'canceled', 'failed')
      and (payment ->> 'status' <> 'succeeded' or captured > 0 or amount = 0)
  ) then
    return 'known';
  end if;
  select * into charge from private.order_steps
  where order_id = subject.id and step = 'charge' and revision = 1;
  if charge.key is null or payment ->> 'key' is distinct from charge.key then
    return 'foreign';
  elsif subject.status = 'placed' and coalesce(charge.leased_until < clock_timestamp(), true) then
    insert into private.outbox (type, subject)
    values ('order.payment_changed', jsonb_build_object('order_id', subject.id));
    perform private.wake('orders');
    return 'looked_up';
  elsif subject.status in ('cancelled', 'payment_failed') and payment ->> 'status' = 'succeeded' then
    return private.return_late_payment(subject, payment);
  end if;
  return 'in_progress';
end
$$;

create function private.receive_payment_event(event jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
  happened text := 'ignored';
begin
  insert into private.payment_events (id, type, order_id, effect)
  values (event ->> 'id', event ->> 'type', private.order_of(event), happened)
  on conflict (id) do nothing;
  if not found then
    return 'repeated';
  end if;
  select * into subject from public.orders where id = private.order_of(event);
  if subject.id is null then
    return happened;
  elsif event ->> 'type' = 'refund.failed' then
    perform private.raise_alarm('refund_failed', 'order ' || subject.number, event -> 'refund');
    happened := 'alarmed';
  elsif event ->> 'type' = 'refund.updated' then
    insert into private.outbox (type, subject)
    select 'order.payment_changed', jsonb_build_object('order_id', subject.id)
    from private.order_steps
    where order_id = subject.id and step = 'refund' and state = 'waiting';
    happened := 'looked_up';
  elsif event ? 'payment' then
    happened := private.apply_payment_news(subject, event);
  end if;
  update private.payment_events set effect = happened where id = event ->> 'id';
  return happened;
end
$$;

create function engine.receive_payment_events(events jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  event jsonb;
begin
  perform private.lock_orders(
    array(select private.order_of(value) from jsonb_array_elements(events)));
  for event in select value from jsonb_array_elements(events)
  loop
    return next jsonb_build_object('id', event -> 'id', 'effect', private.receive_payment_event(event));
  end loop;
end
$$;
comment on function engine.receive_payment_events(jsonb) is
'Verified events of the payment provider. events: [{id, type, order_id, payment?: {provider, reference,
key, status, amount, currency}, refund?: {…}}].
Each row: id and effect: repeated (nothing), ignored, foreign, known, in_progress, looked_up,
refund_requested, alarmed.';
grant execute on function engine.receive_payment_events(jsonb) to service_role;
