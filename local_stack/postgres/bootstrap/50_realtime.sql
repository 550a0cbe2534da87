-- What Realtime asks of the database for each change. It connects as authenticator, as PostgREST does,
-- and every function first becomes the subscriber's role: a subscriber learns nothing that REST hides.

set role supabase_realtime_admin;

grant usage on schema realtime to authenticator;

-- For each of the claims: does that subscriber see the row now? A policy that fails hides the row.
create or replace function realtime.visible_to(
  role_name text, claims text[], relation regclass, key_names text[], key_values text[]
) returns boolean[]
language plpgsql
as $$
declare
  relation_name text := relation;
  condition text;
  claim text;
  visible boolean;
  result boolean[] := '{}';
begin
  select string_agg(format('%I = %L', key.name, key.value), ' and ')
  into condition
  from unnest(key_names, key_values) as key (name, value);
  if exists (select from pg_catalog.pg_prepared_statements where name = 'realtime_visible') then
    deallocate realtime_visible;
  end if;
  perform set_config('role', role_name, true);
  begin
    -- Planned once for all subscribers: only the claims, which policies read, differ.
    execute format('prepare realtime_visible as select exists (select from %s where %s)',
      relation_name, condition);
  exception when others then
    return array_fill(false, array[cardinality(claims)]);
  end;
  foreach claim in array claims
  loop
    begin
      perform set_config('request.jwt.claims', claim, true);
      execute 'execute realtime_visible' into visible;
    exception when others then
      visible := false;
    end;
    result := result || visible;
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
  realtime.visible_to(text, text[], regclass, text[], text[]),
  realtime.canonical(text, text, text[]),
  realtime.filters_hold(text, jsonb, boolean),
  realtime.to_json(text, text[], text[])
from public;
grant execute on function
  realtime.visible_to(text, text[], regclass, text[], text[]),
  realtime.canonical(text, text, text[]),
  realtime.filters_hold(text, jsonb, boolean),
  realtime.to_json(text, text[], text[])
to authenticator;

reset role;
