-- Realtime's messages and what it asks of the database. It connects as authenticator, as PostgREST does,
-- and every question is answered in the subscriber's role: a subscriber learns nothing that REST hides.

set role supabase_realtime_admin;

grant usage on schema realtime to authenticator;

-- Its policies say who may read (select) and write (insert) on a private topic.
create table if not exists realtime.messages (
  id uuid not null default gen_random_uuid(),
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(),
  binary_payload bytea,
  primary key (id, inserted_at),
  constraint messages_payload_exclusive check (payload is null or binary_payload is null)
) partition by range (inserted_at);
create index if not exists messages_inserted_at_topic_index
on realtime.messages (inserted_at desc, topic) where extension = 'broadcast' and private;

alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to postgres, anon, authenticated, service_role;

-- One partition a day, from yesterday to the third day ahead; after three days it is dropped.
create or replace function realtime.keep_partitions() returns void
language plpgsql
security definer
set search_path = ''
set lock_timeout = '1s'
as $$
declare
  today date := now() at time zone 'utc';
  day date;
  partition_name text;
begin
  perform pg_advisory_xact_lock('realtime.messages'::regclass::bigint);
  for day in select today + n from generate_series(-1, 3) as n
  loop
    partition_name := to_char(day, '"messages_"YYYY_MM_DD');
    if to_regclass('realtime.' || partition_name) is null then
      execute format(
        'create table realtime.%I partition of realtime.messages for values from (%L) to (%L)',
        partition_name, day, day + 1
      );
      execute format('alter table realtime.%I enable row level security', partition_name);
    end if;
  end loop;
  for partition_name in
    select c.relname
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'realtime.messages'::regclass
      and c.relname < to_char(today - 3, '"messages_"YYYY_MM_DD')
  loop
    execute format('drop table realtime.%I', partition_name);
  end loop;
end
$$;

select realtime.keep_partitions();

-- The topic that a policy of realtime.messages is asked about.
create or replace function realtime.topic() returns text
language sql
stable
as $$
  select nullif(current_setting('realtime.topic', true), '')
$$;

-- A broadcast that fails must not fail the transaction it is about.
create or replace function realtime.send(
  payload jsonb, event text, topic text, private boolean default true
) returns void
language plpgsql
as $$
declare
  message_id uuid := gen_random_uuid();
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (id, payload, event, topic, private, extension)
  values (
    message_id,
    case when payload ? 'id' then payload else jsonb_set(payload, '{id}', to_jsonb(message_id)) end,
    event, topic, private, 'broadcast'
  );
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

create or replace function realtime.send_binary(
  payload bytea, event text, topic text, private boolean default true
) returns void
language plpgsql
as $$
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (binary_payload, event, topic, private, extension)
  values (payload, event, topic, private, 'broadcast');
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

-- For row triggers: tells a private topic what happened to the row.
create or replace function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text,
  new record, old record, level text default 'ROW'
) returns void
language plpgsql
as $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  end if;
  if operation not in ('INSERT', 'UPDATE', 'DELETE') then
    raise exception 'Unexpected operation type: %', operation;
  end if;
  perform realtime.send(
    jsonb_build_object(
      'old_record', old, 'record', new, 'operation', operation, 'table', table_name, 'schema', table_schema
    ),
    event_name, topic_name
  );
exception when others then
  raise exception 'Failed to process the row: %', sqlerrm;
end
$$;

-- Which extensions the role with these claims may read on the topic. The caller rolls back: this writes.
create or replace function realtime.readable(role_name text, claims text, topic_name text)
returns text[]
language plpgsql
as $$
declare
  probes uuid[] := array[gen_random_uuid(), gen_random_uuid()];
  result text[];
begin
  perform set_config('role', 'service_role', true);
  insert into realtime.messages (id, topic, extension)
  values (probes[1], topic_name, 'broadcast'), (probes[2], topic_name, 'presence');
  perform
    set_config('request.jwt.claims', claims, true),
    set_config('realtime.topic', topic_name, true),
    set_config('role', role_name, true);
  select coalesce(array_agg(m.extension), '{}') into result
  from realtime.messages as m where m.id = any (probes);
  return result;
end
$$;

-- Which extensions it may write on the topic. The caller rolls back.
create or replace function realtime.writable(role_name text, claims text, topic_name text)
returns text[]
language plpgsql
as $$
declare
  extension_name text;
  result text[] := '{}';
begin
  perform
    set_config('request.jwt.claims', claims, true),
    set_config('realtime.topic', topic_name, true),
    set_config('role', role_name, true);
  foreach extension_name in array array['broadcast', 'presence']
  loop
    begin
      insert into realtime.messages (topic, extension) values (topic_name, extension_name);
      result := result || extension_name;
    exception when insufficient_privilege then
      null;
    end;
  end loop;
  return result;
end
$$;

-- The newest broadcasts of a private topic, oldest first.
create or replace function realtime.recent(topic_name text, since timestamp, max_rows int)
returns table (id uuid, event text, payload text, binary_payload bytea)
language sql
stable
security definer
set search_path = ''
as $$
  select r.id, r.event, r.payload::text, r.binary_payload
  from (
    select *
    from realtime.messages as m
    where m.topic = topic_name and m.private and m.extension = 'broadcast'
      and m.inserted_at >= since
      and m.inserted_at < (now() at time zone 'utc') + interval '1 minute'
    order by m.inserted_at desc
    limit max_rows
  ) as r
  order by r.inserted_at
$$;

-- Each question names claims and the keys of rows: does that subscriber see each row now? Null stands for
-- all answers to a question whose policy failed.
drop function if exists realtime.visible_to(text, text[], regclass, text[], text[]);
create or replace function realtime.visible_to(
  role_name text, relation regclass, key_names text[], key_types text[], questions jsonb
) returns jsonb
language plpgsql
as $$
declare
  relation_name text := relation;
  condition text;
  question record;
  visible boolean[];
  result jsonb := '[]';
begin
  select string_agg(format('t.%I = (k.value ->> %s)::%s', c.name, c.position - 1, c.type), ' and ')
  into condition
  from unnest(key_names, key_types) with ordinality as c (name, type, position);
  if exists (select from pg_catalog.pg_prepared_statements where name = 'realtime_visible') then
    deallocate realtime_visible;
  end if;
  perform set_config('role', role_name, true);
  begin
    -- Planned once for all: only settings differ, the claims that policies read and the keys.
    execute format(
      'prepare realtime_visible as'
      ' select array_agg((select true from %s as t where %s limit 1) is not null order by k.position)'
      ' from jsonb_array_elements(current_setting(''realtime.keys'')::jsonb)'
      ' with ordinality as k (value, position)',
      relation_name, condition
    );
  exception when others then
    return (select jsonb_agg(null::boolean) from jsonb_array_elements(questions));
  end;
  for question in
    select * from jsonb_to_recordset(questions) as q (claims text, keys text)
  loop
    begin
      perform
        set_config('request.jwt.claims', question.claims, true),
        set_config('realtime.keys', question.keys, true);
      execute 'execute realtime_visible' into visible;
    exception when others then
      visible := null;
    end;
    result := result || jsonb_build_array(visible);
  end loop;
  return result;
end
$$;

-- Filter values as the type's output function writes them, which is how the change stream has them.
create or replace function realtime.canonical(role_name text, type_name text, wanted text[])
returns text[]
language plpgsql
as $$
declare
  result text[];
begin
  perform set_config('role', role_name, true);
  execute format(
    'select array_agg(format(''%%s'', w.value::%s) order by w.position)'
    ' from unnest($1) with ordinality as w (value, position)', type_name
  ) into result using wanted;
  return result;
end
$$;

-- For each filter condition {operator, negated, type, actual, wanted[]}: does it hold? Null does not.
create or replace function realtime.filters_hold(role_name text, conditions jsonb, strict boolean)
returns boolean[]
language plpgsql
as $$
declare
  condition record;
  template text;
  holds boolean;
  result boolean[] := '{}';
begin
  perform set_config('role', role_name, true);
  for condition in
    select *
    from jsonb_to_recordset(conditions)
      as c (operator text, negated boolean, type text, actual text, wanted text[])
  loop
    template := case condition.operator
      when 'eq' then '$1::%1$s = $2[1]::%1$s'
      when 'neq' then '$1::%1$s <> $2[1]::%1$s'
      when 'lt' then '$1::%1$s < $2[1]::%1$s'
      when 'lte' then '$1::%1$s <= $2[1]::%1$s'
      when 'gt' then '$1::%1$s > $2[1]::%1$s'
      when 'gte' then '$1::%1$s >= $2[1]::%1$s'
      when 'isdistinct' then '$1::%1$s is distinct from $2[1]::%1$s'
      when 'in' then '$1::%1$s = any ($2::%1$s[])'
      when 'like' then '$1 like $2[1]'
      when 'ilike' then '$1 ilike $2[1]'
      when 'match' then '$1 ~ $2[1]'
      when 'imatch' then '$1 ~* $2[1]'
      when 'is' then case condition.wanted[1]
        when 'null' then '$1 is null'
        when 'true' then '$1::%1$s is true'
        when 'false' then '$1::%1$s is false'
        when 'unknown' then '$1::%1$s is unknown'
      end
    end;
    begin
      execute 'select ' || format(template, condition.type)
        into strict holds using condition.actual, condition.wanted;
    exception when others then
      if strict then
        raise;
      end if;
      holds := null;
    end;
    result := result || coalesce(holds <> condition.negated, false);
  end loop;
  return result;
end
$$;

-- Values of types that have a JSON form of their own: arrays, composites, domains, hstore.
create or replace function realtime.to_json(role_name text, type_names text[], texts text[])
returns text[]
language plpgsql
as $$
declare
  item record;
  fragment text;
  result text[] := '{}';
begin
  perform set_config('role', role_name, true);
  for item in select * from unnest(type_names, texts) as i (type_name, value)
  loop
    begin
      execute format('select to_jsonb($1::%s)', item.type_name) into fragment using item.value;
    exception when others then
      fragment := to_jsonb(item.value);
    end;
    result := result || fragment;
  end loop;
  return result;
end
$$;

revoke execute on function
  realtime.keep_partitions(),
  realtime.readable(text, text, text),
  realtime.writable(text, text, text),
  realtime.recent(text, timestamp, int),
  realtime.visible_to(text, regclass, text[], text[], jsonb),
  realtime.canonical(text, text, text[]),
  realtime.filters_hold(text, jsonb, boolean),
  realtime.to_json(text, text[], text[])
from public;
grant execute on function
  realtime.keep_partitions(),
  realtime.readable(text, text, text),
  realtime.writable(text, text, text),
  realtime.recent(text, timestamp, int),
  realtime.visible_to(text, regclass, text[], text[], jsonb),
  realtime.canonical(text, text, text[]),
  realtime.filters_hold(text, jsonb, boolean),
  realtime.to_json(text, text[], text[])
to authenticator;

reset role;

do $$
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime_messages_publication') then
    create publication supabase_realtime_messages_publication for table realtime.messages
    with (publish = 'insert', publish_via_partition_root = true);
  end if;
end
$$;
