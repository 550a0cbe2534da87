-- Events that come from outside, by a message queue of somebody else's: each once, and never trusted.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.delivered_events (
  id text primary key,
  type text not null,
  received_at timestamptz not null default now()
);
comment on table private.delivered_events is
'Ids that the outer queue gave its messages, kept for longer than it keeps a message: 14 days at most.';
create index delivered_events_received_at_idx on private.delivered_events (received_at);
alter table private.delivered_events enable row level security;

-- An event says only that something has happened to somebody whom we know; what, is in our own rows.
create function private.subject_of_event(event jsonb) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  if event ->> 'type' <> 'user.created' then
    return (
      select jsonb_build_object('event_id', id, 'order_id', order_id)
      from public.order_events
      where order_id = private.order_of(event) and type = event ->> 'type'
      order by version desc
      limit 1);
  end if;
  return (
    select jsonb_build_object('user_id', id)
    from auth.users
    where id = private.order_of(jsonb_build_object('order_id', event -> 'user_id'))
      and email_confirmed_at is not null and email <> '' and not is_anonymous);
end
$$;

create function private.deliver_event(event jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  called constant text := event ->> 'type';
  subject jsonb;
begin
  if exists (select from private.delivered_events where id = event ->> 'id') then
    return 'repeated';
  elsif not exists (
    select from private.event_routes
    where event_type = called and (called like 'order.%' or called = 'user.created')
  ) then
    return 'unknown_type';
  end if;
  subject := private.subject_of_event(event);
  if subject is null then
    return 'unknown_subject';
  end if;
  insert into private.delivered_events (id, type) values (event ->> 'id', called) on conflict do nothing;
  if not found then
    return 'repeated';
  end if;
  insert into private.outbox (type, subject) values (called, subject);
  return 'delivered';
end
$$;

create function engine.deliver_events(events jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  event jsonb;
  happened text;
  held_up text[] := '{}';
begin
  -- A group keeps its order. What is in none goes by id, so that two calls with the same events do not wait for
  -- each other.
  for event in
    select value
    from jsonb_array_elements(events) with ordinality as given (value, place)
    order by value ->> 'group' nulls first,
      case when value ->> 'group' is null then value ->> 'id' end, place
  loop
    if event ->> 'group' = any (held_up) then
      happened := 'held_up';
    else
      happened := private.deliver_event(event);
    end if;
    if happened like 'unknown%' and event ->> 'group' is not null then
      held_up := held_up || (event ->> 'group');
    end if;
    return next jsonb_build_object('id', event -> 'id', 'effect', happened);
  end loop;
  perform private.route_events();
end
$$;
comment on function engine.deliver_events(jsonb) is
'Events from outside: [{id, type, order_id or user_id, group?}], each id once. They go where our own go, but
only if it did happen: the order has such an event, or the user has an account.
Each row: id and effect: delivered, repeated (nothing), unknown_type, unknown_subject, held_up (nothing: an
earlier event of its group was not delivered).';
grant execute on function engine.deliver_events(jsonb) to service_role;

create function private.forget_deliveries() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  forgotten integer;
begin
  delete from private.delivered_events where received_at < now() - interval '15 days';
  get diagnostics forgotten = row_count;
  return jsonb_build_object('deleted', forgotten);
end
$$;
comment on function private.forget_deliveries() is 'Removes ids of messages that cannot come again.';
insert into private.tasks (job, name, position) values ('daily', 'forget_deliveries', 90);
