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

-- What the news of a payment means for its order. A step in flight will find out by itself. No order is
-- locked for this: nothing is decided here, the order's step only looks at the provider.
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
    where reference = payment ->> 'reference'
      and case payment ->> 'status'
        when 'succeeded' then status = 'succeeded'
        when 'authorized' then status in ('authorized', 'succeeded', 'canceled')
        else status in ('succeeded', 'canceled', 'failed')
      end
  ) then
    return 'known';
  end if;
  select * into charge from private.order_steps
  where order_id = subject.id and step = 'charge' and revision = 1;
  if charge.key is null or payment ->> 'key' is distinct from charge.key then
    return 'foreign';
  elsif subject.status = 'placed' and coalesce(charge.leased_until < clock_timestamp(), true) then
    perform private.look_again(subject.id);
    return 'looked_up';
  elsif subject.status in ('cancelled', 'payment_failed')
    and payment ->> 'status' in ('succeeded', 'authorized')
  then
    -- Not believed, but asked about: if money came in after the end, the step sends it back.
    update private.order_steps set state = 'waiting', reference = payment ->> 'reference'
    where key = charge.key and state in ('succeeded', 'failed');
    perform private.look_again(subject.id);
    return 'looked_up';
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
  if subject.archived_at is not null then
    perform private.unarchive_order(subject.id);
  end if;
  if subject.id is null then
    return happened;
  elsif event ->> 'type' in ('refund.updated', 'refund.failed') and exists (
    select from private.order_steps
    where order_id = subject.id and step = 'refund' and state = 'waiting'
  ) then
    perform private.look_again(subject.id);
    happened := 'looked_up';
  elsif event ->> 'type' = 'refund.failed' then
    perform private.raise_alarm(
      'refund_failed', 'order ' || subject.number, coalesce(event -> 'refund', '{}'));
    happened := 'alarmed';
  elsif event ? 'payment' then
    happened := private.apply_payment_news(subject, event);
  end if;
  update private.payment_events set effect = happened where id = event ->> 'id';
  return happened;
end
$$;

-- What an event says contradicts our books, or makes no sense: it is kept, and people look at it.
create function private.doubt_payment_event(event jsonb, why text) returns text
language plpgsql
set search_path = ''
as $$
declare
  called constant text := left(coalesce(event ->> 'id', ''), 255);
begin
  insert into private.payment_events (id, type, order_id, effect)
  select called, coalesce(event ->> 'type', ''), private.order_of(event), 'alarmed'
  where called <> ''
  on conflict (id) do nothing;
  perform private.raise_alarm(
    'ledger', 'payment event ' || called, jsonb_build_object('error', why, 'order_id', event -> 'order_id'));
  return 'alarmed';
end
$$;

create function engine.receive_payment_events(events jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  event jsonb;
  happened text;
begin
  for event in select value from jsonb_array_elements(events)
  loop
    -- One bad event must not undo its neighbours, nor come again for ever.
    begin
      happened := private.receive_payment_event(event);
    exception
      when data_exception or integrity_constraint_violation or raise_exception then
        happened := private.doubt_payment_event(event, sqlerrm);
    end;
    return next jsonb_build_object('id', event -> 'id', 'effect', happened);
  end loop;
end
$$;
comment on function engine.receive_payment_events(jsonb) is
'Verified events of the payment provider. events: [{id, type, order_id, payment?: {provider, reference,
key, status, amount, currency}, refund?: {…}}].
Each row: id and effect: repeated (nothing), ignored, foreign, known, in_progress, looked_up,
alarmed.';
grant execute on function engine.receive_payment_events(jsonb) to service_role;
