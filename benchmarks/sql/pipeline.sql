-- What workers of others need: what a step is to do, and what becomes of the order. Each record is one
-- transaction, and does nothing the second time.

create function bench.job(step text, ordered uuid) returns jsonb language plpgsql as $$
declare
  subject public.orders;
  event public.order_events;
  lines jsonb;
begin
  select * into subject from public.orders where id = ordered;
  if step = 'charge' then
    return jsonb_build_object(
      'order_id', ordered, 'number', subject.number, 'key', private.step_key(ordered, step, 1),
      'starts', 1, 'reference', null, 'currency', subject.currency, 'amount', subject.total,
      'payment_method', subject.payment_method, 'capture', subject.capture, 'cancelling', false);
  end if;
  select jsonb_agg(jsonb_build_object(
    'product_id', product_id, 'name', name, 'unit_price', unit_price, 'quantity', quantity)
    order by name, product_id)
  into lines
  from public.order_items
  where order_id = ordered;
  if step = 'ship' then
    return jsonb_build_object(
      'order_id', ordered, 'number', subject.number, 'key', private.step_key(ordered, step, 1),
      'shipping_address', subject.shipping_address, 'items', lines);
  end if;
  select * into event from public.order_events
  where order_id = ordered and type = case step when 'confirm' then 'order.paid' else 'order.shipped' end;
  return jsonb_build_object(
    'email_id', md5('mail ' || event.id)::uuid, 'event_id', event.id, 'status', 'claimed',
    'template', case step when 'confirm' then 'order_confirmation' else 'order_shipped' end,
    'recipient', subject.email, 'language', 'en', 'data', event.data, 'order_id', ordered,
    'number', subject.number, 'total', subject.total, 'currency', subject.currency,
    'placed_at', subject.created_at, 'shipping_address', subject.shipping_address, 'items', lines);
end
$$;

create function bench.record(step text, ordered uuid, data jsonb) returns void language plpgsql as $$
declare
  subject public.orders;
begin
  select * into subject from public.orders where id = ordered for update;
  if step = 'charge' and subject.status = 'placed' then
    perform private.charge_succeeded(subject, data);
  elsif step = 'ship' and subject.status = 'paid' then
    perform private.ship_succeeded(subject, data);
  elsif step in ('confirm', 'announce') then
    insert into public.emails (
      id, event, event_id, order_id, user_id, template, recipient, status, claims)
    values (
      (data ->> 'email_id')::uuid, 'order-event-' || (data ->> 'event_id'),
      (data ->> 'event_id')::bigint, ordered, subject.user_id, data ->> 'template',
      data ->> 'recipient', 'sent', 1)
    on conflict do nothing;
    perform private.complete_if_done(ordered);
  end if;
end
$$;

-- Others need neither our outbox nor our wake-ups, and shall not pay for them.
create table bench.ours as
select pg_get_functiondef('private.record_event'::regproc) as record_event;
select bench.copy_changed(
  'record_event', 'record_event_alone', substring(
    pg_get_functiondef('private.record_event'::regproc) from '  insert into private.outbox.*''orders''\);\n'),
  '');
create procedure bench.use_outbox(wanted boolean) language plpgsql as $$
begin
  execute case when wanted then (select record_event from bench.ours) else replace(
    pg_get_functiondef('bench.record_event_alone'::regproc), 'bench.record_event_alone(',
    'private.record_event(') end;
end
$$;
